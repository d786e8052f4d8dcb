//! The source of a bounded run: reads one topic up to the ends of its range, then says so.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

use super::Range;
use crate::dead_letter::LetterHeaders;
use crate::event::{Chunk, Origin};
use crate::kafka::{Health, KafkaConfig, Revival, TopicId, headers, identity};
use crate::metrics::BindingMetrics;
use crate::source::{self, Input, Lease, SharedConsumer, SourceConfig, SourceContext};

/// Events and bytes handed over at once.
const ROUND_EVENTS: usize = 2_000;
const ROUND_BYTES: usize = 1 << 20;
/// So long without partitions, and somebody else must have them.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running source; ends when stopped.
#[derive(Debug)]
pub(super) struct RangeSource {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What to read, and as what.
pub(super) struct RangeConfig {
    /// Topics, group and lanes.
    pub source: SourceConfig,
    /// What to read of it.
    pub range: Arc<Range>,
    /// The events are dead letters: they are handled as the events that they were.
    pub letters: bool,
}

impl RangeSource {
    /// Subscribes, and reads until stopped. A member of the group, so that two runs at once share the partitions and
    /// never an event.
    pub(super) fn start(
        config: RangeConfig,
        kafka: &KafkaConfig,
        health: Arc<Health>,
        metrics: Arc<BindingMetrics>,
        inputs: mpsc::Sender<Input>,
    ) -> Result<(Self, SharedConsumer), KafkaError> {
        let mut client = kafka.client();
        source::defaults(&mut client, kafka);
        client.set("group.id", &config.source.group);
        // Tells the end of a partition also where its last offsets hold no event.
        client.set("enable.partition.eof", "true");
        let exactly_once = config.source.exactly_once;
        if exactly_once {
            client.set("isolation.level", "read_committed");
        }
        let lease = if exactly_once { Lease::off() } else { Lease::new(source::session(kafka)) };
        let context = SourceContext::new(config.source.start, inputs.clone(), health.clone(), metrics, lease, None);
        let consumer: SharedConsumer = Arc::new(client.create_with_context(context)?);
        consumer.subscribe(&[&config.range.topic])?;
        let stop = Arc::new(AtomicBool::new(false));
        let reader = Reader {
            consumer: consumer.clone(),
            config,
            inputs,
            health,
            revival: Revival::new(&kafka.brokers),
            stop: stop.clone(),
            chunks: BTreeMap::new(),
            reached: HashSet::new(),
            ids: HashMap::new(),
            assignments: 0,
            ended: false,
        };
        let thread = std::thread::Builder::new()
            .name("range".into())
            .spawn(move || reader.run())
            .map_err(|error| KafkaError::ClientCreation(format!("source thread: {error}")))?;
        Ok((Self { stop, thread }, consumer))
    }

    /// Stops reading and leaves the group. The pipeline must have let go of the consumer.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            error!("the source thread panicked");
        }
    }
}

struct Reader {
    consumer: SharedConsumer,
    config: RangeConfig,
    inputs: mpsc::Sender<Input>,
    health: Arc<Health>,
    revival: Revival,
    stop: Arc<AtomicBool>,
    /// Of this round, by partition.
    chunks: BTreeMap<i32, Chunk>,
    /// Partitions read to their end, since the last assignment.
    reached: HashSet<i32>,
    /// Of the topics that letters came from first.
    ids: HashMap<Arc<str>, Option<TopicId>>,
    assignments: u64,
    /// The pipeline was told.
    ended: bool,
}

impl Reader {
    fn run(mut self) {
        let begun = Instant::now();
        let mut said = false;
        while !self.stop.load(Ordering::Relaxed) {
            self.revival.look(self.consumer.client());
            if !self.round() || !self.tell_end() {
                break;
            }
            if !said && self.assignments == 0 && begun.elapsed() > PATIENCE {
                said = true;
                let group = &self.config.source.group;
                warn!(
                    group,
                    "no partitions yet: another run of this group may have them, or one that was killed; waiting"
                );
            }
        }
        self.consumer.context().close();
        drop(self.consumer);
    }

