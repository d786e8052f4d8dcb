//! Guests that take too much: they end, their neighbours do not notice.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use veltrix_wasm::{CallErrorKind, Limits};

use crate::support::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_guest_dies_within_its_budget_while_a_neighbour_works() {
    let mut neighbour = instance(LIMITS).await;
    let mut spinning = instance(LIMITS).await;
    let since = Instant::now();
    let spin = tokio::spawn(async move { (call(&mut spinning, &["spin"]).await, since.elapsed()) });
    let mut calls = 0;
    while !spin.is_finished() {
        call(&mut neighbour, &["ack"]).await.unwrap();
        calls += 1;
    }
    let (ended, after) = spin.await.unwrap();
    let error = ended.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Cpu);
    assert!(error.message.contains("200 ms of CPU"), "{error}");
    assert!(after >= Duration::from_millis(190), "died after {after:?}");
    assert!(after < Duration::from_secs(5), "died after {after:?}");
    assert!(calls > 100, "the neighbour got {calls} calls");
}

#[tokio::test(flavor = "current_thread")]
async fn a_spinning_guest_shares_its_thread() {
    let mut neighbour = instance(LIMITS).await;
    let mut spinning = instance(LIMITS).await;
    let spin = tokio::spawn(async move { call(&mut spinning, &["spin"]).await });
    let mut calls = 0;
    while !spin.is_finished() {
        call(&mut neighbour, &["ack"]).await.unwrap();
        tokio::task::yield_now().await;
        calls += 1;
    }
    assert_eq!(spin.await.unwrap().unwrap_err().kind, CallErrorKind::Cpu);
    assert!(calls > 20, "the neighbour got {calls} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_grows_with_the_events() {
    let limits = Limits { cpu: Duration::from_millis(10), ..LIMITS };
    let mut one = instance(limits).await;
    assert_eq!(call(&mut one, &["spin-ms:1000"]).await.unwrap_err().kind, CallErrorKind::Cpu);
    let mut many = instance(limits).await;
    let mut values = vec!["ack"; 149];
    values.push("spin-ms:1000");
    call(&mut many, &values).await.unwrap();
    assert!(many.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_costs_no_cpu() {
    let limits = Limits { cpu: Duration::from_millis(20), ..LIMITS };
    let mut instance = instance(limits).await;
    // Many short waits: each resumes the guest, with an interruption due.
    for _ in 0..100 {
        call(&mut instance, &["sleep:3"]).await.unwrap();
    }
    call(&mut instance, &["sleep:500"]).await.unwrap();
    assert!(instance.cpu() < Duration::from_millis(10), "charged {:?}", instance.cpu());
    let values = vec!["cql:x"; 200];
    call(&mut instance, &values).await.unwrap();
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_waits_cost_no_cpu_either() {
    let limits = Limits { cpu: Duration::from_millis(50), ..LIMITS };
    let mut instance = instance(limits).await;
    call(&mut instance, &["block:300"]).await.unwrap();
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_ends_a_hanging_call() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let mut budget = budget(2);
    budget.wall = Duration::from_millis(150);
    let since = Instant::now();
    let error = instance.call(batch(&["hang", "ack"]), budget, host.clone()).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Deadline);
    assert!(since.elapsed() < Duration::from_secs(5));
    assert!(!instance.reusable());
    drop(instance);
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_ends_a_blocking_and_a_spinning_call() {
    let limits = Limits { cpu: Duration::from_secs(60), ..LIMITS };
    for value in ["block:60000", "spin"] {
        let mut instance = instance(limits).await;
        let mut budget = budget(1);
        budget.wall = Duration::from_millis(150);
        let call = instance.call(batch(&[value]), budget, Arc::new(Host::default()));
        let error = tokio::time::timeout(Duration::from_secs(10), call).await.unwrap().unwrap_err();
        assert_eq!(error.kind, CallErrorKind::Deadline, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_ends_at_its_limit() {
    let error = fails(Limits { memory: 16 * MIB, ..LIMITS }, "allocate").await;
    assert_eq!(error.kind, CallErrorKind::Memory);
    assert!(error.message.contains("its limit is 16777216"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_at_half_its_memory_is_not_reused() {
    let limits = Limits { memory: 16 * MIB, ..LIMITS };
    let mut instance = instance(limits).await;
    call(&mut instance, &["hold:2000000"]).await.unwrap();
    assert!(instance.reusable(), "{} bytes", instance.memory());
    call(&mut instance, &["hold:8000000"]).await.unwrap();
    assert!(instance.memory() >= 8 * MIB, "{} bytes", instance.memory());
    assert!(!instance.reusable());
    call(&mut instance, &["ack"]).await.expect("it is sound all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn recursion_traps() {
    let error = fails(LIMITS, "recurse").await;
    assert_eq!(error.kind, CallErrorKind::Trap);
    // The guest's own stack, in its memory, ends before the one that the engine counts.
    assert!(error.message.contains("in misbehaving::act::recurse ("), "names the function: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn host_calls_in_flight_are_bounded() {
    let limits = Limits { cpu: Duration::from_secs(20), ..LIMITS };
    let error = fails(limits, "hangs:100000").await;
    assert_eq!(error.kind, CallErrorKind::Malformed);
    assert!(error.message.contains("host calls open"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_call_carries_is_bounded() {
    let limits = Limits { memory: 512 * MIB, ..LIMITS };
    let error = fails(limits, "settle-bytes:100000000").await;
    assert_eq!(error.kind, CallErrorKind::Malformed);
    assert!(error.message.contains("too much data"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logs_is_cut_and_counted() {
    let limits = Limits { cpu: Duration::from_secs(20), ..LIMITS };
    let mut instance = instance(limits).await;
    let host = Arc::new(Host::default());
    instance.call(batch(&["flood:20000"]), budget(1), host.clone()).await.unwrap();
    let lines = host.lines();
    assert_eq!(lines.len(), 121, "100 lines, 20 for the event, and the count");
    assert_eq!(lines[120].2, "19880 further log lines of this call were dropped");
    assert_eq!(lines[120].0, 4);

    let host = Arc::new(Host::default());
    instance.call(batch(&["print-bytes:5000000"]), budget(1), host.clone()).await.unwrap();
    let bytes: usize = host.lines().iter().map(|(_, _, line)| line.len()).sum();
    assert!(bytes <= (1 << 20) + 100, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn recursion_on_the_engines_stack_traps() {
    let (sandbox, _) = shared().await;
    let text =
        include_str!("small.wat").replace("(call $return (local.get 0) (local.get 1))", "(call $again)").replace(
            "(func (export \"callback\")",
            "(func $again (local i64) (call $again) (drop (local.get 0))) (func (export \"callback\")",
        );
    let module = sandbox.load_bytes(text.into_bytes()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    let error = instance.call(Vec::new(), budget(1), Arc::new(Host::default())).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Trap);
    assert!(error.message.contains("recursed too deep"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_that_the_module_forbids_itself_is_not_charged() {
    let (sandbox, _) = shared().await;
    // Its memory may have 18 pages and has 17: a growth by 100 fails, again and again.
    let text = include_str!("small.wat")
        .replace("(memory (export \"memory\") 17)", "(memory (export \"memory\") 17 18)")
        .replace("(result i32) (i32.const 1024)", "(result i32) (drop (memory.grow (i32.const 100))) (i32.const 1024)");
    let module = sandbox.load_bytes(text.into_bytes()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    for _ in 0..20 {
        instance.call(b"echo", budget(1), Arc::new(Host::default())).await.unwrap();
    }
    assert_eq!(instance.memory(), 17 * 65_536);
}
