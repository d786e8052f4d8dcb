//! Retries, dead letters and stopped lanes across the ends of workers: killed, stopped, or killed by the event itself.

use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, SOON, Worker, eventually, servers};

/// A worker's sum of a metric.
fn sum(worker: &mut Worker, metric: &str, labels: &[&str]) -> f64 {
    worker.metrics().sum(metric, labels).unwrap_or(0.0)
}

#[test]
fn an_event_that_kills_its_worker_ends_in_the_dead_letters_and_its_neighbours_do_not() {
    let case = Case::of(servers(), "misbehaving").partitions(1).binding("retry = { attempts = 2 }").build();
    case.produce((0..5).map(|n| Record::new(format!("before{n}"), "good")));
    case.produce([Record::new("poison", "lethal")]);
    case.produce((0..5).map(|n| Record::new(format!("after{n}"), "good")));

    let mut killed = 0;
    let mut last = loop {
        let worker = case.app.start();
        let lethal = eventually("it begins, or is given up", SOON, || {
            let begun = worker.logged("a lethal event begins") > 0;
            (begun || worker.logged("\"dead letter\"") > 0).then_some(begun)
        });
        if !lethal {
            break worker;
        }
        killed += 1;
        assert!(killed < 8, "it is not found");
        worker.kill9();
    };
    // Two to grow careful, then three that the event was alone with, as two attempts say too little about it.
    assert_eq!(killed, 5);
    case.wait_committed(11);
    let dead = case.wait_dead(1);
    assert_eq!((dead.len(), dead[0].key_text()), (1, "poison".to_owned()));
    assert_eq!(dead[0].header("veltrix-dead-letter-reason"), "worker-lost");
    assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), "3");
    assert_eq!(sum(&mut last, "veltrix_events_retried_total", &[]), 0.0);
}

#[test]
fn attempts_go_on_counting_when_the_partition_changes_hands_in_mid_retry() {
    let case = Case::of(servers(), "misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 6, backoff = \"500ms\", max_backoff = \"500ms\" }")
        .build();
    case.produce([Record::new("bad", "retry"), Record::new("bad", "good")]);
    let mut tried = 0.0;
    for _ in 0..2 {
        let mut worker = case.app.ready();
        eventually("two more attempts are charged", SOON, || {
            (sum(&mut worker, "veltrix_events_retried_total", &[]) >= 2.0).then_some(())
        });
        tried += sum(&mut worker, "veltrix_events_retried_total", &[]);
        assert_eq!(worker.terminate().code, Some(0));
    }
    let mut last = case.app.ready();
    let dead = case.wait_dead(1);
    assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), "6");
    case.wait_committed(2);
    tried += sum(&mut last, "veltrix_events_handled_total", &["kind=\"retry\""]);
    // One more may have been charged between the look and the end of each of the two.
    assert!((4.0..=6.0).contains(&tried), "{tried} attempts");
}

#[test]
fn each_way_to_retry_ends_the_same_with_and_without_a_dead_letter_topic() {
    for (attempts, word, runs) in [(1, "retry", 1.0), (3, "retry", 3.0), (5, "dead-letter:broken", 1.0)] {
        let retry = format!("retry = {{ attempts = {attempts}, backoff = \"0ms\" }}");
        let with = Case::of(servers(), "misbehaving").partitions(1).binding(&retry).build();
        let without = Case::of(servers(), "misbehaving").partitions(1).binding(&retry).pause().build();
        let mut workers = Vec::new();
        for case in [&with, &without] {
            case.produce([Record::new("bad", word), Record::new("bad", "good"), Record::new("free", "good")]);
            workers.push(case.app.ready());
        }
        with.wait_committed(3);
        let dead = with.wait_dead(1);
        assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), runs.to_string(), "{retry}");

        eventually("the lane stops", SOON, || {
            (sum(&mut workers[1], "veltrix_lanes_stopped", &[]) == 1.0).then_some(())
        });
        for worker in &mut workers {
            let kinds = ["kind=\"retry\"", "kind=\"dead_letter\""];
            let failed: f64 = kinds.map(|kind| sum(worker, "veltrix_events_handled_total", &[kind])).iter().sum();
            assert_eq!(failed, runs, "{retry}: {word}");
        }
        // Killed, it is stopped all the same: the next worker knows without a run. The note is sent when the metric is set.
        std::thread::sleep(Duration::from_millis(300));
        workers.pop().expect("two").kill9();
        let mut next = without.app.ready();
        eventually("the next worker knows", SOON, || {
            (sum(&mut next, "veltrix_lanes_stopped", &[]) == 1.0).then_some(())
        });
        throughout("nothing of the lane runs", Duration::from_millis(500), || {
            sum(&mut next, "veltrix_calls_total", &[]) == 0.0
        });
        assert_eq!(without.committed(), 0);
    }
}

