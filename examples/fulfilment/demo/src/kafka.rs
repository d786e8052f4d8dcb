//! Topics, read and made by a client of Kafka's own: the auditor does not take the runtime's word for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A broker.
pub(crate) struct Kafka {
    address: String,
}

/// A record as it lies in a topic.
pub(crate) struct Found {
    pub(crate) value: Option<Vec<u8>>,
    /// Names and values; text only, as this example's are.
    pub(crate) headers: Vec<(String, String)>,
}

impl Found {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl Kafka {
    pub(crate) fn new(address: &str) -> Self {
        Self { address: address.to_owned() }
    }

    /// Makes a topic that is not there yet.
    pub(crate) fn create(&self, topic: &str, partitions: i32) -> Result<()> {
        let admin: AdminClient<DefaultClientContext> = self.config("").create()?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let results = runtime.block_on(admin.create_topics([&new], &options))?;
        for result in results {
            result.map_err(|(name, code)| anyhow::anyhow!("topic {name} can't be made: {code}"))?;
        }
        Ok(())
    }

    /// All that a topic holds; nothing if it is not there.
    pub(crate) fn read(&self, topic: &str) -> Result<Vec<Found>> {
        let consumer: BaseConsumer = self.config("fulfilment-demo.auditor").create()?;
        let mut assignment = TopicPartitionList::new();
        let mut missing = 0;
        for partition in self.partitions(&consumer, topic)? {
            let (low, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
            missing += high - low;
            assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&assignment)?;
        let (mut found, until) = (Vec::new(), Instant::now() + TIMEOUT);
        while (found.len() as i64) < missing {
            ensure!(Instant::now() < until, "topic {topic}: read {} of {missing} records", found.len());
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.with_context(|| format!("topic {topic}"))?;
                let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                found.push(Found {
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
                });
            }
        }
        Ok(found)
    }

    /// How many records of a topic a group has left to do, by what it committed.
    pub(crate) fn left_for(&self, group: &str, topic: &str) -> Result<i64> {
        let consumer: BaseConsumer = self.config(group).create()?;
        let mut wanted = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic)? {
            wanted.add_partition(topic, partition);
        }
        let mut left = 0;
        for element in consumer.committed_offsets(wanted, TIMEOUT)?.elements() {
            let (low, high) = consumer.fetch_watermarks(topic, element.partition(), TIMEOUT)?;
            left += high - element.offset().to_raw().unwrap_or(low).max(low);
        }
        Ok(left)
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).context("asking Kafka for a topic")?;
        let found = metadata.topics().iter().flat_map(|topic| topic.partitions());
        Ok(found.map(|partition| partition.id()).collect())
    }

    fn config(&self, group: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        if !group.is_empty() {
            config.set("group.id", group).set("enable.auto.commit", "false");
        }
        config
    }
}
