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

    /// Watches how far a group is with a topic to which nothing is sent any more.
    pub(crate) fn watch(&self, group: &str, topic: &str) -> Result<Watch> {
        let consumer: BaseConsumer = self.config(group).create()?;
        let mut ends = TopicPartitionList::new();
        for partition in self.partitions(&consumer, topic)? {
            let (_, high) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
            ends.add_partition_offset(topic, partition, Offset::Offset(high))?;
        }
        Ok(Watch { consumer, ends })
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

/// A group and a topic. Asks what the group committed without being a member of it.
pub(crate) struct Watch {
    consumer: BaseConsumer,
    /// The topic's partitions, each with its end.
    ends: TopicPartitionList,
}

impl Watch {
    /// How many records there are beyond what the group committed.
    pub(crate) fn lag(&self) -> Result<i64> {
        let committed =
            self.consumer.committed_offsets(self.ends.clone(), TIMEOUT).context("asking for committed offsets")?;
        let mut lag = 0;
        for end in self.ends.elements() {
            let done = committed.find_partition(end.topic(), end.partition()).and_then(|found| found.offset().to_raw());
            // Below zero: nothing was committed.
            lag += end.offset().to_raw().unwrap_or(0) - done.unwrap_or(0).max(0);
        }
        Ok(lag)
    }
}
