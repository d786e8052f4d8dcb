//! Where partitions begin for which the group has no offset.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use tracing::info;
use veltrix_manifest::Start;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Fixes the start of a topic's partitions when the group meets the topic first, and commits it, so
/// that what is produced from then on is not lost to a crash before the first commit. Partitions
/// that appear later begin at their start, as `auto.offset.reset` says.
///
/// # Errors
/// Kafka does not answer.
pub(super) fn fix<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, start: &Start) -> KafkaResult<()> {
    if *start == Start::Earliest {
        return Ok(());
    }
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let partitions: Vec<i32> = metadata.topics().iter().flat_map(|t| t.partitions()).map(|p| p.id()).collect();
    let mut list = TopicPartitionList::new();
    for partition in &partitions {
        list.add_partition(topic, *partition);
    }
    let committed = consumer.committed_offsets(list.clone(), TIMEOUT)?;
    if committed.elements().iter().any(|e| matches!(e.offset(), Offset::Offset(_))) {
        return Ok(());
    }
    let mut begin = TopicPartitionList::new();
    for partition in partitions {
        let (_, end) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
        let offset = match start {
            Start::Earliest => continue,
            Start::Latest => end,
            Start::Time(millis) => {
                let mut at = TopicPartitionList::new();
                at.add_partition_offset(topic, partition, Offset::Offset(*millis))?;
                let found = consumer.offsets_for_times(at, TIMEOUT)?;
                match found.elements().first().map(|e| e.offset()) {
                    Some(Offset::Offset(offset)) => offset,
                    // Nothing is as young as that.
                    _ => end,
                }
            }
        };
        begin.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    consumer.commit(&begin, CommitMode::Sync)?;
    info!(topic, ?start, "the group is new to this topic: its start is fixed");
    Ok(())
}
