//! Emitted events on their way to the broker, and who waits for their acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::mpsc;
use tracing::{error, warn};
use veltrix_frame::EmitRow;

use crate::event::EventView;
use crate::flow::Seq;
use crate::kafka::{Health, KafkaConfig, Revival, client, headers};
use crate::source::TopicPartition;

/// Events whose effects are on their way. When the last of them is acknowledged, or one is lost for
/// good, the ticket goes back to the pipeline that opened it.
#[derive(Debug)]
pub struct Ticket {
    /// Where the events came from.
    pub source: TopicPartition,
    /// The assignment of the partition that the events belong to.
    pub epoch: u64,
    /// The events.
    pub events: Vec<Seq>,
    waiting: AtomicU32,
    records: AtomicUsize,
    bytes: AtomicUsize,
    lost: AtomicBool,
    done: mpsc::UnboundedSender<Arc<Ticket>>,
    outbox: Arc<Shared>,
}

impl Ticket {
    /// Whether an effect can't be had.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// An effect can't be had.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
    }

    fn finish_one(self: &Arc<Self>) {
        if self.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.outbox.release(self.records.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
            // Unbounded, yet no more than there are events in the window; a closed channel is a
            // partition that was given up.
            let _ = self.done.send(self.clone());
        }
    }
}

/// A record to send.
#[derive(Debug)]
pub struct Send<'a> {
    /// Where to.
    pub topic: &'a str,
    /// `None`: by key.
    pub partition: Option<i32>,
    /// Null is not empty.
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the epoch; `None`: now.
    pub timestamp: Option<i64>,
    /// In order.
    pub headers: Option<OwnedHeaders>,
}

impl<'a> Send<'a> {
    /// An emit; `forwarded` is the event that it is a copy of, if it is one. A trace goes on across the function unless the
    /// emit has begun one of its own.
    pub(crate) fn of(emit: &EmitRow<'a>, forwarded: Option<EventView<'a>>, traceparent: Option<&str>) -> Self {
        let mut list: Option<OwnedHeaders> = None;
        let mut traced = false;
        let mut add = |name: &[u8], value: Option<&[u8]>| {
            traced |= name == b"traceparent";
            headers::push(list.get_or_insert_with(OwnedHeaders::new), name, value);
        };
        let (key, value) = match forwarded {
            Some(event) => {
                event.headers().for_each(|(name, value)| add(name, value));
                (event.key(), event.value())
            }
            None => {
                emit.headers.clone().for_each(|(name, value)| add(name, value));
                (emit.key, emit.value)
            }
        };
        if !traced && let Some(parent) = traceparent {
            headers::push(list.get_or_insert_with(OwnedHeaders::new), b"traceparent", Some(parent.as_bytes()));
        }
        Self { topic: emit.topic, partition: emit.partition, key, value, timestamp: emit.timestamp, headers: list }
    }
}

/// Why a record was refused at once.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The buffer is full: wait, and send the same again.
    #[error("the outbox is full")]
    Full(Option<OwnedHeaders>),
    /// It can never be sent.
    #[error("publish to {topic} refused: {error}")]
    Refused {
        /// Where to.
        topic: String,
        /// Why.
        error: KafkaError,
    },
}

/// Most records that wait for acknowledgement before calls are held back.
const MOST_RECORDS: usize = 200_000;
/// Most bytes that wait.
const MOST_BYTES: usize = 64 << 20;

/// One idempotent producer for all functions of a worker.
pub struct Outbox {
    producer: Arc<BaseProducer<OutboxContext>>,
    context: Arc<Shared>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    records: AtomicUsize,
    bytes: AtomicUsize,
    /// Tickets that were released: rises while Kafka takes what is sent.
    released: AtomicU64,
    /// Nothing is expected of the producer any more.
    given_up: AtomicBool,
}

impl Shared {
    fn has_room(&self) -> bool {
        self.records.load(Ordering::Relaxed) < MOST_RECORDS && self.bytes.load(Ordering::Relaxed) < MOST_BYTES
    }

    fn release(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.released.fetch_add(1, Ordering::Relaxed);
    }
}

struct OutboxContext {
    health: Arc<Health>,
    revival: Revival,
}

