//! What a worker does on a good day: events in, effects out, offsets committed, metrics told.

use std::collections::HashMap;
use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, Worker, eventually, servers, unique};

fn numbered(count: usize, keys: usize) -> Vec<Record> {
    (0..count).map(|n| Record::new(format!("k{}", n % keys), n.to_string())).collect()
}

#[test]
fn every_event_is_handled_emitted_and_committed_once_on_a_good_day() {
    let case = Case::of(servers(), "relay").function("vars = { to = \"$OUT\" }").build();
    case.produce(numbered(2_000, 50));
    let mut worker = case.app.ready();

    let mut values: Vec<usize> = case.wait_output(2_000).iter().map(|r| r.text().parse().unwrap()).collect();
    case.wait_committed(2_000);
    values.sort_unstable();
    assert_eq!(values, (0..2_000).collect::<Vec<_>>());

    let metrics = worker.metrics();
    let labels = ["binding=", "function=\"guest\""];
    assert_eq!(metrics.sum("veltrix_events_consumed_total", &labels[1..]), Some(2_000.0), "{}", metrics.0);
    assert_eq!(metrics.sum("veltrix_events_emitted_total", &labels[1..]), Some(2_000.0), "{}", metrics.0);
    assert!(case.dead_letters().is_empty());
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn rows_are_written_through_the_host() {
    let case = Case::of(servers(), "relay")
        .tables("CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))")
        .function("vars = { table = \"handled\" }")
        .function("cassandra = { handled = \"read-write\" }")
        .build();
    case.produce(numbered(300, 300));
    let _worker = case.app.ready();
    case.wait_committed(300);

    let keyspace = case.keyspace.as_deref().unwrap();
    let rows: Vec<(i32, i64, Vec<u8>)> =
        servers().cassandra().rows(&format!("SELECT partition, offset, value FROM {keyspace}.handled"));
    let mut values: Vec<u32> = rows.iter().map(|row| String::from_utf8_lossy(&row.2).parse().unwrap()).collect();
    values.sort_unstable();
    assert_eq!(values, (0..300).collect::<Vec<_>>());
}

#[test]
fn events_of_a_key_are_handled_in_order_even_when_one_of_them_is_retried() {
    let case = Case::of(servers(), "relay")
        .binding("retry = { attempts = 10, backoff = \"50ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let mut records = numbered(1_000, 20);
    for record in records.iter_mut().skip(7).step_by(113) {
        record.headers.push(("fail".to_owned(), Some(b"3".to_vec())));
    }
    case.produce(records);
    let _worker = case.app.ready();

    let emitted = case.wait_output(1_000);
    case.wait_committed(1_000);
    let mut last: HashMap<String, i64> = HashMap::new();
    for record in &emitted {
        let number: i64 = record.text().parse().unwrap();
        let before = last.insert(record.key_text(), number).unwrap_or(-1);
        assert!(before < number, "key {}: {number} after {before}", record.key_text());
    }
    assert_eq!(emitted.len(), 1_000);
}

#[test]
fn a_lane_that_waits_for_its_retry_holds_up_no_other() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("retry = { attempts = 2, backoff = \"8s\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let stuck = Record::new("stuck", "0").with_header("fail", Some(b"1"));
    case.produce([stuck, Record::new("stuck", "1")]);
    case.produce((2..200).map(|n| Record::new(format!("free{n}"), n.to_string())));
    let _worker = case.app.ready();

    let first = case.wait_output(198);
    assert!(first.iter().all(|record| record.key_text() != "stuck"), "the others came first");
    assert_eq!(case.committed(), 0, "nothing is committed behind the gap");
    let all = case.wait_output(200);
    let stuck: Vec<String> = all.iter().filter(|r| r.key_text() == "stuck").map(Record::text).collect();
    assert_eq!(stuck, ["0", "1"]);
    case.wait_committed(200);
}

#[test]
fn partition_ordering_keeps_the_order_of_the_partition() {
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .binding("ordering = \"partition\"")
        .binding("retry = { attempts = 5, backoff = \"20ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let mut records: Vec<Record> = (0..600).map(|n| Record::new(format!("k{n}"), n.to_string()).to(n % 2)).collect();
    for record in records.iter_mut().step_by(97) {
        record.headers.push(("fail".to_owned(), Some(b"2".to_vec())));
    }
    case.produce(records);
    let _worker = case.app.ready();

    let emitted = case.wait_output(600);
    case.wait_committed(600);
    for partition in 0..2 {
        let numbers: Vec<i32> =
            emitted.iter().map(|r| r.text().parse().unwrap()).filter(|n| n % 2 == partition).collect();
        assert!(numbers.is_sorted() && numbers.len() == 300, "partition {partition}: {numbers:?}");
    }
}

#[test]
fn without_ordering_a_failing_event_stops_nobody_not_even_of_its_key() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("ordering = \"none\"")
        .binding("retry = { attempts = 2, backoff = \"8s\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    case.produce([Record::new("k", "0").with_header("fail", Some(b"1"))]);
    case.produce((1..50).map(|n| Record::new("k", n.to_string())));
    let _worker = case.app.ready();

    let first = case.wait_output(49);
    assert!(first.iter().all(|record| record.text() != "0"));
    case.wait_committed(50);
}

#[test]
fn verdicts_end_events_as_the_function_says() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("retry = { attempts = 3, backoff = \"10ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    case.produce([
        Record::new("a", "acked"),
        Record::new("b", "skipped").with_header("skip", None),
        Record::new("c", "dead").with_header("dead", Some(b"no-such-sku")),
        Record::new("d", "exhausted").with_header("fail", Some(b"100")),
        Record::new("e", "late").with_header("fail", Some(b"2")),
    ]);
    let mut worker = case.app.ready();
    case.wait_committed(5);

    let mut emitted: Vec<String> = case.wait_output(2).iter().map(Record::text).collect();
    emitted.sort();
    assert_eq!(emitted, ["acked", "late"], "emits of what was not acked are dropped");
    let mut dead = case.wait_dead(2);
    dead.sort_by_key(Record::text);
    assert_eq!((dead[0].text(), dead[0].header("veltrix-dead-letter-attempts")), ("dead".into(), "1".into()));
    assert_eq!(dead[0].header("veltrix-dead-letter-reason"), "no-such-sku");
    assert_eq!((dead[1].text(), dead[1].header("veltrix-dead-letter-attempts")), ("exhausted".into(), "3".into()));
    let metrics = worker.metrics();
    assert_eq!(metrics.sum("veltrix_events_dead_lettered_total", &[]), Some(2.0), "{}", metrics.0);
}

#[test]
fn without_a_dead_letter_topic_an_exhausted_event_stops_its_lane_alone() {
    let topic = unique("pause");
    let kafka = servers().kafka();
    let input = kafka.create(&topic, 1, &[]);
    let case = Case::of(servers(), "relay")
        .function("vars = { to = \"$OUT\" }")
        .rest(&format!(
            "[[binding]]\ntopics = [\"{topic}\"]\nfunction = \"guest\"\ngroup = \"{topic}\"\n\
             retry = {{ attempts = 2, backoff = \"10ms\" }}\n"
        ))
        .build();
    kafka.produce(&topic, [Record::new("bad", "0").with_header("fail", Some(b"100")), Record::new("bad", "1")]);
    kafka.produce(&topic, (2..20).map(|n| Record::new(format!("k{n}"), n.to_string())));
    let _worker = case.app.ready();

    let emitted = case.wait_output(18);
    assert!(emitted.iter().all(|record| record.key_text() != "bad"));
    throughout("nothing moves past the paused event", Duration::from_secs(2), || {
        kafka.committed_total(&topic, &input) == 0 && kafka.read(&case.output.name).len() == 18
    });
}

/// How many calls of the function the worker has made.
fn calls(worker: &mut Worker) -> f64 {
    worker.metrics().sum("veltrix_call_seconds_count", &[]).expect("calls are counted")
}

#[test]
fn a_batch_is_closed_by_its_count_and_by_its_bytes() {
    for (batch, least, most) in [
        ("{ events = 1, bytes = \"1MiB\", wait = \"0ms\" }", 400.0, 400.0),
        ("{ events = 500, bytes = \"2KiB\", wait = \"20ms\" }", 20.0, 100.0),
        ("{ events = 500, bytes = \"1MiB\", wait = \"20ms\" }", 4.0, 20.0),
    ] {
        let case = Case::of(servers(), "relay")
            .binding(&format!("batch = {batch}"))
            .function("vars = { to = \"$OUT\" }")
            .build();
        case.produce((0..400).map(|n| Record::new(format!("k{n}"), format!("{n:0100}"))));
        let mut worker = case.app.ready();
        assert_eq!(case.wait_output(400).len(), 400, "batch = {batch}");
        case.wait_committed(400);
        let calls = calls(&mut worker);
        assert!((least..=most).contains(&calls), "batch = {batch}: {calls} calls");
    }
}

#[test]
fn while_a_call_is_open_a_batch_waits_for_more_but_not_for_ever() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .binding("batch = { events = 500, bytes = \"1MiB\", wait = \"1500ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let mut worker = case.app.ready();
    case.produce([Record::new("slow", "0").with_header("sleep", Some(b"8000"))]);
    eventually("the slow one is in flight", veltrix_tests::SOON, || {
        (worker.metrics().sum("veltrix_events_in_flight", &[]) == Some(1.0)).then_some(())
    });
    for n in 1..6 {
        case.produce([Record::new(format!("k{n}"), n.to_string())]);
    }
    let emitted = case.wait_output(5);
    assert!(emitted.iter().all(|record| record.text() != "0"), "they did not wait for the open call to end");
    case.wait_committed(6);
    let calls = calls(&mut worker);
    assert!((2.0..=4.0).contains(&calls), "{calls} calls: events that came within one wait go together");
}

#[test]
fn several_bindings_run_in_one_worker_each_with_its_own_group() {
    let kafka = servers().kafka();
    let other = kafka.topic("other", 2);
    let group = unique("other");
    let case = Case::of(servers(), "relay")
        .function("vars = { to = \"$OUT\" }")
        .rest(&format!(
            "[[binding]]\ntopics = [\"{}\"]\nfunction = \"second\"\ngroup = \"{group}\"\n\n\
             [function.second]\nmodule = \"{}\"\nemits = [\"$OUT\"]\nvars = {{ to = \"$OUT\" }}\n",
            other.name,
            veltrix_tests::build::guest("relay").display()
        ))
        .build();
    case.produce(numbered(100, 10));
    kafka.produce(&other.name, numbered(50, 10));
    let _worker = case.app.ready();

    assert_eq!(case.wait_output(150).len(), 150);
    case.wait_committed(100);
    eventually("the second group commits", veltrix_tests::SOON, || {
        (kafka.committed_total(&group, &other) == 50).then_some(())
    });
}
