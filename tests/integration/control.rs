//! `pause` and `resume`: they hold for all workers and across restarts; stopped lanes go on when somebody says so.

use std::time::Duration;

use serde_json::Value;
use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, Record, Worker, eventually, servers};

const SOON: Duration = veltrix_tests::SOON;

fn relay(line: &str) -> Case {
    Case::of(servers(), "relay").partitions(2).binding(line).function("vars = { to = \"$OUT\" }").build()
}

/// The only binding in `/readyz`.
fn shown(worker: &mut Worker) -> Value {
    let (_, body) = worker.get("/readyz").expect("/readyz answers");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["bindings"][0].clone()
}

fn change(case: &Case, from: &str, to: &str) {
    let file = case.app.directory().join("veltrix.toml");
    let manifest = std::fs::read_to_string(file).unwrap();
    assert!(manifest.contains(from), "{from} is in {manifest}");
    case.app.write("veltrix.toml", manifest.replace(from, to));
}

#[track_caller]
fn done(case: &Case, arguments: &[&str]) -> String {
    let output = case.app.veltrix(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn is_paused(worker: &mut Worker, paused: bool) {
    eventually("a worker hears of it", SOON, || (shown(worker)["paused"] == paused).then_some(()));
}

fn numbered(range: std::ops::Range<usize>) -> Vec<Record> {
    range.map(|n| Record::new(format!("k{}", n % 10), n.to_string())).collect()
}

fn numbers(records: &[Record]) -> Vec<usize> {
    let mut numbers: Vec<usize> = records.iter().map(|record| record.text().parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_pause_holds_for_all_workers_and_across_restarts_and_commits_what_was_under_way() {
    let case = relay("");
    let mut first = case.app.ready();
    let mut second = case.app.ready();
    case.produce(numbered(0..40));
    case.wait_committed(40);
    case.produce([Record::new("slow", "40").with_header("sleep", Some(b"2000"))]);
    eventually("the slow one is in flight", SOON, || {
        let in_flight = |worker: &mut Worker| worker.metrics().sum("veltrix_events_in_flight", &[]);
        (in_flight(&mut first) == Some(1.0) || in_flight(&mut second) == Some(1.0)).then_some(())
    });
    assert!(done(&case, &["pause"]).starts_with(&format!("paused {}", case.group)));
    is_paused(&mut first, true);
    is_paused(&mut second, true);
    case.wait_committed(41);

    case.produce(numbered(41..60));
    let third = case.app.ready();
    assert_eq!(second.terminate().code, Some(0));
    let mut second = third;
    is_paused(&mut second, true);
    assert_eq!(second.metrics().sum("veltrix_binding_paused", &[]), Some(1.0));
    throughout("nothing begins", Duration::from_secs(2), || case.kafka.count(&case.output.name) == 41);
    assert!(first.is_ready() && second.is_ready(), "they wait, and are well");

    assert!(done(&case, &["resume", "--binding", "guest"]).starts_with(&format!("resumed {}", case.group)));
    case.wait_committed(60);
    assert_eq!(numbers(&case.kafka.read(&case.output.name)), (0..60).collect::<Vec<_>>(), "each once");
    is_paused(&mut first, false);
    assert_eq!(first.metrics().sum("veltrix_binding_paused", &[]), Some(0.0));
}

#[test]
fn a_lane_that_stopped_goes_on_by_the_command_in_the_log_and_the_others_never_waited() {
    let case = relay("retry = { attempts = 2, backoff = \"10ms\" }");
    change(&case, &format!("dead_letter = \"{}\"\n", case.dead.name), "dead_letter = \"pause\"\n");
    let bad = Record::new("bad", "0").with_header("fail", Some(b"3")).to(1);
    case.produce([bad, Record::new("bad", "1").to(1)]);
    case.produce((2..30).map(|n| Record::new(format!("k{n}"), n.to_string()).to(1)));
    let mut worker = case.app.ready();
    assert!(case.wait_output(28).iter().all(|record| record.key_text() != "bad"), "the others go on");
    let lane = eventually("the lane is shown", SOON, || {
        let lanes = shown(&mut worker)["stopped"].clone();
        (lanes != Value::Array(Vec::new())).then_some(lanes)
    });
    assert_eq!(
        (&lane[0]["topic"], &lane[0]["partition"], &lane[0]["offset"]),
        (&case.input.name.as_str().into(), &1.into(), &0.into())
    );
    let metrics = worker.metrics();
    assert_eq!(metrics.sum("veltrix_lanes_stopped", &[]), Some(1.0));
    assert_eq!(metrics.sum("veltrix_lane_stopped_offset", &["partition=\"1\""]), Some(0.0));

    let log = worker.log();
    let line = log.lines().find(|line| line.contains("lane stopped")).expect("it is logged");
    let command = &line[line.find("veltrix resume").expect("with a command")..];
    let command: Vec<&str> = command.split('"').next().unwrap().split(' ').skip(1).collect();
    done(&case, &command);
    let all = case.wait_output(30);
    let of_lane: Vec<String> = all.iter().filter(|r| r.key_text() == "bad").map(Record::text).collect();
    assert_eq!(of_lane, ["0", "1"], "in order, once each");
    case.wait_committed(30);
    eventually("it is shown no more", SOON, || {
        (worker.metrics().sum("veltrix_lanes_stopped", &[]) == Some(0.0)
            && worker.metrics().sum("veltrix_lane_stopped_offset", &[]).is_none())
        .then_some(())
    });
}

#[test]
fn a_lane_stays_stopped_across_restarts_until_it_is_resumed_also_while_no_worker_runs() {
    let case = relay("");
    change(&case, &format!("dead_letter = \"{}\"\n", case.dead.name), "");
    change(&case, "vars = {", "vars = { dead = \"broken\",");
    case.produce([Record::new("bad", "0")]);
    let mut worker = case.app.ready();
    let stopped = |worker: &mut Worker| {
        eventually("the lane stops", SOON, || {
            (worker.metrics().sum("veltrix_lanes_stopped", &[]) == Some(1.0)).then_some(())
        });
    };
    stopped(&mut worker);
    assert_eq!(worker.terminate().code, Some(0));
    change(&case, "dead = \"broken\",", "");
    let mut worker = case.app.ready();
    stopped(&mut worker);
    case.produce([Record::new("bad", "1"), Record::new("good", "2")]);
    assert_eq!(case.wait_output(1)[0].text(), "2", "the mended function is not asked before somebody says so");
    assert_eq!(worker.terminate().code, Some(0));

    done(&case, &["resume", "--binding", &case.group]);
    let _worker = case.app.ready();
    let of_lane: Vec<String> = case.wait_output(3).iter().filter(|r| r.key_text() == "bad").map(Record::text).collect();
    assert_eq!(of_lane, ["0", "1"]);
    case.wait_committed(3);
}
