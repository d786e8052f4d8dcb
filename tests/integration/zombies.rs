//! A worker that was frozen for longer than its session, and comes back: it begins nothing, and writes nothing, before its
//! group has taken a commit of it again.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_tests::{App, Case, Record, Worker, eventually, servers};

const JOURNAL: &str = "CREATE TABLE journal (partition int, offset bigint, worker text, what text, at bigint, \
                       PRIMARY KEY (partition, offset, worker, what, at))";
const EVENTS: i64 = 300;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis() as i64
}

/// What a worker did with an event: its partition and offset, whose it was, what, and when.
type Entry = (i32, i64, String, String, i64);

fn journal(case: &Case) -> Vec<Entry> {
    let keyspace = case.keyspace.as_deref().expect("the case has a keyspace");
    servers().cassandra().rows(&format!("SELECT partition, offset, worker, what, at FROM {keyspace}.journal"))
}

/// The same application under another name of the worker.
fn second(case: &Case) -> App {
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    App::new(&manifest.replace("worker = \"first\"", "worker = \"second\""))
}

/// Three partitions of one slow function, frozen in the middle of its work; another worker has taken over by the time that
/// it goes on. Gives back when that was, and both workers.
fn frozen_and_thawed(case: &Case, other: &App) -> (i64, Worker, Worker) {
    case.produce(
        (0..EVENTS).map(|n| Record::new(format!("k{}", n % 30), n.to_string()).with_header("sleep", Some(b"400"))),
    );
    let first = case.app.ready();
    let begun_by = |worker: &str| journal(case).iter().filter(|entry| entry.2 == worker && entry.3 == "begin").count();
    eventually("it is in the middle of its work", veltrix_tests::SOON, || (begun_by("first") > 20).then_some(()));
    first.freeze();
    let second = other.ready();
    eventually("the other has taken over every partition", veltrix_tests::SOON, || {
        let entries = journal(case);
        let partitions: HashSet<i32> =
            entries.iter().filter(|entry| entry.2 == "second").map(|entry| entry.0).collect();
        (partitions.len() == 3).then_some(())
    });
    let thawed = now();
    first.thaw();
    (thawed, first, second)
}

fn case(protocol: Option<&str>) -> Case {
    let mut case = Case::of(servers(), "relay")
        .partitions(3)
        .tables(JOURNAL)
        .function("vars = { journal = \"journal\", worker = \"first\" }")
        .function("cassandra = { journal = \"read-write\" }")
        .binding("concurrency = 16");
    if let Some(protocol) = protocol {
        case = case.property("group.protocol", protocol);
    }
    case.build()
}

#[test]
fn a_thawed_worker_begins_and_writes_nothing_that_another_has_taken_over() {
    let case = case(None);
    let other = second(&case);
    let (thawed, _first, _second) = frozen_and_thawed(&case, &other);
    case.wait_committed(EVENTS);

    let entries = journal(&case);
    let others: HashSet<(i32, i64)> =
        entries.iter().filter(|entry| entry.2 == "second").map(|entry| (entry.0, entry.1)).collect();
    let overlap: Vec<&Entry> = entries
        .iter()
        .filter(|entry| entry.2 == "first" && entry.4 > thawed && others.contains(&(entry.0, entry.1)))
        .collect();
    assert!(overlap.is_empty(), "after it was thawed the first worker still did {overlap:?}");
    let begun: HashSet<(i32, i64)> = entries.iter().map(|entry| (entry.0, entry.1)).collect();
    assert_eq!(begun.len() as i64, EVENTS, "nothing was passed over");
    assert!(case.dead_letters().is_empty());
}
