//! `replay`: a range once more, by the binding itself or by a group aside.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, servers, unique};

fn relay(partitions: i32) -> Case {
    Case::of(servers(), "relay").partitions(partitions).function("vars = { to = \"$OUT\" }").build()
}

/// So many events a partition, whose values are their offsets; a key is always in the same partition.
fn fill(case: &Case, each: i64) {
    let record = |p: i32, n: i64| Record::new(format!("{p}-{}", n % 3), n.to_string()).to(p);
    case.produce((0..case.input.partitions).flat_map(|p| (0..each).map(move |n| record(p, n))));
}

fn replay(case: &Case, arguments: &[&str]) -> std::process::Output {
    case.app.veltrix(&[&["replay", "--output", "json"], arguments].concat())
}

#[track_caller]
fn done(case: &Case, arguments: &[&str]) -> Value {
    let output = replay(case, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(case: &Case, arguments: &[&str], told: &str) {
    let output = replay(case, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains(told), "{told:?} is not in {errors}");
}

/// The offsets of each key in the order in which they were handled.
fn by_key(case: &Case) -> HashMap<String, Vec<i64>> {
    let mut keys: HashMap<String, Vec<i64>> = HashMap::new();
    for record in case.kafka.read(&case.output.name) {
        keys.entry(record.key_text()).or_default().push(record.text().parse().unwrap());
    }
    keys
}

#[test]
fn running_workers_go_back_once_and_keep_the_order() {
    let case = relay(3);
    fill(&case, 20);
    let first = case.app.ready();
    let _second = case.app.ready();
    case.wait_committed(60);
    assert_eq!(case.kafka.count(&case.output.name), 60);
    refused(&case, &["--earliest"], "add --yes");
    let plan = done(&case, &["--earliest", "--yes"]);
    assert_eq!((&plan["running"], &plan["offsets"]), (&true.into(), &60.into()));
    case.wait_output(120);
    case.wait_committed(60);
    for (key, offsets) in by_key(&case) {
        let first: Vec<i64> = offsets[..offsets.len() / 2].to_vec();
        assert!(first.is_sorted() && offsets == [&first[..], &first[..]].concat(), "key {key}: {offsets:?}");
    }
    // Neither a restart nor a rebalance does it again, and what comes is handled.
    assert_eq!(first.terminate().code, Some(0));
    let _third = case.app.ready();
    fill(&case, 1);
    case.wait_committed(63);
    throughout("nothing more goes back", Duration::from_secs(2), || case.kafka.count(&case.output.name) == 123);
}

#[test]
fn without_a_worker_it_is_done_when_one_starts_and_a_range_leaves_the_rest_done() {
    let case = relay(2);
    fill(&case, 10);
    let worker = case.app.ready();
    case.wait_committed(20);
    assert_eq!(worker.terminate().code, Some(0));
    let plan = done(&case, &["--from", "0:2", "--to", "0:5"]);
    assert_eq!((&plan["running"], &plan["offsets"]), (&false.into(), &3.into()));
    assert_eq!(case.committed(), 20, "nothing moves before a worker starts");
    let _worker = case.app.ready();
    let all = case.wait_output(23);
    let again: Vec<String> =
        all[20..].iter().map(|record| format!("{}:{}", record.key_text(), record.text())).collect();
    let mut sorted = again.clone();
    sorted.sort();
    assert_eq!(sorted, ["0-0:3", "0-1:4", "0-2:2"], "from 2 up to 5 of partition 0: {again:?}");
    case.wait_committed(20);
    fill(&case, 1);
    case.wait_committed(22);
    assert_eq!(case.kafka.count(&case.output.name), 25);
}

#[test]
fn a_time_is_a_place_too_and_other_places_are_refused_with_what_to_write() {
    let case = relay(1);
    let at = 1_714_564_800_000;
    case.produce((0..6).map(|n| Record { timestamp: Some(at + n * 1_000), ..Record::new("k", n.to_string()) }));
    let worker = case.app.ready();
    case.wait_committed(6);
    assert_eq!(worker.terminate().code, Some(0));
    refused(&case, &["--from", "0:7"], "write --from 0:6");
    refused(&case, &["--from", "3:0"], "there is no partition 3");
    refused(&case, &[], "--earliest");
    refused(&case, &["--earliest", "--binding", "gust"], "there is no binding gust");
    refused(&case, &["--earliest", "--topic", "elsewhere"], "has no topic elsewhere");
    refused(&case, &["--earliest", "--group", &case.group], "is the group of a binding");
    case.produce([Record::new("k", "6")]);
    refused(&case, &["--from", "0:7"], "would pass over events");
    assert_eq!(done(&case, &["--from", "2024-05-01T12:00:04Z"])["offsets"], 2);
    let _worker = case.app.ready();
    let texts: Vec<String> = case.wait_output(9).iter().map(Record::text).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "4", "5", "6"]);
}

