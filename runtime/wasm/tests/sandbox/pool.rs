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
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(sandbox.waiting() > 0);
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
