//! Starting, stopping and sharing the work.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use veltrix_tests::{App, Case, Record, eventually, servers};

fn slow(partitions: i32) -> Case {
    Case::of(servers(), "relay").partitions(partitions).function("vars = { to = \"$OUT\" }").build()
}

#[test]
fn sigterm_lets_running_events_end_commits_them_and_exits_with_0() {
    let case = slow(1);
    case.produce((0..20).map(|n| Record::new(format!("k{n}"), n.to_string()).with_header("sleep", Some(b"1500"))));
    let mut worker = case.app.ready();
    eventually("events are in flight", veltrix_tests::SOON, || {
        let metrics = worker.metrics();
        metrics.sum("veltrix_events_in_flight", &[]).filter(|&count| count > 0.0)
    });

    let asked = Instant::now();
    let exit = worker.terminate();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
    assert!(asked.elapsed() < Duration::from_secs(21));
    let (emitted, committed) = (case.kafka.read(&case.output.name).len(), case.committed());
    assert!(emitted > 0, "what was running was finished");
    assert_eq!(committed, emitted as i64, "all that was handled was committed");

    let _worker = case.app.ready();
    case.wait_committed(20);
    assert_eq!(case.wait_output(20).len(), 20, "nothing was handled twice or skipped");
}

#[test]
fn draining_ends_although_an_event_does_not() {
    let case = Case::of(servers(), "relay")
        .partitions(1)
        .function("vars = { to = \"$OUT\" }")
        .function("limits = { memory = \"64MiB\", cpu = \"200ms\", deadline = \"120s\" }")
        .build();
    case.produce([Record::new("k", "0").with_header("sleep", Some(b"100000"))]);
    let mut worker = case.app.ready();
    eventually("the event is in flight", veltrix_tests::SOON, || {
        worker.metrics().sum("veltrix_events_in_flight", &[]).filter(|&count| count > 0.0)
    });
    let asked = Instant::now();
    assert_eq!(worker.terminate().code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(25), "{:?}", asked.elapsed());
    assert_eq!(case.committed(), 0, "it is left to the next worker");
}

#[test]
fn two_workers_share_the_partitions_and_a_rebalance_loses_and_repeats_nothing_that_was_committed() {
    let case = slow(8);
    let count = 3_000;
    case.produce((0..count / 2).map(|n| Record::new(format!("k{}", n % 100), n.to_string())));
    let mut first = case.app.ready();
    let mut second = case.app.ready();
    case.produce((count / 2..count).map(|n| Record::new(format!("k{}", n % 100), n.to_string())));
    case.wait_committed(count);
    eventually("both have work", veltrix_tests::SOON, || {
        let records = (0..100).map(|n| Record::new(format!("k{n}"), "more"));
        case.produce(records);
        let consumed = |worker: &mut veltrix_tests::Worker| worker.metrics().sum("veltrix_events_consumed_total", &[]);
        let both = consumed(&mut first).unwrap_or(0.0) > 0.0 && consumed(&mut second).unwrap_or(0.0) > 0.0;
        both.then_some(())
    });

    // One leaves while events flow: the other takes over.
    case.produce((count..count + 500).map(|n| Record::new(format!("k{}", n % 100), n.to_string())));
    assert_eq!(first.terminate().code, Some(0));
    eventually("all numbers were handled", veltrix_tests::SOON, || {
        let records = case.kafka.read(&case.output.name);
        let numbers: HashSet<i64> = records.iter().filter_map(|record| record.text().parse().ok()).collect();
        (numbers.len() as i64 == count + 500).then_some(())
    });
    in_order(&case.kafka.read(&case.output.name));
    assert!(case.dead_letters().is_empty());
    assert_eq!(second.terminate().code, Some(0));
}

