//! Kafka or Cassandra not there: the worker waits, says so, resumes, and dead-letters nothing for it.

use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, OwnServers, Record, Server, Topic, Worker, build, eventually};

const SOON: Duration = veltrix_tests::SOON;

const TABLE: &str = "CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))";

/// A function that needs Cassandra, and beside it one that doesn't.
struct Two {
    case: Case,
    plain: Topic,
    copies: Topic,
}

impl Two {
    fn on(servers: &OwnServers) -> Self {
        let (plain, copies) = (servers.kafka().topic("plain", 1), servers.kafka().topic("copies", 1));
        let (from, to) = (&plain.name, &copies.name);
        let second = format!(
            r#"[[binding]]
topics = ["{from}"]
function = "plain"

[function.plain]
module = "{module}"
emits = ["{to}"]
vars = {{ to = "{to}" }}
"#,
            module = build::guest("relay").display()
        );
        let case = Case::of(servers, "relay")
            .partitions(2)
            .tables(TABLE)
            .binding("retry = { attempts = 2, backoff = \"50ms\", max_backoff = \"200ms\" }")
            .function("vars = { table = \"handled\", to = \"$OUT\" }")
            .function("cassandra = { handled = \"read-write\" }")
            .rest(&second)
            .build();
        Self { case, plain, copies }
    }

    /// The function that does not need Cassandra handles so many events in all.
    fn copies(&self, events: std::ops::Range<u32>) {
        let count = events.end as usize;
        self.case.kafka.produce(&self.plain.name, numbered(events));
        self.case.kafka.read_at_least(&self.copies.name, count, SOON);
    }
}

/// What `/readyz` and the metrics say of a dependency, and of the breakers of bindings that need it.
fn shown(worker: &mut Worker, name: &str, up: bool, breakers: &[(&str, f64)]) {
    let (word, gauge) = if up { ("up", 1.0) } else { ("down", 0.0) };
    let mut last = (String::new(), String::new());
    for _ in 0..600 {
        let (_, body) = worker.get("/readyz").expect("/readyz answers");
        let metrics = worker.metrics();
        let of = |(function, state): &(&str, f64)| {
            let labels = [&*format!("dependency=\"{name}\""), &*format!("function=\"{function}\"")];
            let word = if *state == 2.0 { "open" } else { "closed" };
            let told = serde_json::from_str::<serde_json::Value>(&body).expect("JSON");
            let bindings = told["bindings"].as_array().expect("a list").clone();
            let binding = bindings.iter().find(|binding| binding["function"] == *function).expect("it is told");
            metrics.sum("veltrix_breaker_state", &labels) == Some(*state) && binding["breakers"][name] == word
        };
        if metrics.sum(&format!("veltrix_{name}_up"), &[]) == Some(gauge)
            && body.contains(&format!("\"{name}\":\"{word}\""))
            && breakers.iter().all(of)
        {
            return;
        }
        last = (body, metrics.0);
        std::thread::sleep(Duration::from_millis(100));
    }
    let of_breakers: Vec<&str> = last.1.lines().filter(|line| line.contains("breaker_state{")).collect();
    panic!("{name} is not shown as {word}, with {breakers:?}: {}\n{of_breakers:?}\n{}", last.0, worker.log());
}

/// Each outage is told once by the worker, however many bindings it has, and its end too; each binding that it paused says
/// when it goes on.
fn each_is_told_once(worker: &Worker, name: &str, outages: usize) {
    let warned = || worker.log().lines().filter(|line| line.contains("WARN") && is_outage(line, name)).count();
    let back = || worker.logged(&format!("\"{name} is back")) + worker.logged(&format!("\"{name} is available now"));
    let (paused, resumed) = (format!("paused: {name} is unavailable"), format!("resumed: {name} is back"));
    eventually("what was told of outages fits together", SOON, || {
        (warned() == back() && worker.logged(&paused) == worker.logged(&resumed)).then_some(())
    });
    assert!((outages..=outages + 2).contains(&warned()), "{} outages of {name} are told:\n{}", warned(), worker.log());
    assert!(worker.logged(&paused) >= 1);
}