impl Outbox {
    /// Starts the producer and the thread that takes its acknowledgements.
    ///
    /// # Errors
    /// A property that the client refuses.
    pub fn start(kafka: &KafkaConfig, health: Arc<Health>) -> Result<Self, KafkaError> {
        let mut config = producer(kafka);
        // An event that is acked must reach the broker, however long that takes.
        config.set("message.timeout.ms", "0");
        let shared = Arc::new(Shared::default());
        let context = OutboxContext { health, revival: Revival::new(&kafka.brokers) };
        let producer: Arc<BaseProducer<OutboxContext>> = Arc::new(config.create_with_context(context)?);
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("outbox".into())
            .spawn({
                let (producer, stop) = (producer.clone(), stop.clone());
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        producer.poll(Duration::from_millis(100));
                        producer.context().revival.look(producer.client());
                    }
                }
            })
            .map_err(|e| KafkaError::ClientCreation(format!("outbox thread: {e}")))?;
        Ok(Self { producer, context: shared, stop, thread: Some(thread) })
    }

    /// A ticket for events, held open until [`seal`](Self::seal).
    pub fn ticket(
        &self,
        source: TopicPartition,
        epoch: u64,
        events: Vec<Seq>,
        done: mpsc::UnboundedSender<Arc<Ticket>>,
    ) -> Arc<Ticket> {
        Arc::new(Ticket {
            source,
            epoch,
            events,
            waiting: AtomicU32::new(1),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            lost: AtomicBool::new(false),
            done,
            outbox: self.context.clone(),
        })
    }

    /// All records of the ticket are sent.
    pub fn seal(&self, ticket: &Arc<Ticket>) {
        self.context.records.fetch_add(ticket.records.load(Ordering::Relaxed), Ordering::Relaxed);
        self.context.bytes.fetch_add(ticket.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        ticket.finish_one();
    }

    /// Enqueues a record under a ticket.
    ///
    /// # Errors
    /// See [`SendError`]; the ticket is as before.
    pub fn send(&self, record: Send<'_>, ticket: &Arc<Ticket>) -> Result<(), SendError> {
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let mut base: BaseRecord<'_, [u8], [u8], Arc<Ticket>> =
            BaseRecord::with_opaque_to(record.topic, ticket.clone());
        base.key = record.key;
        base.payload = record.value;
        base.partition = record.partition;
        base.timestamp = record.timestamp;
        base.headers = record.headers;
        // Before the send, as the acknowledgement may come before this function returns.
        ticket.waiting.fetch_add(1, Ordering::Relaxed);
        let Err((error, back)) = self.producer.send(base) else {
            ticket.records.fetch_add(1, Ordering::Relaxed);
            ticket.bytes.fetch_add(bytes, Ordering::Relaxed);
            return Ok(());
        };
        ticket.waiting.fetch_sub(1, Ordering::Relaxed);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Err(SendError::Full(back.headers)),
            _ => Err(SendError::Refused { topic: record.topic.to_owned(), error }),
        }
    }

    /// Whether more may be sent; when not, no new call should begin.
    pub fn has_room(&self) -> bool {
        self.context.has_room()
    }

    /// Rises with every ticket whose records are all acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.context.released.load(Ordering::Relaxed)
    }

    /// Records that wait for their acknowledgement.
    pub fn waiting(&self) -> usize {
        self.context.records.load(Ordering::Relaxed)
    }

    /// From now on it counts as failed for good: it takes records, and gets none acknowledged although Kafka answers others.
    pub fn give_up(&self) {
        self.context.given_up.store(true, Ordering::Relaxed);
    }

    /// The producer can't go on: another has to take its place.
    pub fn is_fatal(&self) -> bool {
        // Asked, as the client does not tell of each.
        self.context.given_up.load(Ordering::Relaxed) || self.producer.client().fatal_error().is_some()
    }

    /// Sends what is buffered, within a limit.
    pub fn flush(&self, limit: Duration) {
        if let Err(error) = self.producer.flush(limit) {
            warn!(%error, waiting = self.waiting(), "emits were not acknowledged in time; their events run again");
        }
    }
}

/// What all producers of emits have in common.
pub(crate) fn producer(kafka: &KafkaConfig) -> ClientConfig {
    let mut config = kafka.client();
    for (name, value) in [
        ("linger.ms", "5"),
        ("batch.size", "1000000"),
        ("compression.type", "lz4"),
        ("reconnect.backoff.max.ms", "2000"),
    ] {
        if !kafka.properties.contains_key(name) {
            config.set(name, value);
        }
    }
    config
        .set("enable.idempotence", "true")
        // As Java's producers choose partitions; the library's own default splits keys from them.
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.messages", "2000000")
        .set("queue.buffering.max.kbytes", "1048576");
    config
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl ClientContext for OutboxContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.revival.heard(&error);
        self.health.report(&error, reason);
    }
}

impl ProducerContext for OutboxContext {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        use rdkafka::Message;
        match result {
            Ok(_) => self.health.up(),
            Err((error, message)) => {
                // Without a time-out, what comes here is for good: refused by the broker, or purged.
                error!(topic = message.topic(), %error, source = %ticket.source.0, partition = ticket.source.1, "an emit is lost: its events are not committed and their lanes stop");
                ticket.lose();
            }
        }
        ticket.finish_one();
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
