//! A binding's consumer: polls Kafka on a thread of its own and hands on chunks, assignments and
//! revocations, in the order in which they happened.

mod context;
mod gaps;
mod lease;
mod limits;
mod recreated;
mod retention;
mod scan;
mod seek;
mod start;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Timestamp, TopicPartitionList};
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

pub use context::SourceContext;
pub use lease::Lease;
pub(crate) use scan::{Scan, ScanConfig, Scanned, Scanner};
pub use veltrix_manifest::Start;

use crate::control;
use crate::event::Chunk;
use crate::flow::Memo;
use crate::kafka::{Health, KafkaConfig, Revival, TopicId, headers};
use crate::metrics::BindingMetrics;
use start::Accepted;

/// The consumer that a source and its pipeline share.
pub type SharedConsumer = Arc<BaseConsumer<SourceContext>>;

/// A topic-partition.
pub type TopicPartition = (Arc<str>, i32);

/// What to subscribe to, and as whom.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Topic names, or patterns that begin with `^`.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// Where a partition begins for which the group has no offset.
    pub start: Start,
    /// How lanes are made.
    pub ordering: veltrix_manifest::Ordering,
    /// What operators want of the binding; `None`: nobody asks.
    pub(crate) control: Option<control::Handle>,
    /// Only what is committed is read, whatever the operator's properties say.
    pub exactly_once: bool,
    /// Whatever lies between two offsets was an event: Kafka neither compacts nor writes marks of transactions.
    pub gapless: bool,
    /// The name under which it is a static member of its group, unless the operator's properties say another.
    pub member: Option<String>,
}

/// A partition that has become ours.
#[derive(Debug)]
pub struct Assignment {
    /// Which.
    pub name: TopicPartition,
    /// The group's offset; `None` when it has none, or Kafka did not tell.
    pub committed: Option<i64>,
    /// What its last owner noted.
    pub memo: Memo,
    /// The topic's id; `None` when Kafka did not tell.
    pub topic: Option<TopicId>,
}

/// What a source tells its pipeline.
#[derive(Debug)]
pub enum Input {
    /// Records, a chunk per topic-partition.
    Records(Vec<Chunk>),
    /// These partitions are ours from now on.
    Assigned(Vec<Assignment>),
    /// These partitions go: finish or cancel what runs of them, then answer with what to commit. The
    /// source waits for the answer, within a limit of its own.
    Revoking {
        /// Which.
        partitions: Vec<TopicPartition>,
        /// The group has given them to somebody else already: nothing may be committed.
        lost: bool,
        /// The answer: offsets to commit.
        reply: std::sync::mpsc::SyncSender<TopicPartitionList>,
    },
    /// All of a bounded run's range was handed over, and nothing else will come.
    Ended,
    /// The client can't go on.
    Failed(String),
}

/// Rounds between source and pipeline; with [`ROUND_BYTES`] the bound of what lies between.
pub const ROUNDS: usize = 8;
/// Between looks whether topics are still the same.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const ROUND_EVENTS: usize = 2_000;
const ROUND_BYTES: usize = 1 << 20;

/// A running source.
#[derive(Debug)]
pub struct Source {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Subscribes, and polls until stopped. Kafka may be absent: the client keeps trying.
    ///
    /// # Errors
    /// A property or a pattern that the client refuses.
    pub fn start(
        config: SourceConfig,
        kafka: &KafkaConfig,
        health: Arc<Health>,
        metrics: Arc<BindingMetrics>,
        inputs: mpsc::Sender<Input>,
    ) -> Result<(Self, SharedConsumer), KafkaError> {
        let mut client = kafka.client();
        defaults(&mut client, kafka);
        client.set("group.id", &config.group);
        if let Some(member) = config.member.as_ref().filter(|_| !kafka.properties.contains_key(MEMBER)) {
            client.set(MEMBER, member);
        }
        if config.exactly_once {
            // The client asks for offsets that are decided on as well, then: not for those of an open transaction.
            client.set("isolation.level", "read_committed");
        }
        if config.gapless {
            // The embedded Kafka answers an empty fetch only when this has passed, whatever comes meanwhile; and it is near.
            client.set("fetch.wait.max.ms", "10").set("topic.metadata.refresh.interval.ms", "1000");
            client.set("statistics.interval.ms", "500");
        }
        // There transactions are what fences this worker off, and nothing has an effect before them.
        let lease = if config.exactly_once { Lease::off() } else { Lease::new(session(kafka)) };
        let control = config.control.clone();
        let mut context = SourceContext::new(config.start, inputs.clone(), health.clone(), metrics, lease, control);
        if config.gapless {
            context = context.gapless();
        }
        let consumer: SharedConsumer = Arc::new(client.create_with_context(context)?);
        if config.start == Start::Earliest {
            subscribe(&consumer, &config)?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let revival = Revival::new(&kafka.brokers);
        let poller = Poller { consumer: consumer.clone(), config, inputs, health, revival, stop: stop.clone() };
        let thread = std::thread::Builder::new()
            .name("source".into())
            .spawn(move || poller.run())
            .map_err(|error| KafkaError::ClientCreation(format!("source thread: {error}")))?;
        Ok((Self { stop, thread: Some(thread) }, consumer))
    }

    /// Stops polling, leaves the group, and waits for both. The pipeline must have let go of the consumer.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            error!("the source thread panicked");
        }
    }
}

