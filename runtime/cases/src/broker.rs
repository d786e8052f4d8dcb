//! A real Kafka, for a case: its topics, events into them, and what was emitted out of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use veltrix_host::jsonl::Event;
use veltrix_host::kafka::{KafkaConfig, headers};

use crate::case::Input;
use crate::record::Emit;

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A broker.
pub(crate) struct Broker {
    config: ClientConfig,
    admin: AdminClient<DefaultClientContext>,
}

impl Broker {
    pub(crate) fn open(kafka: &KafkaConfig) -> Result<Self, String> {
        let mut config = kafka.client();
        config.remove("group.instance.id");
        let admin = config.create().map_err(|error| format!("kafka: {error}"))?;
        Ok(Self { config, admin })
    }

    /// Whether it answers.
    pub(crate) fn check(&self) -> Result<(), String> {
        let answer = self.admin.inner().fetch_metadata(Some("veltrix-cases"), PATIENCE);
        let servers = self.config.get("bootstrap.servers").unwrap_or_default();
        answer.map(|_| ()).map_err(|error| format!("Kafka at {servers} does not answer: {error}"))
    }

    /// Makes topics with so many partitions. The events of a case have times of their own, by which retention must not
    /// take them.
    pub(crate) async fn create(&self, topics: &BTreeMap<String, i32>) -> Result<(), String> {
        let new: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|(name, count)| NewTopic::new(name, *count, TopicReplication::Fixed(-1)).set("retention.ms", "-1"))
            .collect();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let results = self.admin.create_topics(&new, &options).await.map_err(|error| format!("kafka: {error}"))?;
        let failed = |(topic, error)| format!("topic {topic} can't be created: {error}");
        results.into_iter().try_for_each(|result| result.map(|_| ()).map_err(failed))
    }

    /// Removes topics and a group; what can't be removed is left.
    pub(crate) async fn remove(&self, topics: &BTreeMap<String, i32>, group: &str) {
        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
        let options = AdminOptions::new();
        let _ = self.admin.delete_topics(&names, &options).await;
        let _ = self.admin.delete_groups(&[group], &options).await;
    }

    /// Writes events, each to its partition. Blocks.
    pub(crate) fn produce(&self, topic: &str, events: &[&Input]) -> Result<(), String> {
        let failed = |error: &dyn std::fmt::Display| format!("events can't be written to {topic}: {error}");
        let mut config = self.config.clone();
        config.set("enable.idempotence", "true");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        let producer: BaseProducer = config.create().map_err(|error| failed(&error))?;
        for Input { partition, timestamp, event, .. } in events {
            let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(*partition).timestamp(*timestamp);
            record.key = event.key.as_deref();
            record.payload = event.value.as_deref();
            if !event.headers.is_empty() {
                let mut list = OwnedHeaders::new();
                event.headers.iter().for_each(|(name, value)| headers::push(&mut list, name, value.as_deref()));
                record.headers = Some(list);
            }
            producer.send(record).map_err(|(error, _)| failed(&error))?;
        }
        producer.flush(PATIENCE).map_err(|error| failed(&error))?;
        // What was refused is not there.
        let ends = self.ends(&producer, topic, events.iter().map(|input| input.partition))?;
        let there: i64 = ends.values().sum();
        if there == events.len() as i64 {
            Ok(())
        } else {
            Err(failed(&format!("{there} of {} were taken", events.len())))
        }
    }

    fn ends(
        &self,
        producer: &BaseProducer,
        topic: &str,
        partitions: impl Iterator<Item = i32>,
    ) -> Result<BTreeMap<i32, i64>, String> {
        let partitions: BTreeSet<i32> = partitions.collect();
        let end = |partition| {
            let found = producer.client().fetch_watermarks(topic, partition, PATIENCE);
            Ok((partition, found.map_err(|error| format!("topic {topic} can't be looked at: {error}"))?.1))
        };
        partitions.into_iter().map(end).collect()
    }

    /// All events of a topic, by partition. Blocks.
    pub(crate) fn read(&self, topic: &str, as_topic: &str, partitions: i32) -> Result<Vec<Emit>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("topic {topic} can't be read: {error}");
        let mut config = self.config.clone();
        config.set("group.id", "veltrix-cases").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().map_err(|error| failed(&error))?;
        let mut emits = Vec::new();
        for partition in 0..partitions {
            let (start, end) = consumer.fetch_watermarks(topic, partition, PATIENCE).map_err(|error| failed(&error))?;
            if start >= end {
                continue;
            }
            let mut list = TopicPartitionList::new();
            let added = list.add_partition_offset(topic, partition, Offset::Offset(start));
            added.and_then(|()| consumer.assign(&list)).map_err(|error| failed(&error))?;
            let limit = Instant::now() + PATIENCE;
            let mut next = start;
            while next < end {
                match consumer.poll(Duration::from_millis(100)) {
                    Some(Ok(message)) => {
                        next = message.offset() + 1;
                        let mut list = Vec::new();
                        if let Some(there) = message.headers() {
                            headers::each(there, |name, value| list.push((name.to_vec(), value.map(<[u8]>::to_vec))));
                        }
                        let event = Event {
                            key: message.key().map(<[u8]>::to_vec),
                            value: message.payload().map(<[u8]>::to_vec),
                            headers: list,
                            timestamp: message.timestamp().to_millis(),
                            partition: Some(partition),
                        };
                        emits.push(Emit { topic: as_topic.to_owned(), event });
                    }
                    Some(Err(error)) if Instant::now() > limit => return Err(failed(&error)),
                    None if Instant::now() > limit => return Err(failed(&"it does not come to its end")),
                    Some(Err(_)) | None => {}
                }
            }
        }
        Ok(emits)
    }
}