fn is_outage(line: &str, name: &str) -> bool {
    line.contains(&format!("{name} is unavailable")) || line.contains(&format!("{name} unavailable"))
}

fn numbered(range: std::ops::Range<u32>) -> Vec<Record> {
    range.map(|n| Record::new(format!("k{n}"), n.to_string())).collect()
}

/// Every event was written, emitted and committed, and none was given up.
fn all_done(case: &Case, servers: &OwnServers, count: u32) {
    case.wait_committed(i64::from(count));
    let keyspace = case.keyspace.as_deref().unwrap();
    let rows = servers.cassandra().count(&format!("SELECT count(*) FROM {keyspace}.handled"));
    assert_eq!(rows, i64::from(count));
    let mut values: Vec<u32> = case.wait_output(count as usize).iter().map(|r| r.text().parse().unwrap()).collect();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), count as usize);
    assert!(case.dead_letters().is_empty(), "nothing is dead-lettered for an outage");
}

#[test]
fn a_worker_bears_that_cassandra_is_absent_bounced_and_killed() {
    let mut servers = OwnServers::start_all(&[Server::Kafka, Server::Cassandra]);
    let two = Two::on(&servers);
    let case = &two.case;

    // Absent at the start.
    servers.stop(Server::Cassandra);
    case.produce(numbered(0..50));
    let mut worker = case.app.start();
    worker.admin();
    two.copies(0..50);
    shown(&mut worker, "cassandra", false, &[("guest", 2.0)]);
    throughout("it waits without giving up", Duration::from_secs(3), || {
        worker.is_running() && case.dead_letters().is_empty() && case.committed() == 0
    });
    servers.start(Server::Cassandra);
    all_done(case, &servers, 50);
    shown(&mut worker, "cassandra", true, &[("guest", 0.0)]);
    worker.wait_ready();

    // Gone and back in the middle.
    servers.kill(Server::Cassandra);
    case.produce(numbered(50..100));
    two.copies(50..100);
    shown(&mut worker, "cassandra", false, &[("guest", 2.0)]);
    throughout("it waits without giving up", Duration::from_secs(3), || {
        worker.is_running() && !worker.is_ready() && case.dead_letters().is_empty()
    });
    servers.start(Server::Cassandra);
    all_done(case, &servers, 100);
    shown(&mut worker, "cassandra", true, &[("guest", 0.0)]);

    each_is_told_once(&worker, "cassandra", 2);
    let of_plain = worker.metrics().sum("veltrix_breaker_state", &["dependency=\"cassandra\"", "function=\"plain\""]);
    assert_eq!(of_plain, None, "a function without grants does not need it");
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn a_worker_bears_that_kafka_is_absent_bounced_and_killed() {
    let mut servers = OwnServers::start_all(&[Server::Kafka, Server::Cassandra]);
    let two = Two::on(&servers);
    let case = &two.case;
    case.produce(numbered(0..50));

    servers.stop(Server::Kafka);
    let mut worker = case.app.start();
    worker.admin();
    shown(&mut worker, "kafka", false, &[]);
    throughout("it waits, not ready", Duration::from_secs(3), || worker.is_running() && !worker.is_ready());
    servers.start(Server::Kafka);
    all_done(case, &servers, 50);
    worker.wait_ready();
    two.copies(0..50);
    shown(&mut worker, "kafka", true, &[("guest", 0.0), ("plain", 0.0)]);

    servers.kill(Server::Kafka);
    shown(&mut worker, "kafka", false, &[("guest", 2.0), ("plain", 2.0)]);
    throughout("it waits, not ready", Duration::from_secs(3), || worker.is_running() && !worker.is_ready());
    servers.start(Server::Kafka);
    eventually("the broker takes records", SOON, || case.kafka.partitions(&case.input.name));
    case.produce(numbered(50..100));
    all_done(case, &servers, 100);
    two.copies(50..100);
    shown(&mut worker, "kafka", true, &[("guest", 0.0), ("plain", 0.0)]);

    each_is_told_once(&worker, "kafka", 2);
    assert_eq!(worker.terminate().code, Some(0));
}
