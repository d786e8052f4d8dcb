//! Inputs into topics: no faster than what reads them, where Kafka does not keep what nobody has handled.

mod source;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde::Serialize;
use veltrix_host::jsonl::{self, Event};
use veltrix_host::kafka::{KafkaConfig, headers};
use veltrix_host::lines::{LineError, Lines};

use crate::error::DevError;
use crate::report::Report;
use crate::window::{FRAMING, Window};

use source::Opened;
pub use source::{Input, Source};

/// Bytes of a partition that may wait to be handled: well below what the embedded Kafka keeps.
const MOST_WAITING: u64 = 3 << 20;
/// Broken lines that are told; the rest is counted.
const MOST_TOLD: u64 = 20;
/// How long an event may take to be acknowledged.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fed {
    /// Where it went.
    pub topic: String,
    /// The file, or `-`.
    pub from: String,
    /// Events that Kafka has.
    pub events: u64,
    /// Lines that are none, or were refused.
    pub refused: u64,
}

/// How far a feed is, for others to look at.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) read: AtomicU64,
    pub(crate) fed: AtomicU64,
    pub(crate) ended: AtomicBool,
    /// Asks it to end early.
    pub(crate) stop: AtomicBool,
}

/// Inputs on their way.
pub(crate) struct Feed {
    pub(crate) inputs: Vec<Opened>,
    pub(crate) kafka: KafkaConfig,
    /// What the embedded Kafka has to keep; none with a real one.
    pub(crate) window: Option<Arc<Mutex<Window>>>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) report: Arc<dyn Report>,
    pub(crate) strict: bool,
}

/// What becomes of the events of one input; told by the producer as answers come in.
struct Tally {
    topic: String,
    name: String,
    window: Option<Arc<Mutex<Window>>>,
    counters: Arc<Counters>,
    report: Arc<dyn Report>,
    /// Bytes sent and not answered.
    unanswered: AtomicU64,
    events: AtomicU64,
    refused: AtomicU64,
}

/// The line that an event came from, and its bytes.
struct Sent {
    line: u64,
    bytes: u64,
}

impl Tally {
    fn problem(&self, line: u64, problem: &str) {
        let told = self.refused.fetch_add(1, Ordering::Relaxed);
        if told < MOST_TOLD {
            self.report.problem(&format!("{}:{line}: {problem}", self.name));
        }
    }
}

