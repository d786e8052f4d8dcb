//! Reads dead-letter topics, and what the redrives' groups note of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_host::dead_letter::{Letter, LetterHeaders};
use veltrix_host::flow::Memo;
use veltrix_host::kafka::{headers, offsets};

use super::filter::Place;
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::servers::Kafka;
use crate::verbs::tail::Quiet;

/// How long a broker may take to answer, or to send the next event.
const PATIENCE: Duration = Duration::from_secs(10);

/// A dead-letter topic as it is now.
pub(super) struct Letters<'a> {
    pub(super) topic: &'a str,
    /// Log start and end of each partition.
    pub(super) ends: BTreeMap<i32, (i64, i64)>,
    servers: &'a Kafka,
    consumer: BaseConsumer<Quiet>,
}

/// What a group has done of a partition.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// All below it.
    pub(super) position: i64,
    /// Some beyond.
    pub(super) notes: Memo,
}

impl Done {
    pub(super) fn has(&self, offset: i64) -> bool {
        offset < self.position || self.notes.is_done(offset)
    }
}

impl<'a> Letters<'a> {
    /// Asks where the topic begins and ends.
    pub(super) fn of(topic: &'a str, servers: &'a Kafka) -> Result<Self, Failure> {
        let consumer = client(servers, "veltrix-dlq")?;
        let metadata = clients::metadata(consumer.client(), Some(topic), servers)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let absent = || {
            Failure::run(format!(
                "there is no topic {topic}: no worker of the application has created it yet, or it was deleted"
            ))
        };
        let found = found.ok_or_else(absent)?;
        match found.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Err(absent()),
            Some(error) => return Err(Failure::run(format!("topic {topic} can't be read: {error}"))),
        }
        let mut ends = BTreeMap::new();
        for partition in found.partitions() {
            let found = consumer.fetch_watermarks(topic, partition.id(), PATIENCE);
            ends.insert(partition.id(), found.map_err(|error| failed(topic, &error))?);
        }
        Ok(Self { topic, ends, servers, consumer })
    }

    /// Shows every event up to the ends, partition by partition, each in order; `None` is no dead letter.
    pub(super) fn each(&self, mut show: impl FnMut(Place, &BorrowedMessage<'_>, Option<Letter>) -> Outcome) -> Outcome {
        for (&partition, &(start, end)) in self.ends.iter().filter(|(_, (start, end))| start < end) {
            self.partition(partition, start, end, &mut show)?;
        }
        Ok(())
    }

    /// Shows the events of one partition from an offset up to another.
    pub(super) fn partition(
        &self,
        partition: i32,
        start: i64,
        end: i64,
        show: &mut dyn FnMut(Place, &BorrowedMessage<'_>, Option<Letter>) -> Outcome,
    ) -> Outcome {
        let mut list = TopicPartitionList::new();
        let assigned = list.add_partition_offset(self.topic, partition, Offset::Offset(start));
        assigned.and_then(|()| self.consumer.assign(&list)).map_err(|error| failed(self.topic, &error))?;
        let mut last = Instant::now();
        loop {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    last = Instant::now();
                    let offset = message.offset();
                    if offset < end {
                        show(Place { partition, offset }, &message, letter(&message))?;
                    }
                    if offset + 1 >= end {
                        return Ok(());
                    }
                }
                // The last offsets may hold no event.
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) => tracing::debug!(%error, "poll"),
                None => {}
            }
            if last.elapsed() > PATIENCE {
                let topic = self.topic;
                return Err(Failure::run(format!(
                    "topic {topic} can't be read: nothing came of it within {PATIENCE:?}"
                )));
            }
        }
    }

    /// What a group has done, by partition; nothing where it has no position.
    pub(super) fn done_by(&self, group: &str) -> Result<BTreeMap<i32, Done>, Failure> {
        let consumer = client(self.servers, group)?;
        let mut wanted = TopicPartitionList::new();
        for partition in self.ends.keys() {
            wanted.add_partition(self.topic, *partition);
        }
        let failed = |error| Failure::run(format!("the position of group {group} can't be read: {error}"));
        let found = consumer.committed_offsets(wanted, PATIENCE).map_err(failed)?;
        let mut done = BTreeMap::new();
        for element in found.elements() {
            let Offset::Offset(position) = element.offset() else { continue };
            let note = offsets::metadata(&found, self.topic, element.partition());
            let notes = Memo::decode(note, position).unwrap_or_default();
            done.insert(element.partition(), Done { position, notes });
        }
        Ok(done)
    }
}

fn client(servers: &Kafka, group: &str) -> Result<BaseConsumer<Quiet>, Failure> {
    let mut config = clients::kafka(servers);
    config.set("group.id", group);
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "earliest");
    config.set("allow.auto.create.topics", "false");
    config.set("isolation.level", "read_committed");
    config
        .create_with_context(Quiet)
        .map_err(|error| Failure::usage(format!("the Kafka client can't be set up: {error}")))
}

fn failed(topic: &str, error: &KafkaError) -> Failure {
    Failure::run(format!("topic {topic} can't be read: {error}"))
}

fn letter(message: &BorrowedMessage<'_>) -> Option<Letter> {
    let mut found = LetterHeaders::default();
    headers::each(message.headers()?, |name, value| {
        found.take(name, value);
    });
    found.finish()
}
