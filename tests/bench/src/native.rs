//! The loop by hand: consume, filter, produce, commit what is acknowledged. No lanes, no retries, no isolation.
//!
//! It takes records in batches straight from the client library's queue, which is the fastest way there is.

#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

use crate::fill::is_kept;

/// Most records taken at once.
const BATCH: usize = 1_000;
/// Time between commits.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Most commits of one run.
const SPANS: usize = 3_600;

/// Forwards `count` records of the input topic.
///
/// # Errors
/// A client refuses or fails.
pub(crate) fn forward(
    kafka: &str,
    group: &str,
    input: &str,
    partitions: i32,
    output: &str,
    count: usize,
) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "50")
        .set("queued.min.messages", "200000")
        .set("max.partition.fetch.bytes", "4000000")
        .create()?;
    let acknowledged = Acknowledged((0..SPANS).map(|_| AtomicUsize::new(0)).collect());
    let producer: BaseProducer<Acknowledged> = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "1000000")
        .set("compression.type", "lz4")
        .create_with_context(acknowledged.clone())?;
    consumer.subscribe(&[input])?;
    let mut pipe = Pipe { producer, output, span: 0, sent: vec![0; SPANS], next: vec![-1; partitions as usize] };

    // The assignment is an event of the consumer's own queue, which the batch call does not serve.
    let first = loop {
        if let Some(first) = consumer.poll(Duration::from_millis(100)) {
            break first.context("the native consumer")?;
        }
    };
    pipe.take(first.partition(), first.offset(), first.key(), first.payload())?;
    drop(first);

    let mut batch = Batch::new(&consumer);
    let mut taken = 1;
    let (mut committed, mut since) = (0, Instant::now());
    // What may be committed once all of a span is acknowledged.
    let mut ends: Vec<Vec<i64>> = Vec::new();
    while taken < count {
        batch.fetch(|partition, offset, key, value| {
            taken += 1;
            pipe.take(partition, offset, key, value)
        })?;
        pipe.producer.poll(Duration::ZERO);
        if since.elapsed() >= COMMIT_EVERY {
            since = Instant::now();
            ends.push(pipe.next.clone());
            pipe.span += 1;
        }
        if committed < ends.len() && acknowledged.of(committed) == pipe.sent[committed] {
            consumer.commit(&list(input, &ends[committed])?, CommitMode::Async)?;
            committed += 1;
        }
    }
    pipe.producer.flush(Duration::from_secs(60))?;
    consumer.commit(&list(input, &pipe.next)?, CommitMode::Sync)?;
    Ok(())
}

/// Records between two commits are a span: their acknowledgements are counted apart.
#[derive(Clone)]
struct Acknowledged(Arc<[AtomicUsize]>);

impl Acknowledged {
    fn of(&self, span: usize) -> usize {
        self.0[span].load(Ordering::Relaxed)
    }
}

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, span: usize) {
        if result.is_ok() {
            self.0[span].fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Pipe<'a> {
    producer: BaseProducer<Acknowledged>,
    output: &'a str,
    span: usize,
    /// Records sent per span.
    sent: Vec<usize>,
    /// Next offset per partition, -1 before the first.
    next: Vec<i64>,
}

impl Pipe<'_> {
    #[inline]
    fn take(&mut self, partition: i32, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        self.next[partition as usize] = offset + 1;
        let Some(value) = value.filter(|value| is_kept(value)) else { return Ok(()) };
        let mut record = BaseRecord::with_opaque_to(self.output, self.span).payload(value);
        record.key = key;
        while let Err((error, back)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error).context("the native producer");
            }
            self.producer.poll(Duration::from_millis(10));
            record = back;
        }
        self.sent[self.span] += 1;
        Ok(())
    }
}

fn list(topic: &str, next: &[i64]) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (offset, partition) in next.iter().zip(0..).filter(|(offset, _)| **offset >= 0) {
        list.add_partition_offset(topic, partition, Offset::Offset(*offset))?;
    }
    Ok(list)
}

/// The consumer's queue, read in batches.
struct Batch {
    queue: *mut sys::rd_kafka_queue_t,
    messages: Vec<*mut sys::rd_kafka_message_t>,
}

impl Batch {
    fn new(consumer: &BaseConsumer) -> Self {
        // SAFETY: the client is alive; the queue is counted by itself and given back on drop.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        Self { queue, messages: vec![std::ptr::null_mut(); BATCH] }
    }

    fn fetch(&mut self, mut each: impl FnMut(i32, i64, Option<&[u8]>, Option<&[u8]>) -> Result<()>) -> Result<()> {
        // SAFETY: the array has room for as many messages as are asked for.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.queue, 100, self.messages.as_mut_ptr(), BATCH) };
        let mut result = Ok(());
        for &message in &self.messages[..count.max(0) as usize] {
            // SAFETY: the call filled in `count` messages, ours until they are destroyed, which happens once each and
            // after the last use of what they point at.
            unsafe {
                let record = &*message;
                if record.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR && result.is_ok() {
                    let (key, value) = (bytes(record.key, record.key_len), bytes(record.payload, record.len));
                    result = each(record.partition, record.offset, key, value);
                }
                sys::rd_kafka_message_destroy(message);
            }
        }
        result
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: taken in `new`, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue) };
    }
}

/// SAFETY: `start` is null, or `len` bytes that outlive `'a`.
unsafe fn bytes<'a>(start: *const std::ffi::c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
}
