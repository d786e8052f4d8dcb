//! Cassandra that is not there, goes away, and comes back.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use veltrix_host::cassandra::{Access, Cassandra, Outstanding, State};
use veltrix_manifest::Grant;
use veltrix_tests::servers::{OwnServers, Server};
use veltrix_tests::{SOON, eventually};

use crate::world::{defaults, encode, text};

#[test]
fn calls_are_refused_at_once_while_it_is_away_and_work_when_it_is_back() {
    let mut servers = OwnServers::start_all(&[Server::Cassandra]);
    let address = servers.cassandra_address().to_owned();
    let client = servers.cassandra();
    let keyspace = client.keyspace("away");
    client.execute(&format!("CREATE TABLE {keyspace}.t (k text PRIMARY KEY)"));
    drop(client);
    servers.stop(Server::Cassandra);

    let runtime = Runtime::new().unwrap();
    let _inside = runtime.enter();
    let cassandra = Cassandra::connect(&[address], &keyspace);
    let access = Access::new(cassandra.clone(), [("t".to_owned(), Grant::ReadWrite)].into());
    let insert = "INSERT INTO t (k) VALUES (?)".to_owned();
    assert_eq!(cassandra.state(), State::Connecting);
    let begun = Instant::now();
    let error = runtime.block_on(access.prepare(insert.clone())).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!((error.kind, error.applied), (3, 0), "{error:?}");
    assert!(runtime.block_on(cassandra.probe()).is_err());

    servers.start(Server::Cassandra);
    eventually("cassandra is up", SOON, || cassandra.is_up().then_some(()));
    let statement = runtime.block_on(access.prepare(insert)).unwrap();
    let outstanding = Outstanding::new();
    let write = |key: &str| {
        let values = encode(&[text(key)]);
        runtime.block_on(access.execute(statement.clone(), values, vec![], defaults(), None, &outstanding))
    };
    write("before").unwrap();

    servers.kill(Server::Cassandra);
    let error = eventually("a call fails", SOON, || write("meanwhile").err());
    assert!(matches!(error.kind, 3 | 4 | 6), "{error:?}");
    eventually("it is known to be down", SOON, || (cassandra.state() == State::Down).then_some(()));
    let begun = Instant::now();
    let error = write("meanwhile").unwrap_err();
    assert_eq!((error.kind, error.applied), (3, 0), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(1));

    servers.start(Server::Cassandra);
    let back = Instant::now();
    eventually("it is up again", SOON, || cassandra.is_up().then_some(()));
    assert!(back.elapsed() < Duration::from_secs(20), "found again only after {:?}", back.elapsed());
    write("after").unwrap();
    runtime.block_on(outstanding.settled());
}
