//! The transactional loop by hand: consume and produce for a while, add the offsets, commit, begin again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::fill::is_kept;

const WAIT: Duration = Duration::from_secs(30);

/// Forwards `count` records of the input topic in transactions of `interval`.
///
/// # Errors
/// A client refuses or fails; `stop` was set.
pub(crate) fn forward(
    kafka: &str,
    group: &str,
    (input, partitions): (&str, i32),
    output: &str,
    count: usize,
    interval: Duration,
    stop: &AtomicBool,
) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "50")
        .set("queued.min.messages", "200000")
        .set("max.partition.fetch.bytes", "4000000")
        .create()?;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("transactional.id", group)
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        .set("compression.type", "lz4")
        .create()?;
    consumer.subscribe(&[input])?;
    producer.init_transactions(WAIT)?;
    let mut taken = 0;
    while taken < count && !stop.load(Ordering::Relaxed) {
        let mut next = vec![-1; partitions as usize];
        producer.begin_transaction()?;
        let since = Instant::now();
        let mut here = 0;
        while taken < count && since.elapsed() < interval {
            let Some(message) = consumer.poll(Duration::from_millis(20)) else { continue };
            let message = message.context("the native consumer")?;
            (taken, here) = (taken + 1, here + 1);
            next[message.partition() as usize] = message.offset() + 1;
            if let Some(value) = message.payload().filter(|value| is_kept(value)) {
                let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(output).payload(value);
                record.key = message.key();
                while let Err((error, back)) = producer.send(record) {
                    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                        return Err(error).context("the native producer");
                    }
                    producer.poll(Duration::from_millis(10));
                    record = back;
                }
            }
            if here % 1_000 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        let mut offsets = TopicPartitionList::new();
        for (offset, partition) in next.iter().zip(0..).filter(|(offset, _)| **offset >= 0) {
            offsets.add_partition_offset(input, partition, Offset::Offset(*offset))?;
        }
        if offsets.count() > 0 {
            let member = consumer.group_metadata().context("the native consumer is in no group")?;
            producer.send_offsets_to_transaction(&offsets, &member, WAIT)?;
        }
        producer.commit_transaction(WAIT)?;
    }
    Ok(())
}
