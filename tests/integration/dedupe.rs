//! Events that were produced twice: run once within the window, whoever has the partition.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use veltrix_tests::{Case, Record, Worker, eventually, servers};

/// A record with an identity and a number of its own, which shows in the output which of several copies ran.
fn record(id: &str, number: usize) -> Record {
    Record::new(format!("k{number}"), id)
        .with_header("id", Some(id.as_bytes()))
        .with_header("n", Some(number.to_string().as_bytes()))
}

/// How often each record of the input ran, by its number.
fn runs(case: &Case) -> BTreeMap<usize, usize> {
    let mut runs = BTreeMap::new();
    for record in case.kafka.read(&case.output.name) {
        *runs.entry(record.header("n").parse().unwrap()).or_default() += 1;
    }
    runs
}

fn ran(case: &Case) -> Vec<usize> {
    runs(case).into_keys().collect()
}

fn metric(worker: &mut Worker, name: &str) -> f64 {
    worker.metrics().sum(&format!("veltrix_{name}"), &[]).unwrap_or_else(|| panic!("no metric {name}"))
}

fn case(dedupe: &str) -> Case {
    Case::of(servers(), "relay")
        .partitions(1)
        .binding(&format!("dedupe = {dedupe}"))
        .binding("retry = { attempts = 4, backoff = \"1s\", max_backoff = \"1s\" }")
        .function("vars = { to = \"$OUT\" }")
        .build()
}

