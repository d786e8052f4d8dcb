//! `kill -9` in mid-flow: what was not committed runs again, nothing is lost, and no key goes backwards.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use veltrix_tests::{Case, Record, eventually, servers};

const KILLS: u32 = 10;
const KEYS: usize = 200;

#[test]
fn ten_kills_in_mid_flow_lose_nothing_and_keep_the_order_of_each_key() {
    let case = Case::of(servers(), "relay")
        .tables("CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))")
        .function("vars = { to = \"$OUT\", table = \"handled\" }")
        .function("cassandra = { handled = \"read-write\" }")
        .build();
    let done = AtomicBool::new(false);
    let produced = std::thread::scope(|scope| {
        let producer = scope.spawn(|| produce_until(&case, &done));
        for round in 0..KILLS {
            let before = case.kafka.count(&case.output.name);
            let worker = case.app.start();
            eventually("this worker emits", veltrix_tests::SOON, || {
                (case.kafka.count(&case.output.name) > before + 200).then_some(())
            });
            // Each round meets another moment.
            std::thread::sleep(Duration::from_millis(u64::from(round) * 37));
            worker.kill9();
        }
        done.store(true, Ordering::Relaxed);
        producer.join().expect("the producer does not fail")
    });

    let _last = case.app.ready();
    case.wait_committed(produced as i64);
    let emitted = case.kafka.read(&case.output.name);
    let numbers: BTreeSet<usize> = emitted.iter().map(|record| record.text().parse().unwrap()).collect();
    assert_eq!(numbers.len(), produced, "no emitted event is missing");
    assert!(case.dead_letters().is_empty());
    never_backwards_beyond_a_repeat(&emitted);

    let keyspace = case.keyspace.as_deref().unwrap();
    let rows = servers().cassandra().rows::<(Vec<u8>,)>(&format!("SELECT value FROM {keyspace}.handled"));
    let written: BTreeSet<Vec<u8>> = rows.into_iter().map(|row| row.0).collect();
    assert_eq!(written.len(), produced, "no row is missing");
}

#[test]
fn attempts_and_done_events_survive_a_kill() {
    let case = Case::of(servers(), "misbehaving")
        .partitions(1)
        .binding("retry = { attempts = 6, backoff = \"1s\", max_backoff = \"1s\" }")
        .build();
    case.produce([Record::new("bad", "retry")]);
    case.produce((0..50).map(|n| Record::new(format!("good{n}"), "good")));
    let mut first = case.app.ready();
    eventually("two attempts are charged and noted", veltrix_tests::SOON, || {
        (first.metrics().sum("veltrix_events_retried_total", &[])? >= 2.0).then_some(())
    });
    // Longer than a charged attempt waits for its commit, shorter than its back-off.
    std::thread::sleep(Duration::from_millis(300));
    let charged = first.metrics().sum("veltrix_events_retried_total", &[]).unwrap();
    first.kill9();

    let mut second = case.app.ready();
    let dead = case.wait_dead(1);
    assert_eq!(dead[0].header("veltrix-dead-letter-attempts"), "6");
    let metrics = second.metrics();
    let again = metrics.sum("veltrix_events_handled_total", &["kind=\"retry\""]).unwrap();
    assert!(again <= 6.0 - charged, "{charged} attempts before the kill and {again} after it are more than 6");
    let acked = metrics.sum("veltrix_events_handled_total", &["kind=\"ack\""]).unwrap();
    assert_eq!(acked, 0.0, "what was done behind the failing event does not run again");
}

fn produce_until(case: &Case, done: &AtomicBool) -> usize {
    let mut next = 0;
    while !done.load(Ordering::Relaxed) {
        case.produce((next..next + 500).map(|n| Record::new(format!("k{}", n % KEYS), n.to_string())));
        next += 500;
        std::thread::sleep(Duration::from_millis(300));
    }
    next
}

/// A restart may repeat a key's events from some point on, but never passes over one: within each key, the first
/// appearances go up without a gap.
fn never_backwards_beyond_a_repeat(emitted: &[Record]) {
    let mut highest: HashMap<String, usize> = HashMap::new();
    for record in emitted {
        let number: usize = record.text().parse().unwrap();
        let first = number % KEYS;
        let highest = highest.entry(record.key_text()).or_insert(first);
        assert!(number <= *highest + KEYS, "key {}: {number} appeared right after {highest}", record.key_text());
        *highest = number.max(*highest);
    }
}
