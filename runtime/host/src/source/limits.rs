//! Where the logs of many partitions start and end: one question to each broker.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::TopicPartition;

/// The log start of each partition, as far as its broker tells.
///
/// # Errors
/// Kafka does not answer.
pub(super) fn log_starts<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[TopicPartition],
    limit: Duration,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    look_up(consumer, names, Offset::Beginning, limit)
}

/// Those of the partitions whose log is not empty.
///
/// # Errors
/// Kafka does not answer.
pub(super) fn holding_events<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[TopicPartition],
    limit: Duration,
) -> KafkaResult<Vec<TopicPartition>> {
    let starts = log_starts(consumer, names, limit)?;
    let mut ends = look_up(consumer, names, Offset::End, limit)?;
    ends.retain(|name, end| starts.get(name).is_some_and(|start| start < end));
    let mut held: Vec<_> = ends.into_keys().collect();
    held.sort_unstable();
    Ok(held)
}

fn look_up<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    names: &[TopicPartition],
    what: Offset,
    limit: Duration,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in names {
        // The two ends of a log are times of their own in the protocol, and the client passes them on.
        list.add_partition_offset(topic, *partition, what)?;
    }
    let found = consumer.offsets_for_times(list, limit)?;
    let offset = |name: &TopicPartition| match found.find_partition(&name.0, name.1)?.offset() {
        Offset::Offset(offset) => Some((name.clone(), offset)),
        _ => None,
    };
    Ok(names.iter().filter_map(offset).collect())
}
