//! The input topic: values of 200 bytes, 10,000 keys, 4 partitions, lz4.

use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use veltrix_tests::{Kafka, Topic};

/// Partitions of every topic here.
pub(crate) const PARTITIONS: i32 = 4;
/// Distinct keys.
const KEYS: usize = 10_000;
/// Bytes of a value.
const VALUE: usize = 200;
/// One value in so many is marked to be left out.
const LEFT_OUT: usize = 16;

/// Creates a topic with so many events.
///
/// # Errors
/// Kafka does not take them.
pub(crate) fn topic(kafka: &str, prefix: &str, events: usize) -> Result<Topic> {
    keyed(kafka, prefix, events, PARTITIONS, KEYS)
}

/// The same, of so many partitions and keys.
///
/// # Errors
/// Kafka does not take them.
pub(crate) fn keyed(kafka: &str, prefix: &str, events: usize, partitions: i32, keys: usize) -> Result<Topic> {
    let topic = Kafka::new(kafka).topic(prefix, partitions);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        .set("compression.type", "lz4")
        .set("partitioner", "murmur2_random")
        .create()?;
    let (kept, left_out) = ([b'x'; VALUE], [b'-'; VALUE]);
    for number in 0..events {
        let key = key(number % keys);
        let value = if number % LEFT_OUT == 0 { &left_out } else { &kept };
        let mut record = BaseRecord::to(&topic.name).key(&key).payload(value);
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error).context("filling the input topic");
            }
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        if number % 1_000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(120)).context("filling the input topic")?;
    Ok(topic)
}

/// How many of so many events the filter lets through.
pub(crate) fn kept(events: usize) -> usize {
    events - events.div_ceil(LEFT_OUT)
}

/// The filter, as the guest has it.
pub(crate) fn is_kept(value: &[u8]) -> bool {
    value.first() != Some(&b'-')
}

/// The key of an event by its number.
pub(crate) fn key(number: usize) -> String {
    format!("key-{}", number % KEYS)
}

/// A value as events carry it.
pub(crate) fn value() -> Vec<u8> {
    vec![b'x'; VALUE]
}
