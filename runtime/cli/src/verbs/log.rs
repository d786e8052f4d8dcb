//! A topic read from end to end by a verb, and what groups have done of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use veltrix_host::flow::Memo;
use veltrix_host::kafka::offsets;

use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::servers::Kafka;
use crate::verbs::tail::Quiet;

/// How long a broker may take to answer, or to send the next event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A topic as it is now.
pub(crate) struct Log<'a> {
    pub(crate) topic: &'a str,
    /// Start and end of each partition.
    pub(crate) ends: BTreeMap<i32, (i64, i64)>,
    servers: &'a Kafka,
    consumer: BaseConsumer<Quiet>,
}

/// What a group has done of a partition.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// All below it.
    pub(crate) position: i64,
    /// Some beyond.
    pub(crate) notes: Memo,
}

impl Done {
    pub(crate) fn has(&self, offset: i64) -> bool {
        offset < self.position || self.notes.is_done(offset)
    }
}

impl<'a> Log<'a> {
    /// Asks where the topic begins and ends; `None`: there is no such topic.
    pub(crate) fn find(topic: &'a str, servers: &'a Kafka) -> Result<Option<Self>, Failure> {
        let consumer = client(servers, "veltrix-cli")?;
        let metadata = clients::metadata(consumer.client(), Some(topic), servers)?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Ok(None),
            Some(error) => return Err(Failure::run(format!("topic {topic} can't be read: {error}"))),
        }
        let mut ends = BTreeMap::new();
        for partition in found.partitions() {
            let found = consumer.fetch_watermarks(topic, partition.id(), PATIENCE);
            ends.insert(partition.id(), found.map_err(|error| failed(topic, &error))?);
        }
        Ok(Some(Self { topic, ends, servers, consumer }))
    }

    /// The same for a topic that must be there.
    pub(crate) fn of(topic: &'a str, servers: &'a Kafka) -> Result<Self, Failure> {
        Self::find(topic, servers)?.ok_or_else(|| {
            Failure::run(format!(
                "there is no topic {topic}: no worker of the application has created it yet, or it was deleted"
            ))
        })
    }

    /// Shows every event up to the ends, partition by partition, each in order.
    pub(crate) fn each(&self, mut show: impl FnMut(&BorrowedMessage<'_>) -> Outcome) -> Outcome {
        for (&partition, &(start, end)) in self.ends.iter().filter(|(_, (start, end))| start < end) {
            self.partition(partition, start, end, &mut show)?;
        }
        Ok(())
    }

    /// Shows the events of one partition from an offset up to another.
    pub(crate) fn partition(
        &self,
        partition: i32,
        start: i64,
        end: i64,
        show: &mut dyn FnMut(&BorrowedMessage<'_>) -> Outcome,
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
                        show(&message)?;
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

    /// The first offset of each partition whose event is at least as young; the end where none is.
    pub(crate) fn at_time(&self, millis: i64) -> Result<BTreeMap<i32, i64>, Failure> {
        let mut wanted = TopicPartitionList::new();
        for partition in self.ends.keys() {
            let added = wanted.add_partition_offset(self.topic, *partition, Offset::Offset(millis));
            added.map_err(|error| failed(self.topic, &error))?;
        }
        let found = self.consumer.offsets_for_times(wanted, PATIENCE).map_err(|error| failed(self.topic, &error))?;
        let at = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match element.offset() {
            Offset::Offset(offset) => offset,
            _ => self.ends[&element.partition()].1,
        };
        Ok(found.elements().iter().map(|element| (element.partition(), at(element))).collect())
    }

    /// What a group has done, by partition; nothing where it has no position.
    pub(crate) fn done_by(&self, group: &str) -> Result<BTreeMap<i32, Done>, Failure> {
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

    /// Sets the position of a group that nobody is a member of.
    pub(crate) fn set_position(&self, group: &str, to: &BTreeMap<i32, i64>) -> Outcome {
        let consumer = client(self.servers, group)?;
        let mut list = TopicPartitionList::new();
        let failed = |error: KafkaError| {
            Failure::run(format!(
                "the position of group {group} can't be set: {error}; if it has members, choose another group"
            ))
        };
        for (partition, offset) in to {
            list.add_partition_offset(self.topic, *partition, Offset::Offset(*offset)).map_err(failed)?;
        }
        consumer.commit(&list, CommitMode::Sync).map_err(failed)
    }

    /// Whether a group has members; `None`: the broker does not tell.
    pub(crate) fn has_members(&self, group: &str) -> Option<bool> {
        let list = self.consumer.fetch_group_list(Some(group), PATIENCE).ok()?;
        list.groups().iter().find(|found| found.name() == group).map(|found| !found.members().is_empty())
    }
}

fn client(servers: &Kafka, group: &str) -> Result<BaseConsumer<Quiet>, Failure> {
    let mut config = clients::kafka(servers);
    config.set("group.id", group);
    config.remove("group.instance.id");
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
