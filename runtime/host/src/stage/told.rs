//! What a trial tells: the end of each event, what was emitted and logged.

use std::collections::{BTreeMap, BTreeSet};

use crate::flow::Fate;
use crate::outbox::Send;
use crate::source::TopicPartition;

/// Topic, partition and offset, as the function sees them.
pub type Place = (String, i32, i64);

/// All that was told.
#[derive(Debug, Default)]
pub struct Told {
    /// What became of events; one that is not here was never run to an end.
    pub ends: BTreeMap<Place, End>,
    /// Attempts of events so far.
    pub(crate) attempts: BTreeMap<Place, u32>,
    /// In sending order. Of a trial through Kafka they are in their topics.
    pub emits: Vec<Emit>,
    /// In the order in which they were written.
    pub logs: Vec<Log>,
    /// Secrets that were asked for, promised by the manifest, and not given.
    pub missing: BTreeSet<String>,
    /// Why the function can't be started.
    pub refused: Option<String>,
}

/// The final verdict on an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Acked, in so many attempts.
    Ack {
        /// The last one included.
        attempts: u32,
    },
    /// Done without effect.
    Skip {
        /// The last one included.
        attempts: u32,
    },
    /// Given up.
    DeadLetter {
        /// In a word.
        reason: String,
        /// What happened the last time.
        message: String,
        /// The last one included.
        attempts: u32,
    },
    /// It would be a dead letter, and there is no topic for it.
    Stopped {
        /// In a word.
        reason: String,
        /// What happened the last time.
        message: String,
        /// The last one included.
        attempts: u32,
    },
    /// Left out, as it is a copy of an earlier event.
    Copy,
}

/// An emitted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emit {
    /// Where to.
    pub topic: String,
    /// `None`: by key.
    pub partition: Option<i32>,
    /// Null is not empty.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// `None`: when it is sent.
    pub timestamp: Option<i64>,
}

/// A line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Which event it is of; `None`: of no single one.
    pub event: Option<Place>,
    /// 1 trace to 5 error, 6 a panic.
    pub level: u8,
    /// Its text.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

impl Told {
    /// An event is done.
    pub(crate) fn done(&mut self, source: &TopicPartition, offset: i64, skipped: bool) {
        let place = place(source, offset);
        let attempts = self.attempts.remove(&place).unwrap_or(0) + 1;
        self.ends.insert(place, if skipped { End::Skip { attempts } } else { End::Ack { attempts } });
    }

    /// A failure was ruled on.
    pub(crate) fn failed(&mut self, source: &TopicPartition, offset: i64, fate: &Fate, reason: &str, message: &str) {
        let place = place(source, offset);
        let (reason, message) = (reason.to_owned(), message.to_owned());
        let end = match *fate {
            Fate::Retry { attempts, .. } => {
                self.attempts.insert(place, attempts);
                return;
            }
            Fate::DeadLetter { attempts, .. } => End::DeadLetter { reason, message, attempts },
            Fate::Stopped { attempts } => End::Stopped { reason, message, attempts },
            Fate::Finished(_) | Fate::Deferred => return,
        };
        self.ends.insert(place, end);
    }

    /// An event is a copy.
    pub(crate) fn copied(&mut self, source: &TopicPartition, offset: i64) {
        self.ends.insert(place(source, offset), End::Copy);
    }
}

fn place(source: &TopicPartition, offset: i64) -> Place {
    (source.0.to_string(), source.1, offset)
}

impl Emit {
    /// What is about to be sent.
    pub(crate) fn of(record: &Send<'_>) -> Self {
        let mut headers = Vec::new();
        if let Some(list) = &record.headers {
            crate::kafka::headers::each(list.as_borrowed(), |name, value| {
                headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
            });
        }
        Self {
            topic: record.topic.to_owned(),
            partition: record.partition,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers,
            timestamp: record.timestamp,
        }
    }
}
