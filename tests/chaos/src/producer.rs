//! The workload: sequences of each key with unique ids, and what the producer was told of each send.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chaos_guest::{Order, Plan};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::history::{Fate, Place, Sent};
use crate::settings::{KEYS, MOST_WAITING, PARTITIONS};

/// Header with the id of a send.
pub(crate) const ID: &str = "event-id";

/// How often an event is sent a second time, and how long after.
const COPIES: f64 = 0.02;
const RECENT: usize = 200;
/// A client that hears nothing for so long may have let go of its broker for good (librdkafka#5301).
const SILENT: Duration = Duration::from_secs(10);

/// What is known of the input while it is written.
#[derive(Debug, Default)]
pub(crate) struct Sends {
    sent: Mutex<Vec<Sent>>,
    /// The end of each partition, as far as sends were acknowledged.
    ends: [AtomicI64; PARTITIONS as usize],
    /// Acknowledged and not committed, as the watcher sees it.
    pub(crate) waiting: AtomicI64,
}

impl Sends {
    /// The end of each partition, as far as sends were acknowledged.
    pub(crate) fn ends(&self) -> Vec<i64> {
        self.ends.iter().map(|end| end.load(Ordering::Relaxed)).collect()
    }

    /// What is in the log nevertheless.
    pub(crate) fn reach(&self, ends: &[i64]) {
        for (known, end) in self.ends.iter().zip(ends) {
            known.fetch_max(*end, Ordering::Relaxed);
        }
    }

    /// All sends so far.
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.sent.lock().expect("no panic while held").clone()
    }
}

/// A thread that sends until it is told to end.
#[derive(Debug)]
pub(crate) struct Workload {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Workload {
    pub(crate) fn start(address: &str, topic: &str, seed: u64, rate: u32, sends: Arc<Sends>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sender = Sender {
            address: address.to_owned(),
            topic: topic.to_owned(),
            random: SmallRng::seed_from_u64(seed),
            next: vec![0; KEYS as usize],
            next_id: 0,
            recent: Vec::new(),
            pause: Duration::from_secs(1) / rate.max(1),
            sends,
            stop: stop.clone(),
        };
        let thread = std::thread::Builder::new().name("workload".into()).spawn(move || sender.run());
        Self { stop, thread: thread.expect("a thread starts") }
    }

    /// Ends it; what is not acknowledged by then stays unknown.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the workload does not panic");
    }
}

struct Sender {
    address: String,
    topic: String,
    random: SmallRng,
    /// Next number of each key.
    next: Vec<u32>,
    next_id: u64,
    /// What was sent last.
    recent: Vec<Order>,
    pause: Duration,
    sends: Arc<Sends>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    fn run(mut self) {
        let mut producer = self.producer();
        let mut due = Instant::now();
        let mut heard = (0, due);
        while !self.stop.load(Ordering::Relaxed) {
            producer.poll(due.saturating_duration_since(Instant::now()));
            if Instant::now() < due || self.sends.waiting.load(Ordering::Relaxed) > MOST_WAITING {
                due = due.max(Instant::now() + Duration::from_millis(5));
                continue;
            }
            // Not to catch up with a burst after a pause.
            due = (due + self.pause).max(Instant::now() - self.pause * 20);
            self.send(&producer);
            let acknowledged = self.sends.ends().iter().sum::<i64>();
            if acknowledged != heard.0 {
                heard = (acknowledged, Instant::now());
            }
            if producer.client().fatal_error().is_some() || heard.1.elapsed() > SILENT {
                // Those on their way get their verdict from the old one, or stay unknown.
                let _ = producer.flush(Duration::from_secs(3));
                producer = self.producer();
                heard.1 = Instant::now();
            }
        }
        let _ = producer.flush(Duration::from_secs(10));
    }

    fn send(&mut self, producer: &BaseProducer<Deliveries>) {
        // Now and then a producer that was not idempotent, or has lost its memory.
        let again = self.random.random_bool(COPIES).then(|| self.recent.choose(&mut self.random).cloned()).flatten();
        let order = again.unwrap_or_else(|| self.draw());
        self.recent.truncate(RECENT - 1);
        self.recent.insert(0, order.clone());
        let value = serde_json::to_vec(&order).expect("an order is JSON");
        let (key, id) = (order.key.clone(), order.id.to_string());
        let headers = OwnedHeaders::new().insert(Header { key: ID, value: Some(&id) });
        let index = {
            let mut sent = self.sends.sent.lock().expect("no panic while held");
            sent.push(Sent { order, fate: Fate::Unknown });
            sent.len() - 1
        };
        let record = BaseRecord::with_opaque_to(&self.topic, index).key(&key).payload(&value).headers(headers);
        if producer.send(record).is_err() {
            // Its queue is full, or it failed for good: nothing was taken.
            self.sends.sent.lock().expect("no panic while held")[index].fate = Fate::Failed;
        }
    }

    fn draw(&mut self) -> Order {
        let key = self.random.random_range(0..KEYS);
        let n = self.next[key as usize];
        self.next[key as usize] += 1;
        let times = self.random.random_range(1..4);
        let plan = match self.random.random_range(0..1_000) {
            0..60 => Plan::Retry(times),
            60..100 => Plan::Late(times),
            100..115 => Plan::Panic(1),
            115..118 => Plan::Spin(1),
            118..160 => Plan::Slow(self.random.random_range(10..300)),
            160..180 => Plan::Dead,
            180..185 => Plan::Exhaust,
            185..200 => Plan::Skip,
            _ => Plan::Ack,
        };
        self.next_id += 1;
        Order { id: self.next_id, key: format!("k{key}"), n, plan }
    }

    fn producer(&self) -> BaseProducer<Deliveries> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", "2")
            // Short, so that some sends end without an answer, and small, so that some are refused.
            .set("message.timeout.ms", "3000")
            .set("socket.timeout.ms", "2000")
            .set("queue.buffering.max.messages", "150")
            .set("reconnect.backoff.max.ms", "500");
        config.create_with_context(Deliveries(self.sends.clone())).expect("a producer starts")
    }
}

/// Takes acknowledgements.
struct Deliveries(Arc<Sends>);

impl ClientContext for Deliveries {
    // Faults are made on purpose here.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let fate = match result {
            Ok(message) => {
                let place = Place { partition: message.partition(), offset: message.offset() };
                if let Some(end) = self.0.ends.get(place.partition as usize) {
                    end.fetch_max(place.offset + 1, Ordering::Relaxed);
                }
                Fate::Acknowledged(place)
            }
            // Refused by the broker, whole; any other error may hide a success.
            Err((error, _)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessage) => Fate::Failed,
                _ => Fate::Unknown,
            },
        };
        self.0.sent.lock().expect("no panic while held")[index].fate = fate;
    }
}
