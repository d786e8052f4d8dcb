//! [`Run`]: what became of the events of a test.

use std::time::Duration;

use serde::de::DeserializeOwned;
use veltrix_frame::{EmitRow, Outcome, Verdict as Code, VerdictRow, WHOLE};

use super::record::Record;
use crate::host::native::Line;
use crate::log::Level;

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Ack,
    /// There was nothing to do.
    Skip,
    /// To be tried again.
    Retry {
        /// Not before; `None`: the binding's back-off.
        after: Option<Duration>,
    },
    /// Given up.
    DeadLetter {
        /// Short and stable.
        reason: String,
    },
    /// Not begun, because an earlier event with its key was not acked.
    Deferred,
    /// The handler of a batch said nothing of it: the host tries it again, and charges it.
    Missing,
}

impl Verdict {
    /// To be tried again after the binding's back-off.
    pub fn retry() -> Self {
        Self::Retry { after: None }
    }

    /// To be tried again, but not before `delay`.
    pub fn retry_after(delay: Duration) -> Self {
        Self::Retry { after: Some(delay) }
    }

    /// Given up for this reason.
    pub fn dead_letter(reason: &str) -> Self {
        Self::DeadLetter { reason: reason.to_owned() }
    }

    fn of(row: &VerdictRow<'_>) -> Self {
        match row.verdict {
            Code::Ack => Self::Ack,
            Code::Skip => Self::Skip,
            Code::Retry => {
                let after = Duration::from_millis(row.retry_after_ms.into());
                Self::Retry { after: (!after.is_zero()).then_some(after) }
            }
            Code::DeadLetter => Self::DeadLetter { reason: row.reason.map(text).unwrap_or_default() },
            Code::Deferred => Self::Deferred,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What became of the events of a test. Events are counted from 0, in the order in which they were given.
#[derive(Debug, Clone)]
pub struct Run {
    events: Vec<(Verdict, Option<String>)>,
    emits: Vec<Emitted>,
    logs: Vec<LogLine>,
}

impl Run {
    #[track_caller]
    pub(super) fn new(records: &[Record], outcomes: &[Vec<u8>], logs: Vec<Line>) -> Self {
        let mut run = Self {
            events: vec![(Verdict::Missing, None); records.len()],
            emits: Vec::new(),
            logs: logs.into_iter().map(LogLine).collect(),
        };
        for outcome in outcomes {
            match Outcome::parse(outcome) {
                Ok(outcome) => run.add(&outcome, records),
                Err(error) => panic!("the SDK wrote an outcome that no host would take: {error}"),
            }
        }
        // As a host does: only what an acked event emitted is sent.
        run.emits.retain(|emit| run.events.get(emit.cause).is_some_and(|(verdict, _)| *verdict == Verdict::Ack));
        run
    }

    fn add(&mut self, outcome: &Outcome<'_>, records: &[Record]) {
        for row in outcome.verdicts() {
            let event = self.events.get_mut(row.event as usize).expect("verdicts are on events of the batch");
            *event = (Verdict::of(&row), row.message.map(text));
        }
        self.emits.extend(outcome.emits().map(|row| match records.get(row.cause as usize) {
            Some(cause) if row.forward => Emitted::forwarded(&row, cause),
            Some(_) | None => Emitted::of(&row),
        }));
    }

    /// The verdict on the only event.
    ///
    /// # Panics
    /// There are more or none.
    #[track_caller]
    pub fn verdict(&self) -> Verdict {
        assert_eq!(self.events.len(), 1, "the run has not one event: ask verdicts()");
        self.events[0].0.clone()
    }

    /// The verdicts on all events.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.events.iter().map(|(verdict, _)| verdict.clone()).collect()
    }

    /// What was said to people of an event that was not acked.
    ///
    /// # Panics
    /// There is no such event.
    #[track_caller]
    pub fn message(&self, event: usize) -> Option<&str> {
        self.events[event].1.as_deref()
    }

    /// What is sent: the emits of the events that were acked.
    pub fn emits(&self) -> &[Emitted] {
        &self.emits
    }

    /// What is sent to a topic.
    pub fn emits_to(&self, topic: &str) -> Vec<&Emitted> {
        self.emits.iter().filter(|emit| emit.topic == topic).collect()
    }

    /// The lines that were logged, in order.
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }
}

/// An event that a handler emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    cause: usize,
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Emitted {
    fn of(row: &EmitRow<'_>) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        Self {
            cause: row.cause as usize,
            topic: row.topic.to_owned(),
            key: owned(row.key),
            value: owned(row.value),
            partition: row.partition,
            timestamp: row.timestamp,
            headers: row.headers.clone().map(|(name, value)| (name.to_vec(), owned(value))).collect(),
        }
    }

    /// An event that is sent on as it is.
    fn forwarded(row: &EmitRow<'_>, cause: &Record) -> Self {
        let Record { key, value, headers, .. } = cause.clone();
        Self { key, value, headers, ..Self::of(row) }
    }

    /// The event that caused it, counted from 0.
    pub fn cause(&self) -> usize {
        self.cause
    }

    /// Where it goes.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Its key as text; `None`: it has none, or it is not UTF-8.
    pub fn key_text(&self) -> Option<&str> {
        self.key().and_then(|key| std::str::from_utf8(key).ok())
    }

    /// Its value; `None` is a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Its value, read as JSON.
    ///
    /// # Panics
    /// It is a tombstone, or not the JSON of a `T`.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let value = self.value().unwrap_or_else(|| panic!("what was emitted to {} is a tombstone", self.topic));
        serde_json::from_slice(value).unwrap_or_else(|error| panic!("what was emitted to {}: {error}", self.topic))
    }

    /// Names and values of the headers, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        self.headers.iter().map(|(name, value)| (&**name, value.as_deref()))
    }

    /// The value of the last header of that name; `None`: not there, or null.
    pub fn header(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.headers().filter(|(other, _)| *other == name).last()?.1
    }

    /// Its partition; `None`: that of its key.
    pub fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// Its timestamp in milliseconds since 1970; `None`: the time of sending.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp
    }
}

/// A line that a handler logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine(Line);

impl LogLine {
    /// The event it belongs to, counted from 0; `None`: to none.
    pub fn event(&self) -> Option<usize> {
        (self.0.event != WHOLE).then_some(self.0.event as usize)
    }

    /// How much it matters.
    pub fn level(&self) -> Level {
        match self.0.level {
            1 => Level::Trace,
            2 => Level::Debug,
            3 => Level::Info,
            4 => Level::Warn,
            _ => Level::Error,
        }
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.fields.iter().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }
}
