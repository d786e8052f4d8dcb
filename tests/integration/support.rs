//! The helpers themselves, against the servers they wrap.

use std::time::Duration;

use veltrix_tests::{OwnServers, Record, Server, eventually, servers, unique};

#[test]
fn records_come_back_byte_for_byte() {
    let kafka = servers().kafka();
    let topic = kafka.topic("bytes", 2);
    let odd = Record { key: Some(vec![0xff, 0]), value: None, ..Record::default() }
        .to(1)
        .with_header("a", None)
        .with_header("a", Some(&[0xfe]))
        .with_header("b", Some(b""));
    let large = Record::new("", vec![7; 1 << 20]).to(0);
    kafka.produce(&topic.name, [odd.clone(), large.clone()]);

    let read = kafka.read(&topic.name);
    assert_eq!(read.len(), 2);
    assert_eq!(Record { offset: None, timestamp: None, ..read[0].clone() }, large);
    assert_eq!(Record { offset: None, timestamp: None, ..read[1].clone() }, odd);
    assert_eq!(kafka.committed(&unique("group"), &topic), [None, None]);
}

#[test]
fn own_servers_keep_their_address_and_data_when_killed() {
    let mut own = OwnServers::start_all(&[Server::Kafka, Server::Cassandra]);
    let (kafka, address) = (own.kafka(), own.cassandra_address().to_owned());
    let topic = kafka.topic("kept", 1);
    kafka.produce(&topic.name, [Record::new("k", "v")]);
    let keyspace = own.cassandra().keyspace("kept");
    own.cassandra().execute(&format!("CREATE TABLE {keyspace}.t (k int PRIMARY KEY)"));
    own.cassandra().execute_with(&format!("INSERT INTO {keyspace}.t (k) VALUES (?)"), (7,));

    own.kill(Server::Kafka);
    own.kill(Server::Cassandra);
    own.start(Server::Kafka);
    own.start(Server::Cassandra);

    assert_eq!(own.cassandra_address(), address);
    assert_eq!(own.cassandra().rows::<(i32,)>(&format!("SELECT k FROM {keyspace}.t")), [(7,)]);
    eventually("the record is read again", Duration::from_secs(20), || {
        (kafka.read(&topic.name).len() == 1).then_some(())
    });
}
