//! Kafka or Cassandra not there: the worker waits, says so, resumes, and dead-letters nothing for it.

use std::time::Duration;

use veltrix_tests::wait::throughout;
use veltrix_tests::{Case, OwnServers, Record, Server, eventually};

const TABLE: &str = "CREATE TABLE handled (partition int, offset bigint, value blob, PRIMARY KEY (partition, offset))";

fn case(servers: &OwnServers) -> Case {
    Case::of(servers, "relay")
        .partitions(2)
        .tables(TABLE)
        .binding("retry = { attempts = 2, backoff = \"50ms\", max_backoff = \"200ms\" }")
        .function("vars = { table = \"handled\", to = \"$OUT\" }")
        .function("cassandra = { handled = \"read-write\" }")
        .build()
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
    let case = case(&servers);

    // Absent at the start.
    servers.stop(Server::Cassandra);
    case.produce(numbered(0..50));
    let mut worker = case.app.start();
    worker.admin();
    throughout("it waits without giving up", Duration::from_secs(5), || {
        worker.is_running() && case.dead_letters().is_empty() && case.committed() == 0
    });
    servers.start(Server::Cassandra);
    all_done(&case, &servers, 50);

    // Gone and back in the middle.
    servers.kill(Server::Cassandra);
    case.produce(numbered(50..100));
    throughout("it waits without giving up", Duration::from_secs(5), || {
        worker.is_running() && case.dead_letters().is_empty()
    });
    servers.start(Server::Cassandra);
    all_done(&case, &servers, 100);

    let told = worker.logged("cassandra is unavailable");
    assert!((1..=4).contains(&told), "it says so once for each outage, not {told} times:\n{}", worker.log());
    assert_eq!(worker.terminate().code, Some(0));
}

#[test]
fn a_worker_bears_that_kafka_is_absent_bounced_and_killed() {
    let mut servers = OwnServers::start_all(&[Server::Kafka, Server::Cassandra]);
    let case = case(&servers);
    case.produce(numbered(0..50));

    servers.stop(Server::Kafka);
    let mut worker = case.app.start();
    worker.admin();
    throughout("it waits, not ready", Duration::from_secs(5), || worker.is_running() && !worker.is_ready());
    servers.start(Server::Kafka);
    all_done(&case, &servers, 50);
    worker.wait_ready();

    servers.kill(Server::Kafka);
    throughout("it waits", Duration::from_secs(5), || worker.is_running());
    servers.start(Server::Kafka);
    eventually("the broker takes records", veltrix_tests::SOON, || case.kafka.partitions(&case.input.name));
    case.produce(numbered(50..100));
    all_done(&case, &servers, 100);

    assert_eq!(worker.terminate().code, Some(0));
}
