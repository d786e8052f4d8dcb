//! A key that is not done holds the committed offset back: what is beyond it is bounded, and shown.

use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, SOON, Worker, eventually, servers};

const EVENTS: usize = 40_000;

/// A worker's sum of a metric.
fn sum(worker: &mut Worker, metric: &str) -> f64 {
    worker.metrics().sum(metric, &[]).unwrap_or(0.0)
}

#[test]
fn a_note_that_is_full_holds_new_events_back_until_what_is_before_them_is_done() {
    let case = Case::of(servers(), "relay").partitions(1).pause().binding("retry = { attempts = 1 }").build();
    // Each tenth waits behind the first, whose lane stops; so the events that are done are in many pieces.
    let key = |n: usize| if n.is_multiple_of(10) { "stopped".to_owned() } else { format!("k{n}") };
    let first = Record::new("stopped", "0").with_header("fail", Some(b"1"));
    case.produce(std::iter::once(first).chain((1..EVENTS).map(|n| Record::new(key(n), n.to_string()))));
    let mut worker = case.app.ready();
    eventually("new events are held back", SOON, || {
        (sum(&mut worker, "veltrix_partitions_held_back") == 1.0).then_some(())
    });
    let acked = |worker: &mut Worker| worker.metrics().sum("veltrix_events_handled_total", &["kind=\"ack\""]).unwrap();
    let mut last = -1.0;
    eventually("what had begun has ended", SOON, || {
        let now = acked(&mut worker);
        (now == std::mem::replace(&mut last, now) && sum(&mut worker, "veltrix_events_in_flight") == 0.0).then_some(())
    });
    throughout("nothing new begins", Duration::from_secs(2), || acked(&mut worker) == last);
    assert!(last > 1_000.0 && last < EVENTS as f64 * 0.85, "{last} are done");
    assert_eq!(worker.logged("no new events: the note"), 1, "{}", worker.log());
    eventually("the window is shown", SOON, || {
        (sum(&mut worker, "veltrix_window_events") == EVENTS as f64).then_some(())
    });
    assert!(sum(&mut worker, "veltrix_window_bytes") > EVENTS as f64);
    let (ranges, bytes) = (sum(&mut worker, "veltrix_note_ranges"), sum(&mut worker, "veltrix_note_bytes"));
    assert!(ranges > 100.0 && (1_500.0..=4_095.0).contains(&bytes), "{ranges} ranges in {bytes} characters");
    assert_eq!(case.committed(), 0);

    assert_eq!(case.app.veltrix(&["resume"]).status.code(), Some(0));
    case.wait_committed(EVENTS as i64);
    eventually("nothing is left in the window", SOON, || {
        let left = ["window_events", "window_bytes", "partitions_held_back", "note_ranges"];
        left.iter().all(|name| sum(&mut worker, &format!("veltrix_{name}")) == 0.0).then_some(())
    });
    assert_eq!(acked(&mut worker), EVENTS as f64, "each once");
    eventually("it says that new events go on", SOON, || {
        (worker.logged("new events again: the note") == 1).then_some(())
    });
}
