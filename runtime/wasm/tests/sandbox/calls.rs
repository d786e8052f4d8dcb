//! Calls that end well, and ends that the guest brings upon itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use veltrix_frame::{Control, Outcome, Verdict};
use veltrix_wasm::{CallErrorKind, LEVEL_MISCONFIGURED, LEVEL_PANIC, Limits, WHOLE_BATCH, World};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn hands_over_a_batch_and_gets_its_verdicts() {
    let mut instance = instance(LIMITS).await;
    let outcome = call(&mut instance, &["ack", "skip", "retry:5", "dead-letter:why"]).await.unwrap();
    let expected = [Verdict::Ack, Verdict::Skip, Verdict::Retry, Verdict::DeadLetter];
    assert_eq!(verdicts(&outcome), (0..).zip(expected).collect::<Vec<_>>());
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn statics_survive_a_call_and_not_an_instance() {
    let mut first = instance(LIMITS).await;
    assert_eq!(ask(&mut first, "count").await, "1");
    assert_eq!(ask(&mut first, "count").await, "2");
    drop(first);
    assert_eq!(ask(&mut instance(LIMITS).await, "count").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_ten_thousand_calls() {
    let (sandbox, _) = shared().await;
    let module = sandbox.load_bytes(include_bytes!("small.wat").to_vec()).await.unwrap();
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).unwrap();
    let mut instance = function.instance().await.unwrap();
    let host = Arc::new(Host::default());
    for served in 0..10_000 {
        assert!(instance.reusable(), "after {served} calls");
        instance.call(b"echo", budget(1), host.clone()).await.unwrap();
    }
    assert!(!instance.reusable(), "it is replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_wait_side_by_side() {
    let mut instance = instance(LIMITS).await;
    let values = vec!["sleep:200"; 300];
    let since = Instant::now();
    let outcome = call(&mut instance, &values).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(5), "they waited one after another");
    assert_eq!(verdicts(&outcome).len(), 300);
    assert!(instance.reusable(), "no sleep is left open");
}

#[tokio::test(flavor = "multi_thread")]
async fn traps_say_where() {
    let error = fails(LIMITS, "trap").await;
    assert_eq!(error.kind, CallErrorKind::Trap);
    assert!(error.message.contains("abort"), "{error}");
    assert_eq!((error.panicked_event, error.marked), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_hook_names_its_event() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let values = ["ack", "ack", "panic-named:out of stock"];
    let error = instance.call(batch(&values), budget(3), host.clone()).await.unwrap_err();
    assert_eq!((error.kind, error.panicked_event), (CallErrorKind::Trap, Some(2)));
    assert_eq!(error.message, "panicked: out of stock");
    assert_eq!(host.lines(), [(LEVEL_PANIC, 2, "out of stock".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_it_is_misconfigured_failed_to_start() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let values = ["ack", "misconfigured:no table"];
    let error = instance.call(batch(&values), budget(2), host.clone()).await.unwrap_err();
    assert_eq!((error.kind, error.panicked_event), (CallErrorKind::Instantiate, None));
    assert_eq!(error.message, "no table");
    assert_eq!(host.lines(), [(LEVEL_MISCONFIGURED, WHOLE_BATCH, "no table".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_without_hook_is_an_unnamed_trap() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let error = instance.call(batch(&["panic:boo"]), budget(1), host.clone()).await.unwrap_err();
    assert_eq!((error.kind, error.panicked_event), (CallErrorKind::Trap, None));
    let lines = host.lines();
    assert!(lines.iter().any(|(level, _, line)| *level == 5 && line.contains("boo")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn isolate_mode_marks_and_others_do_not() {
    for isolate in [true, false] {
        let mut instance = instance(LIMITS).await;
        let host = Arc::new(Host::default());
        let control = Control { isolate: true, ..Control::default() };
        let mut budget = budget(3);
        budget.isolate = isolate;
        let values = ["ack", "trap", "ack"];
        let error = instance.call(frame(&values, control), budget, host.clone()).await.unwrap_err();
        assert_eq!(error.marked, isolate.then_some(1));
        assert_eq!(*host.marked.lock().unwrap(), if isolate { vec![0, 1] } else { vec![] });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_survives_the_trap() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let error = instance.call(batch(&["settle-trap"]), budget(1), host.clone()).await.unwrap_err();
    assert_eq!(error.kind, CallErrorKind::Trap);
    let settled = host.settled.lock().unwrap();
    assert_eq!(verdicts(&settled[0]), [(0, Verdict::Ack)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_in_settle_ends_the_call() {
    let error = fails(LIMITS, "settle-garbage").await;
    assert_eq!(error.kind, CallErrorKind::Malformed);
    assert!(error.message.starts_with("broke the contract: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_is_passed_on_unread() {
    let mut instance = instance(LIMITS).await;
    assert_eq!(call(&mut instance, &["garbage"]).await.unwrap(), b"not a frame at all");
    assert_eq!(call(&mut instance, &["empty"]).await.unwrap(), b"");
    assert!(Outcome::parse(b"").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_is_a_trap() {
    let error = fails(LIMITS, "exit").await;
    assert_eq!(error.kind, CallErrorKind::Trap);
    assert!(error.message.contains("exit"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_nothing_is_a_trap_at_once() {
    let since = Instant::now();
    let error = fails(LIMITS, "deadlock").await;
    assert_eq!(error.kind, CallErrorKind::Trap);
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_host_call_at_the_end_costs_the_instance() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let outcome = instance.call(batch(&["leave-open"]), budget(1), host.clone()).await;
    assert!(outcome.is_ok(), "the result counts: {outcome:?}");
    assert!(!instance.reusable());
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 1);
    drop(instance);
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 0, "dropping the instance ends what it waits for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_host_call_is_cancelled() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    instance.call(batch(&["abandon"]), budget(1), host.clone()).await.unwrap();
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 0);
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_dropped_in_flight_ends_the_instance_and_what_it_waits_for() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    let call = instance.call(batch(&["hang", "ack"]), budget(2), host.clone());
    tokio::time::timeout(Duration::from_millis(100), call).await.unwrap_err();
    assert!(!instance.reusable());
    drop(instance);
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 0);
    assert_eq!(Arc::strong_count(&host), 1, "nothing of the call is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn cassandra_answers_reach_the_guest() {
    let mut instance = instance(LIMITS).await;
    assert_eq!(ask(&mut instance, "cql:SELECT 1").await, "3 rows");
    assert_eq!(ask(&mut instance, "cql:refused").await, "prepare 2: not granted");
    assert_eq!(ask(&mut instance, "cql-unprepared").await, "1: no such statement");
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_reach_the_guest_and_nothing_else_does() {
    let mut instance = instance(LIMITS).await;
    assert_eq!(ask(&mut instance, "var:warehouse").await, "Some(\"eu-1\")");
    assert_eq!(ask(&mut instance, "var:token").await, "None");
    assert_eq!(ask(&mut instance, "secret:token").await, "Some(\"hush\")");
    assert_eq!(ask(&mut instance, "traceparent").await, "Some(\"00-trace-0-01\")");
    // Variables, arguments, files, sockets.
    assert_eq!(ask(&mut instance, "environment").await, "0 0 false false");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_becomes_log_lines() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    instance.call(batch(&["print:hello", "log:careful"]), budget(2), host.clone()).await.unwrap();
    let mut lines = host.lines();
    lines.sort();
    let expected = [
        (3, WHOLE_BATCH, "hello".to_owned()),
        (4, 1, "careful".to_owned()),
        (5, WHOLE_BATCH, "hello again".to_owned()),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_and_a_clock_make_runs_alike() {
    let (sandbox, module) = shared().await;
    let mut answers = Vec::new();
    for seed in [1, 1, 2] {
        let now = Some(Duration::from_millis(1_000 + seed));
        let grants = Grants { seed: Some(seed), now };
        let limits = Limits { deadline: Duration::from_secs(5), ..LIMITS };
        let function = sandbox.function(&module, limits, Arc::new(grants)).unwrap();
        let mut instance = function.instance().await.unwrap();
        answers.push((ask(&mut instance, "random").await, ask(&mut instance, "now").await));
    }
    assert_eq!(answers[0], answers[1]);
    assert_ne!(answers[0].0, answers[2].0);
    assert_eq!((answers[0].1.as_str(), answers[2].1.as_str()), ("1001", "1002"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_says_what_it_is() {
    let (_, module) = shared().await;
    let info = module.info();
    assert_eq!((info.contract.as_str(), info.world), ("1.0.0", World::Async));
    assert!(info.uses_cassandra);
    assert_eq!(info.exports, ["veltrix:function/handler@1.0.0"]);
    assert!(info.imports.contains(&"veltrix:function/flow@1.0.0".to_owned()), "{:?}", info.imports);
    assert_eq!(info.sha256.len(), 64);
    assert!(info.initial_memory >= 65_536 && info.initial_memory < LIMITS.memory);
}
