//! A worker that was frozen for longer than its session, and comes back: it begins nothing, and writes nothing, before its
//! group has taken a commit of it again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_tests::case::CaseBuilder;
use veltrix_tests::{App, Case, Record, SOON, Topic, Worker, build, eventually, servers, unique};

const JOURNAL: &str = "CREATE TABLE journal (partition int, offset bigint, worker text, what text, at bigint, \
                       PRIMARY KEY (partition, offset, worker, what, at))";
const EVENTS: i64 = 300;
/// The same where the broker owns the time-outs, which takes long enough.
const BROKERS: i64 = 150;

fn slow(numbers: std::ops::Range<i64>) -> impl Iterator<Item = Record> {
    numbers.map(|n| Record::new(format!("k{}", n % 30), n.to_string()).with_header("sleep", Some(b"400")))
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis() as i64
}

/// What a worker did with an event: its partition and offset, whose it was, what, and when.
type Entry = (i32, i64, String, String, i64);

fn journal(case: &Case) -> Vec<Entry> {
    let keyspace = case.keyspace.as_deref().expect("the case has a keyspace");
    servers().cassandra().rows(&format!("SELECT partition, offset, worker, what, at FROM {keyspace}.journal"))
}

/// What the thawed worker did although another has handled the same event, and how many events were begun.
fn overlap(case: &Case, thawed: i64) -> (Vec<Entry>, usize) {
    let entries = journal(case);
    let others: HashSet<(i32, i64)> =
        entries.iter().filter(|entry| entry.2 == "second").map(|entry| (entry.0, entry.1)).collect();
    let begun: HashSet<(i32, i64)> = entries.iter().map(|entry| (entry.0, entry.1)).collect();
    let late = |entry: &Entry| entry.2 == "first" && entry.4 > thawed && others.contains(&(entry.0, entry.1));
    (entries.into_iter().filter(late).collect(), begun.len())
}

/// The same application under another name of the worker.
fn second(case: &Case) -> App {
    let manifest = std::fs::read_to_string(case.app.directory().join("veltrix.toml")).expect("the manifest is there");
    App::new(&manifest.replace("worker = \"first\"", "worker = \"second\""))
}

/// Three partitions of one slow function, frozen in the middle of its work; another worker has taken over by the time that
/// it goes on. Gives back when that was, and both workers.
fn frozen_and_thawed(case: &Case, other: &App) -> (i64, Worker, Worker) {
    case.produce(slow(0..EVENTS));
    let first = case.app.ready();
    let begun_by = |worker: &str| journal(case).iter().filter(|entry| entry.2 == worker && entry.3 == "begin").count();
    eventually("it is in the middle of its work", SOON, || (begun_by("first") > 20).then_some(()));
    first.freeze();
    let second = other.ready();
    eventually("the other has taken over every partition", SOON, || {
        let entries = journal(case);
        let partitions: HashSet<i32> =
            entries.iter().filter(|entry| entry.2 == "second").map(|entry| entry.0).collect();
        (partitions.len() == 3).then_some(())
    });
    let thawed = now();
    first.thaw();
    (thawed, first, second)
}

fn builder() -> CaseBuilder<'static> {
    Case::of(servers(), "relay")
        .partitions(3)
        .tables(JOURNAL)
        .function("vars = { journal = \"journal\", worker = \"first\" }")
        .function("cassandra = { journal = \"read-write\" }")
        .binding("concurrency = 16")
}

#[test]
fn a_thawed_worker_begins_and_writes_nothing_that_another_has_taken_over() {
    let case = builder().build();
    let other = second(&case);
    let (thawed, _first, _second) = frozen_and_thawed(&case, &other);
    case.wait_committed(EVENTS);

    let (overlap, begun) = overlap(&case, thawed);
    assert!(overlap.is_empty(), "after it was thawed the first worker still did {overlap:?}");
    assert_eq!(begun as i64, EVENTS, "nothing was passed over");
    assert!(case.dead_letters().is_empty());
}

/// Beside the journal: an exactly-once binding in the same workers.
struct Exact {
    input: Topic,
    output: Topic,
    group: String,
}

impl Exact {
    fn produce(&self, case: &Case, numbers: std::ops::Range<usize>) {
        let slow = |n: usize| {
            Record::new(format!("k{}", n % 40), n.to_string())
                .with_header("sleep", Some(b"100"))
                .to((n % 40) as i32 % 3)
        };
        case.kafka.produce(&self.input.name, numbers.map(slow));
    }