impl Drop for Source {
    /// Nobody waits for a source that is only dropped, but it stops.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The property that makes a static member.
const MEMBER: &str = "group.instance.id";
/// Time-out of a session of the classic protocol, unless the operator says otherwise.
const SESSION_MS: u64 = 10_000;

/// Properties under and over the operator's.
pub(crate) fn defaults(client: &mut rdkafka::ClientConfig, kafka: &KafkaConfig) {
    let session = SESSION_MS.to_string();
    let tunable = [
        ("session.timeout.ms", &*session),
        // Bounds of memory. The client checks the queue's only before it asks, counts payloads alone (a small record
        // takes three times its size), and what it asks for is compressed: an answer of 2 MiB may come to 50.
        ("queued.min.messages", "20000"),
        ("queued.max.messages.kbytes", "16384"),
        ("max.partition.fetch.bytes", "262144"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.wait.max.ms", "100"),
        ("fetch.queue.backoff.ms", "20"),
        ("topic.metadata.refresh.interval.ms", "10000"),
        ("reconnect.backoff.max.ms", "2000"),
        ("statistics.interval.ms", "2000"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("isolation.level", "read_committed"),
    ];
    for (name, value) in tunable {
        // Under KIP-848 the broker owns these two, and the client refuses them.
        let owned_by_broker =
            matches!(name, "session.timeout.ms" | "partition.assignment.strategy") && is_brokers(kafka);
        // The client refuses an answer smaller than a record may be.
        let too_small = name == "fetch.max.bytes" && kafka.properties.contains_key("message.max.bytes");
        if !kafka.properties.contains_key(name) && !owned_by_broker && !too_small {
            client.set(name, value);
        }
    }
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("allow.auto.create.topics", "false");
    // Only reached when the group's offset has gone with retention: the oldest event that is left.
    client.set("auto.offset.reset", "earliest");
}

/// The session's time-out; `None` where the broker owns it.
pub(crate) fn session(kafka: &KafkaConfig) -> Option<Duration> {
    if is_brokers(kafka) {
        return None;
    }
    let set = kafka.properties.get("session.timeout.ms").and_then(|ms| ms.trim().parse().ok());
    Some(Duration::from_millis(set.unwrap_or(SESSION_MS)))
}

/// Whether the broker runs the group (KIP-848), so that it owns assignment and time-outs.
fn is_brokers(kafka: &KafkaConfig) -> bool {
    kafka.properties.get("group.protocol").is_some_and(|protocol| protocol == "consumer")
}

fn subscribe(consumer: &SharedConsumer, config: &SourceConfig) -> Result<(), KafkaError> {
    consumer.subscribe(&config.topics.iter().map(String::as_str).collect::<Vec<_>>())
}

struct Poller {
    consumer: SharedConsumer,
    config: SourceConfig,
    inputs: mpsc::Sender<Input>,
    health: Arc<Health>,
    revival: Revival,
    stop: Arc<AtomicBool>,
}

impl Poller {
    fn run(self) {
        if self.begins() {
            self.poll();
        }
        // Leaving the group revokes what is left; nobody answers any more.
        self.consumer.context().close();
        drop(self.consumer);
    }

    /// Joins the group, once it is known where its start counts. False: it is of no use any more.
    fn begins(&self) -> bool {
        if self.config.start == Start::Earliest {
            return true;
        }
        while !self.stop.load(Ordering::Relaxed) {
            match Accepted::look(&self.consumer, &self.config.topics) {
                Ok(accepted) => {
                    self.consumer.context().accept(accepted);
                    let Err(error) = subscribe(&self.consumer, &self.config) else { return true };
                    let reason = format!("kafka consumer of group {}: {error}", self.config.group);
                    let _ = self.inputs.blocking_send(Input::Failed(reason));
                    return false;
                }
                Err(error) => {
                    debug!(%error, group = self.config.group, "where the group is; trying again");
                    self.revival.look(self.consumer.client());
                }
            }
            // Takes what the client has to say meanwhile, and waits.
            if let Some(Err(error)) = self.consumer.poll(Duration::from_millis(200))
                && !self.survives(&error)
            {
                return false;
            }
        }
        false
    }

    fn poll(&self) {
        let mut round = Round::default();
        let (mut heeded, mut looked) = (0, Instant::now());
        while !self.stop.load(Ordering::Relaxed) {
            self.revival.look(self.consumer.client());
            if looked.elapsed() >= LOOK_EVERY {
                self.consumer.context().look_for_recreated(&self.consumer);
                looked = Instant::now();
            }
            self.consumer.context().look_for_lost(&self.consumer);
            if let Some(control) = &self.config.control
                && control.version() != heeded
            {
                let version = control.version();
                // Else it is tried again after the next poll.
                if self.consumer.context().heed_seeks(&self.consumer) {
                    heeded = version;
                }
            }
            let mut wait = Duration::from_millis(100);
            while round.events < ROUND_EVENTS && round.bytes < ROUND_BYTES {
                match self.consumer.poll(wait) {
                    None => break,
                    Some(Ok(message)) => round.push(&message, &self.config, &self.consumer),
                    Some(Err(error)) => {
                        if !self.survives(&error) {
                            return;
                        }
                        break;
                    }
                }
                wait = Duration::ZERO;
            }
            if round.events > 0 {
                self.health.up();
                let chunks = round.take();
                self.consumer.context().handing_on(&chunks);
                if self.inputs.blocking_send(Input::Records(chunks)).is_err() {
                    debug!("the pipeline is gone");
                    break;
                }
            }
        }
    }

    /// Whether polling goes on after an error.
    fn survives(&self, error: &KafkaError) -> bool {
        self.revival.heard(error);
        match error {
            KafkaError::MessageConsumptionFatal(code) => {
                let _ = self
                    .inputs
                    .blocking_send(Input::Failed(format!("kafka consumer of group {}: {code}", self.config.group)));
                false
            }
            KafkaError::MessageConsumption(RDKafkaErrorCode::UnknownTopicOrPartition) => {
                if self.consumer.context().once("unknown topic") {
                    warn!(topics = ?self.config.topics, group = self.config.group, "a topic does not exist: waiting for it");
                }
                true
            }
            KafkaError::MessageConsumption(code) => {
                self.health.report(error, &code.to_string());
                true
            }
            _ => {
                warn!(%error, group = self.config.group, "kafka consumer");
                true
            }
        }
    }
}

/// Records of one round of polling, apart by topic-partition.
#[derive(Default)]
struct Round {
    chunks: Vec<Chunk>,
    events: usize,
    bytes: usize,
    last: usize,
    /// Records and bytes of the last round's chunks at most: what a new chunk makes room for at once.
    usual: (usize, usize),
}

impl Round {
    fn push(&mut self, message: &BorrowedMessage<'_>, config: &SourceConfig, consumer: &SharedConsumer) {
        let index = self.chunk_of(message, consumer);
        add(&mut self.chunks[index], message, config.ordering);
        self.events += 1;
        self.bytes += message.key_len() + message.payload_len();
    }

    fn chunk_of(&mut self, message: &BorrowedMessage<'_>, consumer: &SharedConsumer) -> usize {
        let (topic, partition) = (message.topic(), message.partition());
        let is = |chunk: &Chunk| chunk.partition == partition && *chunk.topic == *topic;
        if self.chunks.get(self.last).is_some_and(is) {
            return self.last;
        }
        self.last = self.chunks.iter().position(is).unwrap_or_else(|| {
            let (records, bytes) = self.usual;
            self.chunks.push(Chunk::with_room(consumer.context().topic(topic), partition, records, bytes));
            self.chunks.len() - 1
        });
        self.last
    }

    fn take(&mut self) -> Vec<Chunk> {
        (self.events, self.bytes, self.last) = (0, 0, 0);
        let most = |of: fn(&Chunk) -> usize| self.chunks.iter().map(of).max().unwrap_or(0);
        self.usual = (most(Chunk::len), most(Chunk::payload));
        std::mem::take(&mut self.chunks)
    }
}

/// Copies a record into a chunk of its partition.
fn add(chunk: &mut Chunk, message: &BorrowedMessage<'_>, ordering: veltrix_manifest::Ordering) {
    let timestamp = match message.timestamp() {
        Timestamp::CreateTime(ms) | Timestamp::LogAppendTime(ms) => ms,
        Timestamp::NotAvailable => -1,
    };
    chunk.push(message.offset(), timestamp, message.key(), message.payload(), ordering);
    if let Some(list) = message.headers() {
        headers::each(list, |name, value| chunk.push_header(name, value));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn consumer(properties: &[(&str, &str)]) -> Result<BaseConsumer, KafkaError> {
        let properties: BTreeMap<_, _> = properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let kafka = KafkaConfig { brokers: vec!["127.0.0.1:1".to_owned()], properties };
        let mut client = kafka.client();
        defaults(&mut client, &kafka);
        client.set("group.id", "g").create()
    }

    #[test]
    fn our_defaults_fit_what_operators_set() {
        for properties in [&[][..], &[("message.max.bytes", "10000000")], &[("group.protocol", "consumer")]] {
            if let Err(error) = consumer(properties) {
                panic!("{properties:?}: {error}");
            }
        }
    }
}
