//! Where partitions begin for which the group has no offset.

use std::collections::HashSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use tracing::info;
use veltrix_manifest::{Start, takes_in};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The partitions that were there when the group was new to them: there the binding's `start` counts. What comes later,
/// under a pattern too, begins at its start, as `auto.offset.reset` says, so that nothing of it is passed over.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    partitions: HashSet<(String, i32)>,
}

impl Accepted {
    /// Looks before this worker joins its group: once others have partitions, what they have fixed says no more what was
    /// there before. The group is new to an entry of `topics` if it has no offset in any topic that the entry takes in.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub(super) fn look<C: ConsumerContext>(consumer: &BaseConsumer<C>, entries: &[String]) -> KafkaResult<Self> {
        let metadata = consumer.fetch_metadata(None, TIMEOUT)?;
        let mut partitions = HashSet::new();
        for entry in entries {
            let mut list = TopicPartitionList::new();
            for topic in metadata.topics().iter().filter(|topic| takes_in(entry, topic.name())) {
                for partition in topic.partitions() {
                    list.add_partition(topic.name(), partition.id());
                }
            }
            if list.count() == 0 {
                continue;
            }
            let committed = consumer.committed_offsets(list, TIMEOUT)?;
            let elements = committed.elements();
            if !elements.iter().any(|element| matches!(element.offset(), Offset::Offset(_))) {
                partitions.extend(elements.iter().map(|element| (element.topic().to_owned(), element.partition())));
            }
        }
        Ok(Self { partitions })
    }

    /// Works out where those of the partitions begin that it takes in and that have no offset yet, and commits that, so that
    /// what is produced from then on is not lost to a crash before the first commit. Returns those that had no offset.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub(super) fn fix<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        list: &TopicPartitionList,
        start: &Start,
    ) -> KafkaResult<TopicPartitionList> {
        let mut ours = TopicPartitionList::new();
        for element in list.elements() {
            if self.partitions.contains(&(element.topic().to_owned(), element.partition())) {
                ours.add_partition(element.topic(), element.partition());
            }
        }
        if ours.count() == 0 {
            return Ok(ours);
        }
        let mut without = TopicPartitionList::new();
        let mut begin = TopicPartitionList::new();
        for element in consumer.committed_offsets(ours, TIMEOUT)?.elements() {
            let (topic, partition) = (element.topic(), element.partition());
            if matches!(element.offset(), Offset::Offset(_)) {
                continue;
            }
            without.add_partition(topic, partition);
            if let Some(offset) = first(consumer, topic, partition, start)? {
                begin.add_partition_offset(topic, partition, Offset::Offset(offset))?;
            }
        }
        if begin.count() > 0 {
            consumer.commit(&begin, CommitMode::Sync)?;
            info!(partitions = begin.count(), ?start, "the group is new to these partitions: their start is fixed");
        }
        Ok(without)
    }
}

/// The first offset to handle; `None`: the log's start.
fn first<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    start: &Start,
) -> KafkaResult<Option<i64>> {
    let end = || consumer.fetch_watermarks(topic, partition, TIMEOUT).map(|(_, end)| end);
    Ok(match start {
        Start::Earliest => None,
        Start::Latest => Some(end()?),
        Start::Time(millis) => {
            let mut at = TopicPartitionList::new();
            at.add_partition_offset(topic, partition, Offset::Offset(*millis))?;
            let found = consumer.offsets_for_times(at, TIMEOUT)?;
            match found.elements().first().map(|e| e.offset()) {
                Some(Offset::Offset(offset)) => Some(offset),
                // Nothing is as young as that.
                _ => Some(end()?),
            }
        }
    })
}