impl ClientContext for Tally {
    // What matters is told with the event that it befalls.
    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Tally {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        match result {
            Ok(message) => {
                if let Some(window) = &self.window {
                    let mut window = window.lock().expect("no panic while held");
                    window.add(message.topic(), message.partition(), message.offset(), sent.bytes);
                }
                self.events.fetch_add(1, Ordering::Relaxed);
                self.counters.fed.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => self.problem(sent.line, &format!("not published: {}", describe(error))),
        }
        self.unanswered.fetch_sub(sent.bytes, Ordering::Relaxed);
    }
}

fn describe(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

impl Feed {
    /// Feeds the inputs one after another, to the end of the last. Blocks.
    ///
    /// # Errors
    /// An input can't be read, or one of its lines is broken where none may be.
    pub(crate) fn run(mut self) -> Result<Vec<Fed>, DevError> {
        let inputs = std::mem::take(&mut self.inputs);
        let fed = inputs.into_iter().map(|input| self.one(input)).collect();
        self.counters.ended.store(true, Ordering::Relaxed);
        fed
    }

    fn one(&self, input: Opened) -> Result<Fed, DevError> {
        let Opened { topic, name, reader, .. } = input;
        let tally = Tally {
            topic,
            name,
            window: self.window.clone(),
            counters: self.counters.clone(),
            report: self.report.clone(),
            unanswered: AtomicU64::new(0),
            events: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        let producer = self.producer(tally)?;
        let ended = self.lines(&producer, Lines::new(reader));
        // Every event is answered for within its own timeout.
        producer.flush(TIMEOUT + Duration::from_secs(5))?;
        let tally = producer.context();
        let refused = tally.refused.load(Ordering::Relaxed);
        if refused > MOST_TOLD {
            self.report.problem(&format!("{}: and {} more problems", tally.name, refused - MOST_TOLD));
        }
        ended?;
        let events = tally.events.load(Ordering::Relaxed);
        Ok(Fed { topic: tally.topic.clone(), from: tally.name.clone(), events, refused })
    }

    fn producer(&self, tally: Tally) -> Result<ThreadedProducer<Tally>, DevError> {
        let mut config = self.kafka.client();
        config.set("client.id", "veltrix-dev").set("partitioner", "murmur2_random").set("enable.idempotence", "true");
        config.set("message.timeout.ms", TIMEOUT.as_millis().to_string()).set("linger.ms", "5");
        // What has to go because there is no more room goes batch by batch.
        config.set("batch.size", "131072");
        Ok(config.create_with_context(tally)?)
    }

    fn lines(&self, producer: &ThreadedProducer<Tally>, lines: Lines<impl std::io::BufRead>) -> Result<(), DevError> {
        let tally = producer.context();
        for (number, line) in lines {
            if self.counters.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let problem = match line {
                Ok(line) => match jsonl::decode(&line) {
                    Ok(event) => {
                        self.send(producer, number, event);
                        continue;
                    }
                    Err(problem) => problem,
                },
                Err(LineError::Line(problem)) => problem,
                Err(LineError::Input(problem)) => {
                    return Err(DevError::Input(format!("{}:{number}: {problem}", tally.name)));
                }
            };
            if self.strict {
                return Err(DevError::Input(format!("{}:{number}: {problem} (--strict)", tally.name)));
            }
            tally.problem(number, &problem);
        }
        Ok(())
    }

    fn send(&self, producer: &ThreadedProducer<Tally>, line: u64, event: Event) {
        let tally = producer.context();
        let bytes = size(&event);
        self.wait_for_room(producer, bytes);
        let mut names = OwnedHeaders::new_with_capacity(event.headers.len());
        for (name, value) in &event.headers {
            headers::push(&mut names, name, value.as_deref());
        }
        let mut record =
            BaseRecord::<[u8], [u8], Box<Sent>>::with_opaque_to(&tally.topic, Box::new(Sent { line, bytes }));
        record.key = event.key.as_deref();
        record.payload = event.value.as_deref();
        record.partition = event.partition;
        record.timestamp = event.timestamp;
        if !event.headers.is_empty() {
            record.headers = Some(names);
        }
        tally.unanswered.fetch_add(bytes, Ordering::Relaxed);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                    producer.poll(Duration::from_millis(100));
                    record = returned;
                }
                Err((error, _)) => {
                    tally.unanswered.fetch_sub(bytes, Ordering::Relaxed);
                    tally.problem(line, &format!("not published: {}", describe(&error)));
                    break;
                }
            }
        }
        producer.poll(Duration::ZERO);
    }

    /// Waits until the topic's fullest partition has room for as much as is on its way, wherever it goes.
    fn wait_for_room(&self, producer: &ThreadedProducer<Tally>, bytes: u64) {
        let tally = producer.context();
        let Some(window) = &tally.window else { return };
        let mut said = None;
        while !self.counters.stop.load(Ordering::Relaxed) {
            let unanswered = tally.unanswered.load(Ordering::Relaxed);
            let waiting = window.lock().expect("no panic while held").fullest(&tally.topic) + unanswered;
            // One event alone goes in any case: nothing would ever make room for it.
            if waiting == 0 || waiting + bytes <= MOST_WAITING {
                return;
            }
            producer.poll(Duration::from_millis(5));
            let since = said.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(30) {
                *since = Instant::now();
                self.report.say(&format!(
                    "{}: waiting: the embedded Kafka has no room for more before what it holds of {} is handled",
                    tally.name, tally.topic
                ));
            }
        }
    }
}

fn size(event: &Event) -> u64 {
    let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers: usize = event.headers.iter().map(|(name, value)| name.len() + of(value) + 10).sum();
    (of(&event.key) + of(&event.value) + headers) as u64 + FRAMING
}