#[test]
fn a_query_that_always_times_out_is_charged_while_cassandra_is_there() {
    let table = "CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))";
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .tables(table)
        .binding("retry = { attempts = 3, backoff = \"10ms\" }")
        .function("vars = { table = \"handled\", timeout = \"1\" }")
        .function("cassandra = { handled = \"read-write\" }")
        .build();
    // More than the servers of this world take in a millisecond.
    case.produce([Record::new("large", vec![7; 3_000_000])]);
    let mut worker = case.app.ready();
    let dead = case.wait_dead(1);
    assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), "3");
    assert!(
        dead[0].header("veltrix-dead-letter-error").contains("tim"),
        "{}",
        dead[0].header("veltrix-dead-letter-error")
    );
    case.wait_committed(1);
    assert_eq!(sum(&mut worker, "veltrix_cassandra_up", &[]), 1.0);
}

#[test]
fn the_wait_that_a_function_asks_for_and_the_greatest_age_of_an_event_hold_on_a_worker() {
    let case = Case::of(servers(), "misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 1000, backoff = \"100ms\", max_backoff = \"100ms\", max_age = \"4s\" }")
        .build();
    let _worker = case.app.ready();
    let began = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    case.produce(
        [("too long", "retry:20000"), ("asks", "retry:1500"), ("backs off", "retry")].map(|(k, v)| Record::new(k, v)),
    );
    let dead = case.wait_dead(3);
    let of = |key: &str| {
        let letter = dead.iter().find(|letter| letter.key_text() == key).expect("each has a letter");
        assert_eq!(letter.header("veltrix-dead-letter-reason"), "attempts-exhausted");
        let attempts: u32 = letter.header("veltrix-dead-letter-attempts").parse().unwrap();
        (attempts, letter.timestamp.unwrap() - began)
    };
    assert_eq!(of("too long").0, 1, "it would be too old when the wait is over");
    // On a busy machine fewer fit into the age, but never more.
    let (attempts, after) = of("asks");
    assert!((1..=3).contains(&attempts) && after >= 1_500 * i64::from(attempts - 1), "{attempts} in {after} ms");
    let (attempts, after) = of("backs off");
    assert!((2..=81).contains(&attempts) && after >= 50 * i64::from(attempts - 1), "{attempts} in {after} ms");
    assert!(after >= 3_500, "its age was not used up: {after} ms");
}

#[test]
fn a_worker_that_joins_while_lanes_wait_for_their_retries_goes_on_with_attempts_and_order() {
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .binding("retry = { attempts = 20, backoff = \"800ms\", max_backoff = \"800ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    const FAILS: usize = 8;
    for partition in 0..2 {
        let key = format!("k{partition}");
        let bad = Record::new(&key, "0").with_header("fail", Some(FAILS.to_string().as_bytes()));
        case.produce([bad, Record::new(&key, "1"), Record::new(&key, "2")].map(|record| record.to(partition)));
    }
    let mut first = case.app.ready();
    eventually("both lanes wait", SOON, || (sum(&mut first, "veltrix_events_retried_total", &[]) >= 2.0).then_some(()));
    let mut second = case.app.ready();
    let mut keys: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    for record in case.wait_output(6) {
        keys.entry(record.key_text()).or_default().push(record.text());
    }
    assert!(keys.len() == 2 && keys.values().all(|numbers| numbers == &["0", "1", "2"]), "{keys:?}");
    case.wait_committed(6);
    let failed = ["kind=\"retry\""];
    let of = |worker: &mut Worker| sum(worker, "veltrix_events_handled_total", &failed);
    assert_eq!(of(&mut first) + of(&mut second), 2.0 * FAILS as f64, "each attempt counts, and none twice");
    assert!(second.logged("\"message\":\"assigned\"") > 0 && case.dead_letters().is_empty());
}
