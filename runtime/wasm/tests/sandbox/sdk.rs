//! A function written with the SDK: what it waits for, and what it leaves behind when a call ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use veltrix_frame::{BatchBuilder, Control, EventIn, Verdict};
use veltrix_wasm::{Instance, SandboxConfig};

use crate::support::{self, Grants, Host, LIMITS};

/// An instance of `tests/guests/relay`.
async fn relay() -> Instance {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let path: &Path = BUILT.get_or_init(|| async { support::guest("relay") }).await;
    let sandbox = support::sandbox(SandboxConfig::default());
    let module = sandbox.load(path).await.expect("the guest loads");
    let function = sandbox.function(&module, LIMITS, Arc::new(Grants::default())).expect("the limits are in order");
    function.instance().await.expect("an instance starts")
}

/// Events that sleep so many milliseconds, each in a lane of its own.
fn sleeping(sleeps: &[u32], event_ms: u32) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.start("topic", 0, Control { event_ms, ..Control::default() });
    for (row, sleep) in (0..).zip(sleeps) {
        batch.push(EventIn { offset: row.into(), timestamp: -1, lane: row, begun: 0, key: None, value: Some(b"v") });
        if *sleep > 0 {
            batch.push_header(b"sleep", Some(sleep.to_string().as_bytes()));
        }
    }
    let mut frame = Vec::new();
    batch.finish(&mut frame);
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn one_slow_event_does_not_hold_the_verdicts_of_its_batch() {
    let (mut instance, host) = (relay().await, Arc::new(Host::default()));
    let outcome =
        instance.call(sleeping(&[300, 0, 20, 0], 0), support::budget(4), host.clone()).await.expect("it ends");
    let settled: Vec<_> = host.settled.lock().unwrap().iter().flat_map(|outcome| support::verdicts(outcome)).collect();
    assert_eq!(settled, [(1, Verdict::Ack), (3, Verdict::Ack), (2, Verdict::Ack)]);
    assert_eq!(support::verdicts(&outcome), [(0, Verdict::Ack)]);
    assert_eq!(host.sleeping.load(Ordering::SeqCst), 0);
    assert!(instance.reusable());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_out_of_time_ends_alone_and_the_instance_goes_on() {
    let mut instance = relay().await;
    for _ in 0..3 {
        let (host, begun) = (Arc::new(Host::default()), Instant::now());
        let outcome = instance.call(sleeping(&[60_000, 0, 20], 100), support::budget(3), host.clone()).await;
        let mut verdicts = support::verdicts(&outcome.expect("it ends"));
        verdicts.extend(host.settled.lock().unwrap().iter().flat_map(|outcome| support::verdicts(outcome)));
        verdicts.sort_by_key(|(event, _)| *event);
        assert_eq!(verdicts, [(0, Verdict::Retry), (1, Verdict::Ack), (2, Verdict::Ack)]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(host.sleeping.load(Ordering::SeqCst), 0, "the sleep that was given up is dropped");
        assert!(instance.reusable());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_events_wait_at_once() {
    let (mut instance, host, begun) = (relay().await, Arc::new(Host::default()), Instant::now());
    let outcome =
        instance.call(sleeping(&[200; 500], 30_000), support::budget(500), host.clone()).await.expect("it ends");
    let settled: usize = host.settled.lock().unwrap().iter().map(|outcome| support::verdicts(outcome).len()).sum();
    assert_eq!(settled + support::verdicts(&outcome).len(), 500);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(instance.reusable());
}
