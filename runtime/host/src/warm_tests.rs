//! Few places, several functions.

use std::time::Duration;

use veltrix_manifest::Instances;
use veltrix_wasm::{Limits, Module, Sandbox, SandboxConfig};

use super::*;
use crate::function::{Config, Function};

/// A function that echoes, quick to compile.
const ECHO: &str = include_str!("../../wasm/tests/sandbox/small.wat");
const PATIENCE: Duration = Duration::from_secs(60);

fn sandbox(max_instances: u32, large_module: u64) -> Sandbox {
    Sandbox::new(SandboxConfig { max_instances, large_module, ..SandboxConfig::default() }).unwrap()
}

async fn module(sandbox: &Sandbox) -> Module {
    sandbox.load_bytes(ECHO.into()).await.unwrap()
}

fn linked(sandbox: &Sandbox, module: &Module) -> veltrix_wasm::Function {
    let limits = Limits { memory: 64 << 20, cpu: Duration::from_secs(5), deadline: PATIENCE };
    sandbox.function(module, limits, Arc::new(Config::default())).unwrap()
}

async fn fill(kept: &Kept, count: usize) {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(kept.instance(true).await.unwrap());
    }
    made.into_iter().for_each(|worker| kept.put_back(worker));
    assert_eq!(kept.len(), count);
}

#[tokio::test]
async fn the_longest_idle_instance_of_any_function_makes_room_for_another() {
    let sandbox = sandbox(4, u64::MAX);
    let module = module(&sandbox).await;
    let warm = Arc::<Warm>::default();
    let [first, second, third] = [0; 3].map(|_| warm.keep(linked(&sandbox, &module)));
    fill(&second, 2).await;
    fill(&first, 2).await;

    let worker = tokio::time::timeout(PATIENCE, third.instance(false)).await.expect("it need not wait").unwrap();
    assert_eq!((first.len(), second.len(), warm.evicted.get()), (2, 1, 1), "second's were idle for longer");
    third.put_back(worker);
    assert_eq!(third.len(), 1, "nobody waits, so it is kept");

    // A fresh one may push out its own function's, and a function that has gone keeps nobody from their place.
    drop(first);
    let two = tokio::time::timeout(PATIENCE, async { (third.instance(true).await, third.instance(true).await) });
    let (one, other) = two.await.expect("there is room for both");
    drop((one.unwrap(), other.unwrap()));
    assert_eq!((second.len(), third.len(), warm.evicted.get()), (1, 1, 1));
    let three = [third.instance(true).await, third.instance(true).await, third.instance(true).await];
    assert!(three.iter().all(Result::is_ok));
    assert_eq!((second.len(), third.len(), warm.evicted.get()), (0, 1, 2));
    let last = tokio::time::timeout(PATIENCE, third.instance(true)).await.expect("its own idle one goes").unwrap();
    assert_eq!((third.len(), warm.evicted.get()), (0, 3));
    drop((three, last));
    assert_eq!(sandbox.waiting(), 0);
}

#[tokio::test]
async fn an_instance_that_another_function_waits_for_is_not_kept() {
    let sandbox = sandbox(1, u64::MAX);
    let module = module(&sandbox).await;
    let warm = Arc::<Warm>::default();
    let (first, second) = (warm.keep(linked(&sandbox, &module)), warm.keep(linked(&sandbox, &module)));
    let at_work = first.instance(false).await.unwrap();
    let mut waits = std::pin::pin!(second.instance(false));
    let begun = tokio::time::timeout(Duration::from_millis(20), &mut waits).await;
    assert!(begun.is_err() && sandbox.waiting() == 1, "the only one is at work");
    first.put_back(at_work);
    assert_eq!(first.len(), 0);
    tokio::time::timeout(PATIENCE, waits).await.expect("its place is free").unwrap();
    assert_eq!(warm.evicted.get(), 0, "none was idle");
}

#[tokio::test]
async fn large_modules_have_places_of_their_own() {
    // Eight places, and one for such as the second.
    let padded = format!("{ECHO}\n;; {}", "x".repeat(100));
    let sandbox = sandbox(8, padded.len() as u64);
    let loaded = [module(&sandbox).await, sandbox.load_bytes(padded.into()).await.unwrap()];
    let warm = Arc::<Warm>::default();
    let [small, large, other] = [0, 1, 1].map(|index| warm.keep(linked(&sandbox, &loaded[index])));
    fill(&small, 2).await;
    let at_work = large.instance(false).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(20), other.instance(false)).await;
    assert!(waits.is_err(), "the only place is taken");
    assert_eq!((small.len(), warm.evicted.get()), (2, 0), "a small one's place is of no use to it");
    large.put_back(at_work);
    assert_eq!(large.len(), 1);
    let _other = tokio::time::timeout(PATIENCE, other.instance(false)).await.expect("there is one idle").unwrap();
    assert_eq!((small.len(), large.len(), warm.evicted.get()), (2, 0, 1));
}

#[tokio::test]
async fn fresh_instances_serve_one_call_and_those_to_reuse_serve_the_next() {
    let sandbox = sandbox(4, u64::MAX);
    let module = module(&sandbox).await;
    for (instances, kept) in [(Instances::Reuse, 1), (Instances::Fresh, 0)] {
        let warm = Arc::default();
        let function = Function::new("relay", (linked(&sandbox, &module), &warm), &[], instances, None);
        let first = function.instance(false).await.unwrap();
        let statements = Arc::clone(&first.statements);
        function.put_back(first);
        assert_eq!(function.idle(), kept);
        let second = function.instance(false).await.unwrap();
        assert_eq!(Arc::ptr_eq(&statements, &second.statements), kept == 1, "{instances:?}");
        let fresh = function.instance(true).await.unwrap();
        assert!(!Arc::ptr_eq(&statements, &fresh.statements), "asked for");
    }
}
