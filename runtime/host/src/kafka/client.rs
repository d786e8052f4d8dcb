//! What all Kafka clients of a worker share: properties, and one view of whether Kafka answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::{debug, error, info, warn};

/// How to reach Kafka.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port` of brokers to begin with.
    pub brokers: Vec<String>,
    /// librdkafka properties of the operator; what the worker relies on is set over them.
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// A client configuration with the operator's properties.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "veltrix");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", self.brokers.join(","));
        config
    }
}

/// Whether Kafka answers, as its clients see it; says so once when that changes.
#[derive(Debug, Default)]
pub struct Health {
    /// [`UP`], [`DOWN`], or 0: not known yet.
    state: AtomicU8,
}

const UP: u8 = 1;
const DOWN: u8 = 2;

impl Health {
    /// A shared view, unknown until a client has heard of Kafka.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Kafka answered.
    pub fn up(&self) {
        // A plain load first: this is called for every acknowledgement.
        if self.state.load(Ordering::Relaxed) != UP && self.state.swap(UP, Ordering::Relaxed) == DOWN {
            info!("kafka is back");
        }
    }

    /// Whether Kafka has answered, and has not gone since.
    pub fn is_up(&self) -> bool {
        self.state.load(Ordering::Relaxed) == UP
    }

    /// Whether it has gone; not known yet is neither.
    pub fn is_down(&self) -> bool {
        self.state.load(Ordering::Relaxed) == DOWN
    }

    /// Takes a client's error.
    pub fn report(&self, problem: &KafkaError, reason: &str) {
        match problem.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => {
                if self.state.swap(DOWN, Ordering::Relaxed) != DOWN {
                    warn!(reason, "kafka is unavailable: waiting for it");
                }
            }
            // The consumer reports it too, with the topics, and once.
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => debug!(reason, "kafka"),
            // One broker's connection; if it was the last, the above follows.
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut,
            ) => {
                debug!(%problem, reason, "kafka connection");
            }
            // The end of a partition, where somebody asked to be told.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(RDKafkaErrorCode::Fatal) => error!(%problem, reason, "kafka client failed for good"),
            _ => warn!(%problem, reason, "kafka"),
        }
    }
}

/// Forwards the library's own log lines. Connection noise goes to debug: [`Health`] says it once.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            error!(facility, message, "librdkafka");
        }
        _ if matches!(facility, "FAIL" | "ERROR" | "MAXPOLL" | "CLOSE") && !message.contains("SASL") => {
            debug!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => warn!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            debug!(facility, message, "librdkafka");
        }
    }
}
