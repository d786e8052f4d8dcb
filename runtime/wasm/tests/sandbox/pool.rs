//! More instances wanted than there may be: they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use veltrix_wasm::{CallErrorKind, SandboxConfig};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn instances_beyond_the_pool_wait_and_do_not_fail() {
    for large_module in [u64::MAX, 0] {
        // On demand an eighth of them is alive at once.
        let max_instances = if large_module == 0 { 16 * 8 } else { 16 };
        let sandbox = sandbox(SandboxConfig { max_instances, large_module, ..SandboxConfig::default() });
        let module = sandbox.load(misbehaving()).await.unwrap();
        let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
        let alive = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (function, alive, most) = (function.clone(), Arc::clone(&alive), Arc::clone(&most));
            calls.spawn(async move {
                let mut instance = function.instance().await.unwrap();
                most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                call(&mut instance, &["sleep:30", "block:10"]).await.unwrap();
                alive.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while sandbox.waiting() == 0 {
            assert!(!calls.is_empty() && calls.try_join_next().is_none(), "none had to wait");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(calls.join_all().await.len(), 64);
        assert_eq!(most.load(Ordering::SeqCst), 16);
        assert_eq!(sandbox.waiting(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_gives_up_waiting_is_forgotten() {
    let sandbox = sandbox(SandboxConfig { max_instances: 1, ..SandboxConfig::default() });
    let module = sandbox.load(misbehaving()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let first = function.instance().await.unwrap();
    tokio::time::timeout(Duration::from_millis(50), function.instance()).await.expect_err("there is none left");
    assert_eq!(sandbox.waiting(), 0);
    drop(first);
    let mut second = function.instance().await.unwrap();
    call(&mut second, &["ack"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_outlive_the_sandbox_and_are_interrupted_after_a_rest() {
    let sandbox = sandbox(SandboxConfig { max_instances: 2, ..SandboxConfig::default() });
    let module = sandbox.load(misbehaving()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    drop((sandbox, module, function));
    // Long enough for the thread that interrupts them to have gone to sleep.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let error = call(&mut instance, &["spin"]).await.expect_err("it is interrupted still");
    assert_eq!(error.kind, CallErrorKind::Cpu);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_needs_more_than_its_share_waits_for_others_to_end() {
    // Sixteen tables are set aside for four instances; this needs five more than the handler's module.
    let tables = |count| {
        let core = "(core module $t (table 1 funcref) (table 1 funcref))";
        let instances = "(core instance (instantiate $t))".repeat(count);
        include_str!("small.wat").replacen("(component", &format!("(component {core} {instances}"), 1)
    };
    let sandbox = sandbox(SandboxConfig { max_instances: 4, ..SandboxConfig::default() });
    let load = async |count| {
        let module = sandbox.load_bytes(tables(count).into_bytes()).await.unwrap();
        sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap()
    };
    let greedy = load(5).await;
    let first = greedy.instance().await.unwrap();
    let second = tokio::spawn({
        let greedy = greedy.clone();
        async move { greedy.instance().await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!second.is_finished(), "it waits");
    drop(first);
    let mut second = second.await.unwrap().expect("it has found its place");
    second.call(b"echo", budget(1), Arc::new(Host::default())).await.unwrap();
    drop(second);
    let error = load(9).await.instance().await.expect_err("no pool of this size has room for it");
    assert!(error.message.contains("limit"), "{error}");
}
