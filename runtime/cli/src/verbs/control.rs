//! The control topic of an application, as operators write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use veltrix_host::control::{self, Board, Record, Wish};
use veltrix_host::kafka::KafkaConfig;
use veltrix_manifest::Manifest;

use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::servers::Kafka;
use crate::verbs::application;
use crate::verbs::log::{Log, PATIENCE};

/// How long a new topic may take to be known everywhere.
const SETTLE: Duration = Duration::from_secs(10);

/// What operators want so far, and where more of it is written.
pub(crate) struct Control {
    topic: String,
    servers: Kafka,
    board: Board,
}

impl Control {
    /// Reads all of it; creates the topic at the first use.
    pub(crate) fn open(manifest: &Manifest) -> Result<Self, Failure> {
        let servers = application::kafka(manifest);
        let topic = control::topic(&manifest.name);
        let mut board = Board::default();
        match Log::find(&topic, &servers)? {
            Some(log) => log.each(|message| {
                if let Err(error) = board.take(message.key().unwrap_or_default(), message.payload()) {
                    tracing::warn!(topic, offset = message.offset(), error, "passed over: no control record");
                }
                Ok(())
            })?,
            None => create(&topic, &servers)?,
        }
        Ok(Self { topic, servers, board })
    }

    /// What is wanted of a group.
    pub(crate) fn wish(&self, group: &str) -> Wish {
        let mut wish = self.board.wish(group);
        // What is done need not be kept.
        wish.seeks = self.board.pending(group).cloned().collect();
        wish
    }

    /// Wants something else of a group from now on.
    pub(crate) fn write(&self, group: &str, wish: &Wish) -> Outcome {
        let kafka = KafkaConfig { brokers: self.servers.brokers.clone(), properties: self.servers.properties.clone() };
        control::write(&kafka, &self.topic, &Record::wish(group, wish), PATIENCE)
            .map_err(|error| Failure::run(format!("topic {} does not take the order: {error}", self.topic)))
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn create(topic: &str, servers: &Kafka) -> Outcome {
    let failed = |reason: String| {
        Failure::run(format!(
            "topic {topic} can't be created: {reason}; create it with one partition and cleanup.policy=compact"
        ))
    };
    let admin: AdminClient<DefaultClientContext> =
        clients::kafka(servers).create().map_err(|error| failed(error.to_string()))?;
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(-1)).set("cleanup.policy", "compact");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let results = clients::runtime()?.block_on(admin.create_topics([&new], &options));
    for result in results.map_err(|error| failed(error.to_string()))? {
        match result {
            // Somebody was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, error)) => return Err(failed(error.to_string())),
        }
    }
    let until = std::time::Instant::now() + SETTLE;
    while Log::find(topic, servers)?.is_none_or(|log| log.ends.is_empty()) {
        if std::time::Instant::now() > until {
            return Err(failed(format!("it is not known after {SETTLE:?}")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
