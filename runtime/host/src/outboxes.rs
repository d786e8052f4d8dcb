//! The worker's one producer, replaced by another when it has failed for good.

use std::sync::{Arc, Mutex};

use rdkafka::error::KafkaError;
use tracing::warn;

use crate::kafka::{Health, KafkaConfig};
use crate::outbox::Outbox;

/// Gives the producer to those who begin.
pub struct Outboxes {
    kafka: KafkaConfig,
    health: Arc<Health>,
    current: Mutex<Arc<Outbox>>,
}

impl Outboxes {
    /// Starts the first.
    ///
    /// # Errors
    /// A property that the client refuses.
    pub fn start(kafka: &KafkaConfig, health: &Arc<Health>) -> Result<Self, KafkaError> {
        let first = Arc::new(Outbox::start(kafka, health.clone())?);
        Ok(Self { kafka: kafka.clone(), health: health.clone(), current: Mutex::new(first) })
    }

    /// The producer to begin with: a new one if the last can't go on. Who has the last keeps it until it ends.
    ///
    /// # Errors
    /// The client can't be made.
    pub fn current(&self) -> Result<Arc<Outbox>, KafkaError> {
        let mut current = self.current.lock().expect("no panic while held");
        if current.is_fatal() {
            warn!("the producer failed for good: another takes its place");
            *current = Arc::new(Outbox::start(&self.kafka, self.health.clone())?);
        }
        Ok(current.clone())
    }

    /// Records that wait for their acknowledgement.
    pub fn waiting(&self) -> usize {
        self.current.lock().expect("no panic while held").waiting()
    }

    /// Sends what is buffered, within a limit; waits for it.
    pub fn flush(&self, limit: std::time::Duration) {
        let current = self.current.lock().expect("no panic while held").clone();
        current.flush(limit);
    }
}