#[test]
fn copies_run_beyond_the_window_and_not_within_it() {
    let case = case("{ by = \"header:id\", window = \"5 offsets\" }");
    // Each copy refreshes the window: 4 is one of 0's by way of 2.
    let ids = ["a", "b", "a", "c", "d", "a", "e", "f", "g", "h", "i", "a", "j"];
    case.produce(ids.iter().enumerate().map(|(n, id)| record(id, n)));
    case.produce([Record::new("k", "x").with_header("n", Some(b"13")), record("", 14), record("", 15)]);
    let mut worker = case.app.ready();
    case.wait_committed(16);
    assert_eq!(ran(&case), [0, 1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(metric(&mut worker, "events_copies_total"), 2.0);
    assert_eq!(metric(&mut worker, "events_without_identity_total"), 3.0);
    eventually("what is remembered is measured", veltrix_tests::SOON, || {
        (metric(&mut worker, "dedupe_remembered") > 0.0 && metric(&mut worker, "dedupe_bytes") > 0.0).then_some(())
    });
}

#[test]
fn a_window_of_time_goes_by_the_timestamps_whatever_they_are() {
    let case = case("{ by = \"json:/order/id\", window = \"10s\" }");
    // Old enough for a future that the broker takes, and young enough for its retention.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let day = now - 2 * 86_400_000;
    let at = |n: usize, id: &str, time: i64| Record {
        timestamp: Some(time),
        ..Record::new("k", format!("{{\"n\": {n}, \"order\": {{\"id\": {id}}}}}"))
            .with_header("n", Some(n.to_string().as_bytes()))
    };
    case.produce([
        at(0, "1", day),
        at(1, "1", day + 10_000),
        at(2, "1", day + 20_001),
        // Clocks that go back hide no copy.
        at(3, "1", day - 86_400_000),
        at(4, "\"1\"", day),
        // From the future: no copy of what is now, and kept.
        at(5, "1", day + 86_400_000),
        at(6, "1", day + 43_200_000),
        at(7, "null", day),
        at(8, "null", day),
        Record::new("k", "not json").with_header("n", Some(b"9")),
    ]);
    let mut worker = case.app.ready();
    case.wait_committed(10);
    assert_eq!(ran(&case), [0, 2, 4, 5, 7, 8, 9]);
    assert_eq!(metric(&mut worker, "events_without_identity_total"), 3.0);
    worker.kill9();
    // The same is found by whoever reads the past anew.
    case.produce([
        at(10, "1", day + 43_200_000),
        at(11, "\"1\"", day + 10_001),
        at(12, "\"1\"", day - 5),
        at(13, "2", day),
    ]);
    let mut worker = case.app.ready();
    case.wait_committed(14);
    assert_eq!(ran(&case), [0, 2, 4, 5, 7, 8, 9, 11, 13]);
    assert_eq!(
        metric(&mut worker, "dedupe_recall_seconds_count"),
        2.0,
        "the event from long ago needs more of the past"
    );
}

#[test]
fn copies_are_known_across_kills_and_other_owners() {
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .binding("dedupe = { by = \"header:id\", window = \"1h\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    // Every identity three times, far apart, in its own partition.
    let batch = |round: usize| {
        (0..400).map(move |id| record(&format!("id{id}"), round * 400 + id).to(id as i32 % 2)).collect::<Vec<_>>()
    };
    case.produce(batch(0));
    let first = case.app.start();
    eventually("the first worker is at it", veltrix_tests::SOON, || {
        (case.kafka.count(&case.output.name) > 50).then_some(())
    });
    first.kill9();
    case.produce(batch(1));
    let mut second = case.app.ready();
    case.wait_committed(800);
    assert!(metric(&mut second, "events_copies_total") >= 400.0);

    // A rebalance: one partition goes to another worker, which has never seen its events.
    let mut third = case.app.ready();
    eventually("the third worker gets a partition", veltrix_tests::SOON, || {
        third.metrics().sum("veltrix_committable_offset", &[]).map(drop)
    });
    case.produce(batch(2));
    case.wait_committed(1_200);
    eventually("both have told copies", veltrix_tests::SOON, || {
        (metric(&mut third, "events_copies_total") == 200.0).then_some(())
    });
    second.terminate();
    case.produce(batch(3));
    case.wait_committed(1_600);
    let runs = runs(&case);
    assert_eq!(runs.keys().copied().collect::<BTreeSet<_>>(), (0..400).collect(), "originals alone ran");
    assert_eq!(metric(&mut third, "events_copies_total"), 600.0);
}

#[test]
fn a_copy_waits_for_the_verdict_of_its_original_and_shares_it() {
    let case = case("{ by = \"header:id\", window = \"1h\" }");
    let failing = |id: &str, n: usize, times: &str| record(id, n).with_header("fail", Some(times.as_bytes()));
    case.produce([
        failing("late", 0, "3"),
        failing("never", 1, "100"),
        record("dead", 2).with_header("dead", Some(b"no-such-sku")),
        record("late", 3),
        record("never", 4),
        record("dead", 5),
        record("free", 6),
    ]);
    let mut worker = case.app.ready();
    case.wait_output(1);
    assert_eq!(ran(&case), [6], "the others went on");
    assert_eq!(case.committed(), 0, "copies are not done before their originals");
    // Attempts and the wait for the original survive.
    eventually("an attempt is charged", veltrix_tests::SOON, || {
        (metric(&mut worker, "events_retried_total") >= 2.0).then_some(())
    });
    worker.kill9();
    case.produce([record("late", 7)]);
    let mut worker = case.app.ready();
    case.wait_committed(8);
    assert_eq!(ran(&case), [0, 6]);
    let dead: BTreeSet<String> = case.dead_letters().iter().map(|letter| letter.header("n")).collect();
    assert_eq!(
        dead,
        ["1", "2"].map(str::to_owned).into(),
        "copies are done with dead originals, and are no letters of their own"
    );
    assert!(metric(&mut worker, "events_copies_total") >= 1.0);
}

#[test]
fn gaps_and_what_retention_took_end_no_reading_of_the_past_early() {
    let case = case("{ by = \"header:id\", window = \"1000 offsets\" }");
    case.produce((0..10).map(|n| record(&format!("a{n}"), n)));
    // What was aborted was never there: it makes no copies, and leaves gaps.
    case.kafka.aborted(&case.input.name, (10..30).map(|n| record(&format!("x{n}"), n).to(0)));
    case.produce([record("b", 30)]);
    let worker = case.app.ready();
    eventually("all is handled", veltrix_tests::SOON, || (case.committed() == 32).then_some(()));
    assert_eq!(worker.terminate().code, Some(0));

    case.kafka.delete_before(&case.input, 0, 5);
    case.kafka.aborted(&case.input.name, (31..36).map(|n| record(&format!("y{n}"), n).to(0)));
    let mut worker = case.app.ready();
    case.produce([record("x10", 36), record("a7", 37), record("y31", 38), record("b", 39), record("a2", 40)]);
    eventually("all is handled", veltrix_tests::SOON, || (case.committed() == 43).then_some(()));
    // a2 was deleted: nobody can know it any more.
    assert_eq!(ran(&case), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 30, 36, 38, 40]);
    assert_eq!(metric(&mut worker, "events_copies_total"), 2.0);
    // a5 to a9, and b.
    assert_eq!(metric(&mut worker, "dedupe_recalled_total"), 6.0);
}

#[test]
fn a_bound_that_cuts_the_window_is_said_and_counted() {
    let case = case("{ by = \"key\", window = \"1h\", memory = \"64KiB\" }");
    let keyed =
        |n: usize, key: usize| Record::new(format!("k{key}"), "").with_header("n", Some(n.to_string().as_bytes()));
    case.produce((0..1_500).map(|n| keyed(n, n)));
    case.produce([keyed(1_500, 0), keyed(1_501, 1_000)]);
    let mut worker = case.app.ready();
    case.wait_committed(1_502);
    let ran = ran(&case);
    assert!(ran.contains(&1_500), "1,024 offsets are remembered, and no more");
    assert!(!ran.contains(&1_501));
    assert!((470.0..=480.0).contains(&metric(&mut worker, "dedupe_cut_total")), "{}", worker.metrics().0);
    assert_eq!(worker.logged("dedupe's memory is bounded"), 1);
    eventually("its memory stays within", Duration::from_secs(10), || {
        (1.0..=65_536.0 + 4_096.0).contains(&metric(&mut worker, "dedupe_bytes")).then_some(())
    });
}