    /// Polls until there is a round's worth or nothing at hand; hands it over. False: nobody is there any more.
    fn round(&mut self) -> bool {
        let (mut events, mut bytes, mut wait) = (0, 0, Duration::from_millis(100));
        let consumer = self.consumer.clone();
        while events < ROUND_EVENTS && bytes < ROUND_BYTES {
            match consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.look_at_assignment();
                    events += 1;
                    bytes += message.payload_len() + message.key_len();
                    self.push(&message);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.look_at_assignment();
                    self.reached.insert(partition);
                }
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    let reason = format!("kafka consumer of group {}: {code}", self.config.source.group);
                    let _ = self.inputs.blocking_send(Input::Failed(reason));
                    return false;
                }
                Some(Err(error)) => {
                    self.revival.heard(&error);
                    self.health.report(&error, "bounded run");
                    break;
                }
            }
            wait = Duration::ZERO;
        }
        let chunks: Vec<Chunk> = std::mem::take(&mut self.chunks).into_values().collect();
        if chunks.is_empty() {
            return !self.inputs.is_closed();
        }
        self.health.up();
        if self.inputs.blocking_send(Input::Records(chunks)).is_err() {
            debug!("the pipeline is gone");
            return false;
        }
        true
    }

    /// Partitions that came are read from where they were left: all that was known of ends is void.
    fn look_at_assignment(&mut self) {
        let assignments = self.consumer.context().assignments();
        if assignments != self.assignments {
            self.assignments = assignments;
            let mut paused = TopicPartitionList::new();
            for partition in self.reached.drain() {
                paused.add_partition(&self.config.range.topic, partition);
            }
            // The client keeps a partition paused that goes and comes back.
            if let Err(error) = self.consumer.resume(&paused) {
                debug!(%error, "resume at an assignment");
            }
            self.ended = false;
        }
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) {
        let (partition, offset) = (message.partition(), message.offset());
        let Some(part) = self.config.range.partitions.get(&partition) else { return };
        if offset >= part.end {
            self.reach(partition);
            return;
        }
        if !part.takes(offset) {
            return;
        }
        let mut own = LetterHeaders::default();
        let list = message.headers();
        if self.config.letters
            && let Some(list) = list
        {
            headers::each(list, |name, value| {
                own.take(name, value);
            });
        }
        let letter = own.finish();
        if self.config.letters && letter.is_none() {
            return;
        }
        let context = self.consumer.context();
        let origin = letter.as_ref().map(|letter| {
            let topic = context.topic(&letter.topic);
            let id = *self.ids.entry(topic.clone()).or_insert_with(|| topic_id(&self.consumer, &topic));
            Origin { topic, partition: letter.partition, offset: letter.offset, id }
        });
        let chunk =
            self.chunks.entry(partition).or_insert_with(|| Chunk::new(context.topic(message.topic()), partition));
        let timestamp = letter.as_ref().map_or_else(|| message.timestamp().to_millis().unwrap_or(-1), |l| l.timestamp);
        chunk.push(offset, timestamp, message.key(), message.payload(), self.config.source.ordering);
        if let Some(list) = list {
            headers::each(list, |name, value| {
                if letter.is_none() || !LetterHeaders::is_ours(name) {
                    chunk.push_header(name, value);
                }
            });
        }
        if let Some(origin) = origin {
            chunk.push_origin(origin);
        }
    }

    /// What comes after the end need not be fetched.
    fn reach(&mut self, partition: i32) {
        if self.reached.insert(partition) {
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.config.range.topic, partition);
            if let Err(error) = self.consumer.pause(&list) {
                debug!(%error, partition, "can't pause behind the end");
            }
        }
    }

    /// Tells the pipeline once when all partitions of ours are read to their ends. False: it is gone.
    fn tell_end(&mut self) -> bool {
        self.look_at_assignment();
        if self.ended || self.assignments == 0 {
            return true;
        }
        let Ok(assigned) = self.consumer.assignment() else { return true };
        let known = |partition: i32| self.config.range.partitions.contains_key(&partition);
        let elements = assigned.elements();
        if elements.is_empty()
            || elements.iter().any(|e| known(e.partition()) && !self.reached.contains(&e.partition()))
        {
            return true;
        }
        self.ended = true;
        self.inputs.blocking_send(Input::Ended).is_ok()
    }
}

/// What names a letter's event is the id of the topic that it came from.
fn topic_id(consumer: &SharedConsumer, topic: &str) -> Option<TopicId> {
    let ids = identity::topic_ids(consumer.client(), &[topic], Duration::from_secs(10));
    let found = ids.map_err(|error| warn!(%error, topic, "can't look up the id of the topic that letters came from"));
    found.ok()?.pop().map(|(_, id)| id)
}
