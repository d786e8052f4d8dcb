//! Exactly-once together with what else a binding may ask for: stopped lanes, dedupe, redrive, marks in its input.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use veltrix_tests::case::CaseBuilder;
use veltrix_tests::{Case, Record, SOON, Worker, build, eventually, servers};

fn exactly_once(partitions: i32) -> CaseBuilder<'static> {
    Case::of(servers(), "relay").partitions(partitions).binding("delivery = \"exactly-once\"")
}

/// What committed readers see, each with how often.
fn seen(case: &Case) -> BTreeMap<usize, usize> {
    let mut seen = BTreeMap::new();
    for record in case.kafka.read(&case.output.name) {
        *seen.entry(record.text().parse().unwrap()).or_default() += 1;
    }
    seen
}

#[track_caller]
fn each_once(case: &Case, count: usize) {
    assert_eq!(seen(case), (0..count).map(|number| (number, 1)).collect());
}

fn stopped(worker: &mut Worker) {
    eventually("the lane is stopped", SOON, || {
        (worker.metrics().sum("veltrix_lanes_stopped", &[]) == Some(1.0)).then_some(())
    });
}

fn change(case: &Case, from: &str, to: &str) {
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).unwrap();
    assert!(manifest.contains(from), "{from} is in {manifest}");
    case.app.write("veltrix.toml", manifest.replace(from, to));
}

#[test]
fn a_lane_that_stopped_shows_no_effect_until_it_is_resumed_and_then_one() {
    let case = exactly_once(1)
        .pause()
        .binding("retry = { attempts = 2, backoff = \"10ms\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let bad = Record::new("bad", "0").with_header("fail", Some(b"3"));
    case.produce([bad, Record::new("bad", "1")]);
    case.produce((2..30).map(|n| Record::new(format!("k{n}"), n.to_string())));
    let mut worker = case.app.ready();
    stopped(&mut worker);
    eventually("the others go on", SOON, || (seen(&case).len() == 28).then_some(()));
    worker.kill9();

    let mut worker = case.app.ready();
    stopped(&mut worker);
    case.produce([Record::new("k30", "30")]);
    eventually("the next owner goes on with the others", SOON, || (seen(&case).len() == 29).then_some(()));
    assert_eq!(case.committed(), 0, "nothing is committed past it");
    let resumed = case.app.veltrix(&["resume"]);
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    case.wait_committed(31);
    each_once(&case, 31);
    let of_lane: Vec<String> = case
        .kafka
        .read(&case.output.name)
        .iter()
        .filter(|record| record.key_text() == "bad")
        .map(Record::text)
        .collect();
    assert_eq!(of_lane, ["0", "1"]);
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn originals_have_one_effect_and_copies_none_through_kills() {
    let case = exactly_once(2)
        .binding("dedupe = { by = \"header:id\", window = \"1h\" }")
        .function("vars = { to = \"$OUT\" }")
        .build();
    let round = || (0..300usize).map(|id| identified(id).to(id as i32 % 2)).collect::<Vec<_>>();
    case.produce(round());
    let first = case.app.ready();
    eventually("the first worker is at it", SOON, || (seen(&case).len() > 20).then_some(()));
    case.produce(round());
    first.kill9();
    case.produce(round());
    let second = case.app.ready();
    case.wait_committed(900);
    each_once(&case, 300);
    assert_eq!(second.terminate().code, Some(0));
}

fn identified(id: usize) -> Record {
    Record::new(format!("k{}", id % 20), id.to_string()).with_header("id", Some(id.to_string().as_bytes()))
}

/// Begins a redrive that takes some seconds.
fn redrive(case: &Case) -> Child {
    Command::new(build::veltrix())
        .args(["dlq", "redrive", "--output", "json"])
        .current_dir(case.app.directory())
        .env_remove("VELTRIX_KAFKA")
        .env_remove("VELTRIX_CASSANDRA")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_redrive_that_is_killed_goes_on_and_each_letter_has_one_effect() {
    const LETTERS: usize = 24;
    let broken = "dead = \"broken\", ";
    let case = exactly_once(4).function(&format!("vars = {{ {broken}to = \"$OUT\" }}")).build();
    let slow = (0..LETTERS).map(|n| Record::new(format!("k{n}"), n.to_string()).with_header("sleep", Some(b"150")));
    case.produce(slow);
    let worker = case.app.ready();
    case.wait_dead(LETTERS);
    assert_eq!(worker.terminate().code, Some(0));
    change(&case, broken, "");
    change(&case, "[[binding]]\n", "[[binding]]\nconcurrency = 1\n");

    let mut killed = redrive(&case);
    eventually("some are redriven", SOON, || (seen(&case).len() >= 3).then_some(()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let before = seen(&case).len();
    assert!(before < LETTERS, "it was interrupted");

    let again = redrive(&case).wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again.status.code(), Some(0), "{told}");
    // Readers of what is committed wait behind what the killed one left open, until the broker ends that.
    eventually("all of it is seen", SOON, || (seen(&case).len() == LETTERS).then_some(()));
    each_once(&case, LETTERS);
    // What it had emitted is committed with its offsets, or neither is; a commit may have been under way when we looked.
    assert!(told["redriven_before"].as_u64() >= Some(before as u64), "{told}");
    let last = redrive(&case).wait_with_output().unwrap();
    let told: Value = serde_json::from_slice(&last.stdout).unwrap();
    assert_eq!((&told["taken"], &told["redriven_before"]), (&0.into(), &LETTERS.into()));
    each_once(&case, LETTERS);
}
