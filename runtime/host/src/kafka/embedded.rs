//! A Kafka in this process: the client library's own mock cluster, one broker on the loopback address, all in memory.
//!
//! It speaks the protocol, so that other clients on this machine can use it. It has no transactions that isolate, looks up
//! no offsets by time, creates topics for who produces to them or asks about them but not for an admin client, and keeps of
//! each partition the newest [`MOST_BYTES`] alone.

#![allow(unsafe_code)]

use std::sync::LazyLock;

use rdkafka::ClientConfig;
use rdkafka::bindings as sys;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, Producer};
use sha2::{Digest, Sha256};

use super::TopicId;

/// Bytes of batches that a partition keeps; what is older goes, handled or not.
pub const MOST_BYTES: u64 = 5 << 20;
/// Batches that a partition keeps.
pub const MOST_BATCHES: u64 = 100_000;
/// Partitions of a topic that nobody has created otherwise.
pub const PARTITIONS: i32 = 4;

/// The id of the embedded cluster, which does not tell one: of each process another, as its offsets begin anew.
pub(crate) fn cluster_id() -> &'static str {
    static ID: LazyLock<String> = LazyLock::new(|| format!("embedded-{:032x}", rand::random::<u128>()));
    &ID
}

/// The id of a topic of it. A topic is never deleted there, so that its name tells it for good.
pub(crate) fn topic_id(topic: &str) -> TopicId {
    let digest = Sha256::new().chain_update(cluster_id()).chain_update(topic).finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    TopicId(id)
}

/// An embedded Kafka; it ends when this is dropped.
pub struct Embedded {
    /// Owns the cluster.
    client: BaseProducer,
    address: String,
}

impl Embedded {
    /// Starts on a port that the system chooses.
    ///
    /// # Errors
    /// The library can't start it.
    pub fn start() -> KafkaResult<Self> {
        let mut config = ClientConfig::new();
        config.set("client.id", "embedded").set("test.mock.num.brokers", "1");
        // What it would say of its own connections concerns nobody.
        config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
        let client: BaseProducer = config.create()?;
        let failed = || KafkaError::ClientCreation("the embedded Kafka did not start".to_owned());
        let address = client.client().mock_cluster().ok_or_else(failed)?.bootstrap_servers();
        // SAFETY: the client is alive, and its cluster with it; the setting may be changed at any time.
        unsafe {
            let cluster = sys::rd_kafka_handle_mock_cluster(client.client().native_ptr());
            // A group begins at once instead of after three seconds: who joins is known to be alone.
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 1);
        }
        Ok(Self { client, address })
    }

    /// Where it is, `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Creates a topic; one that is there stays as it is.
    ///
    /// # Errors
    /// The name can't be one.
    pub fn create(&self, topic: &str, partitions: i32) -> KafkaResult<()> {
        let cluster = self.client.client().mock_cluster();
        let cluster = cluster.ok_or_else(|| KafkaError::ClientCreation("the embedded Kafka is gone".to_owned()))?;
        match cluster.create_topic(topic, partitions, 1) {
            Err(KafkaError::MockCluster(rdkafka::error::RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::Message;
    use rdkafka::producer::{BaseRecord, Producer};

    use super::*;

    #[test]
    fn other_clients_produce_and_consume_and_a_topic_is_created_once() {
        let kafka = Embedded::start().unwrap();
        kafka.create("t", 3).unwrap();
        kafka.create("t", 5).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.address()).set("group.id", "g").set("auto.offset.reset", "earliest");
        let producer: BaseProducer = config.create().unwrap();
        producer.send(BaseRecord::to("t").key("k").payload("v")).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
        let consumer: BaseConsumer = config.create().unwrap();
        let metadata = consumer.fetch_metadata(Some("t"), Duration::from_secs(30)).unwrap();
        assert_eq!(metadata.topics()[0].partitions().len(), 3);
        let begun = std::time::Instant::now();
        consumer.subscribe(&["t"]).unwrap();
        // A poll ends with an assignment, too.
        let found = (0..300).find_map(|_| consumer.poll(Duration::from_millis(100))).expect("in time").unwrap();
        assert_eq!((found.key(), found.payload()), (Some(&b"k"[..]), Some(&b"v"[..])));
        assert!(begun.elapsed() < Duration::from_millis(2_900), "the group begins at once: {:?}", begun.elapsed());
    }
}