#[test]
fn a_group_aside_handles_its_range_and_the_binding_does_not_notice() {
    let case = relay(2);
    fill(&case, 10);
    let mut worker = case.app.ready();
    case.wait_committed(20);
    let side = unique("side");
    let ended = done(&case, &["--group", &side, "--earliest", "--to", "0:4,1:10"]);
    assert_eq!((&ended["handled"], &ended["interrupted"]), (&14.into(), &false.into()));
    assert_eq!(case.kafka.count(&case.output.name), 34);
    assert_eq!(case.kafka.committed(&side, &case.input), [Some(4), Some(10)]);
    // It goes on where it was, up to the ends as they are.
    let ended = done(&case, &["--group", &side]);
    assert_eq!(ended["handled"], 6);
    assert_eq!(done(&case, &["--group", &side])["handled"], 0);
    assert_eq!((case.committed(), case.kafka.count(&case.output.name)), (20, 40));
    assert_eq!(worker.metrics().sum("veltrix_events_consumed_total", &[]), Some(20.0));
}

#[test]
fn what_is_skipped_is_told_first_never_handled_and_counted() {
    let case = Case::of(servers(), "relay")
        .partitions(2)
        .pause()
        .binding("retry = { attempts = 1 }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    fill(&case, 10);
    let worker = case.app.ready();
    case.wait_committed(20);
    assert_eq!(worker.terminate().code, Some(0));
    fill(&case, 10);
    refused(&case, &["--skip-to", "0:15"], "pass over 5 offsets in 1 partitions");
    refused(&case, &["--skip-to", "0:21", "--yes"], "write --skip-to 0:20");
    assert_eq!(done(&case, &["--skip-to", "10", "--yes"])["passed_over"], 0, "it has got there");
    let plan = done(&case, &["--skip-to", "0:15", "--yes"]);
    assert_eq!((&plan["running"], &plan["passed_over"]), (&false.into(), &5.into()));
    assert_eq!(case.committed(), 20, "nothing moves before a worker starts");
    let mut worker = case.app.ready();
    case.wait_committed(40);
    assert_eq!(case.kafka.count(&case.output.name), 35);
    let passed_over = |worker: &mut veltrix_tests::Worker| {
        worker.metrics().sum("veltrix_events_passed_over_total", &[]).unwrap_or(0.0)
    };
    assert_eq!((passed_over(&mut worker), worker.logged("events are passed over")), (5.0, 1));

    // Past a stopped lane while workers run: what others have done beyond it is not counted, and the lane goes on.
    let bad = Record::new("bad", "0").with_header("fail", Some(b"9"));
    case.produce([bad, Record::new("bad", "1"), Record::new("good", "2")].map(|record| record.to(1)));
    veltrix_tests::eventually("the lane is stopped", veltrix_tests::SOON, || {
        let stopped = worker.metrics().sum("veltrix_lanes_stopped", &[]) == Some(1.0);
        (stopped && case.kafka.count(&case.output.name) == 36).then_some(())
    });
    veltrix_tests::eventually("what is done beyond is noted", veltrix_tests::SOON, || {
        let told = replay(&case, &["--skip-to", "end"]);
        String::from_utf8_lossy(&told.stderr).contains("pass over 2 offsets").then_some(())
    });
    let plan = done(&case, &["--skip-to", "end", "--yes"]);
    assert_eq!((&plan["running"], &plan["passed_over"]), (&true.into(), &2.into()));
    case.wait_committed(43);
    assert_eq!(passed_over(&mut worker), 7.0);
    case.produce([Record::new("bad", "3").to(1)]);
    assert_eq!(case.wait_output(37).last().map(Record::text).as_deref(), Some("3"));
    case.wait_committed(44);
    assert_eq!(worker.terminate().code, Some(0));
    let _worker = case.app.ready();
    throughout("a restart skips nothing more", Duration::from_secs(1), || case.committed() == 44);
}
