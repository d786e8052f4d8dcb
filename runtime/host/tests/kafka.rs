//! What the host asks Kafka beside the client crate, on a real broker.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use veltrix_host::kafka::{TopicId, identity};
use veltrix_tests::{eventually, servers, unique};

const LIMIT: Duration = Duration::from_secs(10);

fn client() -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers().kafka_address()).set("group.id", unique("identity"));
    config.create().expect("a client starts")
}

#[test]
fn a_topic_made_again_has_another_id_and_an_absent_one_has_none() {
    let (kafka, client) = (servers().kafka(), client());
    let topic = kafka.topic("identity", 1);
    let other = kafka.topic("identity", 1);
    let id = |name: &str| -> Option<TopicId> {
        let found = identity::topic_ids(client.client(), &[name], LIMIT).expect("Kafka answers");
        found.into_iter().find(|(known, _)| known == name).map(|(_, id)| id)
    };
    let first = id(&topic.name).expect("a topic has an id");
    assert_eq!(id(&topic.name), Some(first), "it stays");
    assert_ne!(id(&other.name), Some(first));
    kafka.delete(&topic.name);
    eventually("it is gone", LIMIT, || id(&topic.name).is_none().then_some(()));
    kafka.create(&topic.name, 1, &[]);
    let second = eventually("it is there again", LIMIT, || id(&topic.name));
    assert_ne!(first, second);
    assert_eq!(identity::topic_ids(client.client(), &[&unique("absent")], LIMIT).expect("Kafka answers"), []);
}

#[test]
fn a_cluster_has_an_id() {
    let cluster = identity::cluster_id(client().client(), LIMIT).expect("Kafka answers");
    assert_eq!(identity::cluster_id(client().client(), LIMIT), Some(cluster));
}
