//! One transactional producer, and the thread that takes its acknowledgements.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer, ProducerContext};
use tracing::{error, warn};

use crate::kafka::{Health, KafkaConfig, Revival, client};
use crate::{outbox, worker_id};

/// How long the broker lets a transaction live whose producer says nothing. A worker that was killed holds up the next
/// owner of its partitions for so long, unless it comes back under the same name before.
pub(super) const LIFE: Duration = Duration::from_secs(10);

/// The name by which the broker tells this producer from others, across restarts.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    base: String,
    own: Option<String>,
    fenced: Option<Instant>,
}

/// Fenced twice within this time is fenced by somebody who lives.
const TWICE: Duration = Duration::from_secs(60);

impl Identity {
    /// `APPLICATION.GROUP.WORKER`.
    pub(crate) fn new(application: &str, group: &str, worker: &str) -> Self {
        Self { base: format!("{application}.{group}.{worker}"), own: None, fenced: None }
    }

    /// The broker has fenced the producer: after a pause beyond the life of its transaction, say; or somebody else uses the
    /// name. To tell, it is taken once more. If that is fenced too, one that nobody has is taken, or the two would fence each
    /// other for ever. What was open under the old name is over either way.
    pub(super) fn fenced(&mut self) {
        if self.fenced.replace(Instant::now()).is_some_and(|before| before.elapsed() < TWICE) {
            self.own = Some(worker_id::random());
            warn!(
                transactional_id = self.base,
                "another producer has the same transactional id: a random one is used; start workers with different --worker-id"
            );
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.base.clone();
        if let Some(own) = &self.own {
            let _ = write!(text, ".{own}");
        }
        text
    }
}

/// A producer under a transactional id.
pub(super) struct Client {
    pub(super) producer: Arc<BaseProducer<Context>>,
    pub(super) failures: Arc<Failures>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Records that were not taken, by the number of their outcome.
#[derive(Debug, Default)]
pub(super) struct Failures {
    any: AtomicBool,
    list: Mutex<Vec<(u64, RDKafkaErrorCode)>>,
}

impl Failures {
    pub(super) fn take(&self) -> Vec<(u64, RDKafkaErrorCode)> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut self.list.lock().expect("no panic while held"))
    }

    fn add(&self, unit: usize, error: RDKafkaErrorCode) {
        self.list.lock().expect("no panic while held").push((unit as u64, error));
        self.any.store(true, Ordering::Release);
    }
}

impl Client {
    /// A client that has not spoken to the broker yet.
    pub(super) fn new(kafka: &KafkaConfig, id: &str, health: Arc<Health>) -> Result<Self, KafkaError> {
        let mut config = outbox::producer(kafka);
        config.set("transactional.id", id).set("transaction.timeout.ms", LIFE.as_millis().to_string());
        let failures = Arc::new(Failures::default());
        let context = Context { health, failures: failures.clone(), revival: Revival::new(&kafka.brokers) };
        let producer: Arc<BaseProducer<Context>> = Arc::new(config.create_with_context(context)?);
        let stop = Arc::new(AtomicBool::new(false));
        // Apart from the thread that makes the transactional calls: these wait until all acknowledgements are taken.
        let thread = std::thread::Builder::new()
            .name("transactions-in".into())
            .spawn({
                let (producer, stop) = (producer.clone(), stop.clone());
                move || {
                    while !stop.load(Ordering::Relaxed) {
                        producer.poll(Duration::from_millis(100));
                        producer.context().revival.look(producer.client());
                    }
                }
            })
            .map_err(|error| KafkaError::ClientCreation(format!("transactions thread: {error}")))?;
        Ok(Self { producer, failures, stop, thread: Some(thread) })
    }

    /// Why the client can't go on, if so.
    pub(super) fn fatal(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.client().fatal_error()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the thread that takes acknowledgements panicked");
        }
    }
}

pub(super) struct Context {
    health: Arc<Health>,
    failures: Arc<Failures>,
    revival: Revival,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.revival.heard(&error);
        self.health.report(&error, reason);
    }
}

impl ProducerContext for Context {
    /// The number of the outcome: a pointer would have to be counted for every record.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, unit: usize) {
        match result {
            Ok(_) => self.health.up(),
            Err((error, _)) => {
                self.failures.add(unit, error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown));
            }
        }
    }
}
