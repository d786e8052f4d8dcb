//! What was seen of a run from outside: what the checker judges by.

use std::fmt;

use chaos_guest::{Done, Order};

/// Everything that was sent, and everything that came of it.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In the order of sending.
    pub sent: Vec<Sent>,
    /// What the input topic holds at the end. Its order is the one that counts: sends may overtake each other on their way.
    pub log: Vec<Logged>,
    /// Each binding of the application.
    pub bindings: Vec<Observed>,
}

/// A send of the workload.
#[derive(Debug, Clone)]
pub struct Sent {
    /// What was sent.
    pub order: Order,
    /// What the producer was told.
    pub fate: Fate,
}

/// How a send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The broker has it, there.
    Acknowledged(Place),
    /// It never left.
    Failed,
    /// Nobody answered in time: it may be in the log, or not.
    Unknown,
}

/// A partition of a topic and an offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.partition, self.offset)
    }
}

/// An event in the input topic.
#[derive(Debug, Clone)]
pub struct Logged {
    /// Where.
    pub place: Place,
    /// What.
    pub order: Order,
}

/// What a binding promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// A reader of what is committed sees each emit and each dead letter once.
    pub exactly_once: bool,
    /// Of sends with one id it handles the first in the log alone.
    pub dedupe: bool,
    /// Each event in the log has a row; else each id has, whatever its copies.
    pub row_per_event: bool,
    /// An event that is emitted again is emitted as it was the first time.
    pub same_emits: bool,
    /// Attempts after which an event is given up.
    pub attempts: u32,
}

/// What a binding left behind.
#[derive(Debug, Clone)]
pub struct Observed {
    /// For people.
    pub name: String,
    /// What it is held to.
    pub promise: Promise,
    /// What its output topic holds; of an exactly-once binding, what is committed.
    pub outputs: Vec<Output>,
    /// The same of its dead-letter topic.
    pub letters: Vec<Letter>,
    /// The log that the function appends to on a condition; none if it has no table.
    pub rows: Option<Vec<Row>>,
}

/// A record of the output topic.
#[derive(Debug, Clone)]
pub struct Output {
    /// Where in the output topic.
    pub at: Place,
    /// What the function said.
    pub done: Done,
}

/// A record of the dead-letter topic.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where in the dead-letter topic.
    pub at: Place,
    /// Where its headers say that it came from.
    pub source: Place,
    /// Why, as its headers say.
    pub reason: String,
    /// Attempts, as its headers say.
    pub attempts: u32,
    /// What differs from the event there, if anything does.
    pub altered: Option<String>,
}

/// A conditional effect.
#[derive(Debug, Clone)]
pub struct Row {
    /// Key of the event.
    pub key: String,
    /// Its place in the key's log.
    pub place: u32,
    /// Number of the event.
    pub n: u32,
    /// Id of the event.
    pub id: u64,
    /// Where the event was that appended it.
    pub source: Place,
}
