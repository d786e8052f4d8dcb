//! Requests that are submitted many at a time.

use std::sync::Arc;
use std::time::Duration;

use veltrix_wasm::{CallErrorKind, Limits};

use crate::support::*;

/// Room for thousands of requests.
const WIDE: Limits = Limits { cpu: Duration::from_secs(20), ..LIMITS };

#[tokio::test(flavor = "multi_thread")]
async fn each_gets_its_own_answer_and_many_come_together() {
    let mut instance = instance(WIDE).await;
    assert_eq!(ask(&mut instance, "submit:1").await, "1 right, {}, 0 missing, many fetches");
    assert_eq!(ask(&mut instance, "submit:1000").await, "1000 right, {}, 0 missing, few fetches");
    assert_eq!(ask(&mut instance, "answers-of-nothing").await, "0 right, {}, 0 missing, few fetches");
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_does_not_know_is_an_answer() {
    let mut instance = instance(LIMITS).await;
    let unknown = r#"{"1: request of kind 9.0 with 1 statements is unknown to this host": 1}"#;
    assert_eq!(ask(&mut instance, "submit-unknown").await, format!("0 right, {unknown}, 0 missing, many fetches"));
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_the_limit_are_refused_and_the_others_answered() {
    let mut instance = instance(WIDE).await;
    let answer = ask(&mut instance, "submit:5000").await;
    assert!(answer.starts_with("4096 right, {\"7: the instance has 4097 host calls open"), "{answer}");
    assert!(answer.contains(": 904}, 0 missing"), "{answer}");
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_never_fetches_is_stopped() {
    let error = fails(WIDE, "submit-flood").await;
    assert_eq!(error.kind, CallErrorKind::Malformed);
    assert!(error.message.contains("8193 host calls open, the most is 8192"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_frame_ends_the_call() {
    let error = fails(LIMITS, "submit-garbage").await;
    assert_eq!(error.kind, CallErrorKind::Malformed);
    assert!(error.message.contains("submit: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_fetched_cost_the_instance() {
    let mut instance = instance(LIMITS).await;
    let host = Arc::new(Host::default());
    instance.call(batch(&["submit-leave:3"]), budget(1), host.clone()).await.expect("the result counts");
    assert!(!instance.reusable());
    drop(instance);
    eventually_alone(&host).await;
}

/// The host's requests end by themselves, and keep nothing of the call.
async fn eventually_alone(host: &Arc<Host>) {
    let since = std::time::Instant::now();
    while Arc::strong_count(host) > 1 {
        assert!(since.elapsed() < Duration::from_secs(10), "something of the call is left behind");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