#[test]
fn a_frozen_worker_that_comes_back_disturbs_nobody() {
    let case = slow(4);
    case.produce((0..500).map(|n| Record::new(format!("k{}", n % 20), n.to_string())));
    let frozen = case.app.ready();
    case.wait_committed(500);
    frozen.freeze();
    let _other = case.app.ready();
    case.produce((500..1_000).map(|n| Record::new(format!("k{}", n % 20), n.to_string())));
    case.wait_committed(1_000);
    frozen.thaw();
    case.produce((1_000..1_500).map(|n| Record::new(format!("k{}", n % 20), n.to_string())));
    case.wait_committed(1_500);
    let emitted = case.kafka.read(&case.output.name);
    let numbers: HashSet<String> = emitted.iter().map(Record::text).collect();
    assert_eq!(numbers.len(), 1_500);
    assert!(case.dead_letters().is_empty());
}

#[test]
fn health_is_told_before_and_during_work() {
    let case = slow(1);
    let mut worker = case.app.ready();
    assert_eq!(worker.get("/healthz").map(|answer| answer.0), Some(200));
    assert_eq!(worker.get("/readyz").map(|answer| answer.0), Some(200));
    assert_eq!(worker.get("/nowhere").map(|answer| answer.0), Some(404));
    let metrics = worker.metrics();
    assert!(metrics.0.contains("# TYPE "), "{}", metrics.0);
    case.produce([Record::new("k", "v")]);
    case.wait_committed(1);
    eventually("lag is known and 0", veltrix_tests::SOON, || {
        (worker.metrics().sum("veltrix_lag", &[]) == Some(0.0)).then_some(())
    });
}

#[test]
fn a_manifest_with_many_mistakes_tells_all_of_them_and_ends_with_2() {
    let app = App::new(
        "name = \"bad\"\nsurprise = 1\n\n[kafka]\nbrokers = []\n\n[[binding]]\ntopics = [\"t\"]\nfunction = \"missing\"\n\
         concurrency = 0\nbatch = { wait = \"5 parsecs\" }\n",
    );
    for verb in ["check", "run"] {
        let output = app.veltrix(&[verb, "."]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{verb}: {errors}");
        for (line, hint) in [(2, "surprise"), (5, "brokers"), (9, "missing"), (10, "concurrency"), (11, "parsecs")] {
            let told =
                errors.lines().any(|text| text.contains(&format!("veltrix.toml:{line}:")) && text.contains(hint));
            assert!(told, "{verb} says nothing of {hint} in line {line}:\n{errors}");
        }
    }
}

#[test]
fn a_module_that_cannot_be_run_is_refused_with_the_reason() {
    let kafka = servers().kafka_address();
    for (name, content, hint) in [
        ("text.wasm", &b"this is not wasm"[..], "wasm"),
        ("core.wat", b"(module)", "component"),
        ("nothing.wat", b"(component)", "veltrix:function/handler"),
    ] {
        let app = App::new(&format!(
            "name = \"refused\"\n[kafka]\nbrokers = [\"{kafka}\"]\n[[binding]]\ntopics = [\"t\"]\nfunction = \"f\"\n\
             [function.f]\nmodule = \"{name}\"\n"
        ));
        app.write(name, content);
        for verb in ["check", "run"] {
            let output = app.veltrix(&[verb, "."]);
            let errors =
                String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(2), "{verb} {name}: {errors}");
            assert!(errors.to_lowercase().contains(hint) && errors.contains(name), "{verb} {name}: {errors}");
        }
    }
}

/// Fails if any key's numbers, at their first appearance, go down.
fn in_order(records: &[Record]) {
    let mut last: HashMap<String, i64> = HashMap::new();
    let mut seen = HashSet::new();
    for record in records {
        let Ok(number) = record.text().parse::<i64>() else { continue };
        if seen.insert(number) {
            let before = last.insert(record.key_text(), number).unwrap_or(-1);
            assert!(before < number, "key {}: {number} came first after {before}", record.key_text());
        }
    }
}