    /// Waits until so many events are committed; then each has so many effects, and those of a key are in order.
    #[track_caller]
    fn each(&self, case: &Case, events: usize, times: usize) {
        eventually("all of it is committed", SOON, || {
            (case.kafka.committed_total(&self.group, &self.input) == events as i64
                && case.kafka.read(&self.output.name).len() >= events * times)
                .then_some(())
        });
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        let mut keys: HashMap<String, Vec<usize>> = HashMap::new();
        for record in case.kafka.read(&self.output.name) {
            let number = record.text().parse().expect("a number");
            *seen.entry(number).or_default() += 1;
            keys.entry(record.key_text()).or_default().push(number);
        }
        let wrong: Vec<_> = seen.iter().filter(|(_, seen)| **seen != times).take(5).collect();
        assert!(
            wrong.is_empty() && seen.len() == events,
            "{} of {events} seen; not {times} times: {wrong:?}",
            seen.len()
        );
        for (key, numbers) in keys {
            let first = &numbers[..numbers.len() / times];
            assert!(first.is_sorted() && numbers == first.repeat(times), "{key}: {numbers:?}");
        }
    }
}

fn both() -> (Case, Exact) {
    let kafka = servers().kafka();
    let exact = Exact { input: kafka.topic("exact", 3), output: kafka.topic("exact_out", 1), group: unique("exact") };
    let (input, output, group) = (&exact.input.name, &exact.output.name, &exact.group);
    let rest = format!(
        "[[binding]]\ntopics = [\"{input}\"]\nfunction = \"copy\"\ngroup = \"{group}\"\ndelivery = \"exactly-once\"\n\
         concurrency = 16\n\n[function.copy]\nmodule = \"{}\"\nemits = [\"{output}\"]\nvars = {{ to = \"{output}\" }}\n",
        build::guest("relay").display()
    );
    (builder().property("group.protocol", "consumer").rest(&rest).build(), exact)
}

/// One wait for the broker to give up the frozen and the killed member serves all that follows from it.
#[test]
fn under_the_brokers_protocol_neither_a_frozen_nor_a_killed_worker_does_harm() {
    let (case, exact) = both();
    let other = second(&case);
    let named = || other.start_with(&["--worker-id", "named"]);
    let (mut first, mut killed) = (case.app.start(), named());
    first.wait_ready();
    killed.wait_ready();
    let has = |worker: &Worker, topic: &str| {
        let assigned = |line: &str| line.contains("\"message\":\"assigned\"") && line.contains(&format!("{topic}/"));
        worker.log().lines().any(assigned)
    };
    eventually("both have partitions of both", SOON, || {
        let all = [&first, &killed].iter().all(|w| has(w, &case.input.name) && has(w, &exact.input.name));
        all.then_some(())
    });
    case.produce(slow(0..BROKERS));
    exact.produce(&case, 0..300);
    eventually("both are in the middle of their work", SOON, || {
        let entries = journal(&case);
        let begun = |name: &str| entries.iter().filter(|entry| entry.2 == name && entry.3 == "begin").count();
        (begun("first") > 10 && begun("second") > 10 && case.kafka.count(&exact.output.name) > 20).then_some(())
    });
    first.freeze();
    killed.kill9();
    // Its name is not free before the broker has given the dead one up: it tries again, and does not die of it.
    let mut again = named();
    exact.produce(&case, 300..400);
    eventually("the name is refused", SOON, || (again.logged("UnreleasedInstanceId") > 0).then_some(()));
    assert!(again.is_running());
    case.wait_committed(BROKERS);
    exact.each(&case, 400, 1);
    let assigned = first.logged("\"message\":\"assigned\"");
    let thawed = now();
    first.thaw();
    // Both are members again: epochs go up under open transactions while partitions move back.
    eventually("the first is given partitions again", SOON, || {
        let events = case.kafka.count(&exact.input.name);
        exact.produce(&case, events..events + 20);
        (first.logged("lost\":true") > 0 && first.logged("\"message\":\"assigned\"") >= assigned + 2).then_some(())
    });
    let events = case.kafka.count(&exact.input.name);
    exact.each(&case, events, 1);
    let (overlap, begun) = overlap(&case, thawed);
    assert!(overlap.is_empty(), "after it was thawed the first worker still did {overlap:?}");
    assert_eq!(begun as i64, BROKERS, "nothing was passed over");

    let replayed = case.app.veltrix(&["replay", "--binding", &exact.group, "--earliest", "--yes"]);
    assert_eq!(replayed.status.code(), Some(0), "{}", String::from_utf8_lossy(&replayed.stderr));
    exact.each(&case, events, 2);
    assert!(case.dead_letters().is_empty());
    assert_eq!((first.terminate().code, again.terminate().code), (Some(0), Some(0)));
}
