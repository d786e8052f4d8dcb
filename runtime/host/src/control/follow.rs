//! Reads the control topic to its end, and on from there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tracing::{debug, warn};

use super::Shared;
use crate::kafka::{Revival, client};

/// How long one answer may take; also how long a stop may have to wait.
const ANSWER: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);
/// How often a topic that is not there is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// Silent: the binding's own clients tell when Kafka is away.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "control");
    }
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

/// Whether the topic can be read.
enum Found {
    Yes,
    NotYet,
    Refused(RDKafkaErrorCode),
    NoAnswer,
}

pub(super) fn run(shared: &Arc<Shared>) {
    let mut config = shared.kafka.client();
    config.set("group.id", "veltrix-control");
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "earliest");
    config.set("allow.auto.create.topics", "false");
    config.remove("group.instance.id");
    let consumer: BaseConsumer<Quiet> = match config.create_with_context(Quiet) {
        Ok(consumer) => consumer,
        Err(error) => return give_up(shared, &error.to_string()),
    };
    let revival = Revival::new(&shared.kafka.brokers);
    while !shared.stop.load(Ordering::Relaxed) {
        match find(&consumer, &shared.topic) {
            Found::Yes => {
                if let Err(error) = assign(&consumer, &shared.topic) {
                    return give_up(shared, &error.to_string());
                }
                return follow(shared, &consumer, &revival);
            }
            Found::NotYet => {
                shared.read_to_end();
                pause(shared, LOOK);
            }
            Found::Refused(code) => return give_up(shared, &code.to_string()),
            Found::NoAnswer => {
                // Nobody polls it yet, so it can't say why.
                revival.suspect();
                revival.look(consumer.client());
                pause(shared, TICK);
            }
        }
    }
}

fn find(consumer: &BaseConsumer<Quiet>, topic: &str) -> Found {
    let Ok(metadata) = consumer.fetch_metadata(Some(topic), ANSWER) else { return Found::NoAnswer };
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Found::NotYet };
    match found.error().map(RDKafkaErrorCode::from) {
        None if found.partitions().is_empty() => Found::NotYet,
        None => Found::Yes,
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Found::NotYet,
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Found::Refused(RDKafkaErrorCode::TopicAuthorizationFailed),
        // A leader is being elected, say.
        Some(_) => Found::NoAnswer,
    }
}

fn assign(consumer: &BaseConsumer<Quiet>, topic: &str) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)?;
    consumer.assign(&list)
}

fn follow(shared: &Arc<Shared>, consumer: &BaseConsumer<Quiet>, revival: &Revival) {
    while !shared.stop.load(Ordering::Relaxed) {
        revival.look(consumer.client());
        match consumer.poll(TICK) {
            Some(Ok(message)) => {
                if let Err(error) = shared.take(message.key().unwrap_or_default(), message.payload(), message.offset())
                {
                    warn!(
                        topic = shared.topic,
                        offset = message.offset(),
                        error,
                        "a control record that is none is passed over"
                    );
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => shared.read_to_end(),
            Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                return give_up(shared, &error.to_string());
            }
            Some(Err(error)) => {
                revival.heard(&error);
                debug!(%error, "control");
            }
            None => {}
        }
    }
}

fn give_up(shared: &Shared, error: &str) {
    warn!(
        topic = shared.topic,
        error,
        "the control topic can't be read: bindings run, but `veltrix pause`, `resume` and `replay` have no effect here; grant the right to read it, and start the worker anew"
    );
    shared.read_to_end();
}

fn pause(shared: &Shared, length: Duration) {
    let mut left = length;
    while !left.is_zero() && !shared.stop.load(Ordering::Relaxed) {
        let step = left.min(TICK);
        sleep(step);
        left -= step;
    }
}
