//! Emitting events. They are collected here and sent by the host once their cause is acked.

use std::cell::RefCell;

use serde::Serialize;
use veltrix_frame::{EmitIn, OutcomeBuilder, WHOLE};

use crate::error::{Error, Result};
use crate::event::Event;
use crate::task;

thread_local! {
    /// The outcome of the call: emits here, verdicts by the executor.
    static OUTCOME: RefCell<OutcomeBuilder> = const { RefCell::new(OutcomeBuilder::new()) };
    static JSON: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Works on the outcome of the call; `work` must not run code of others.
#[inline]
pub(crate) fn with_outcome<T>(work: impl FnOnce(&mut OutcomeBuilder) -> T) -> T {
    OUTCOME.with_borrow_mut(work)
}

/// Starts an event for a topic: `emit("bills").key(id).json(&bill)?`.
///
/// It is sent when the event at work is acked, and dropped when it is not.
#[must_use = "an emit ends in .value(…)?, .json(…)? or .tombstone()?"]
pub fn emit(topic: &str) -> Emit<'_> {
    Emit { topic, key: None, headers: Vec::new(), partition: None, timestamp: None, cause: task::current() }
}

/// An event to be emitted; ends in [`value`](Self::value), [`json`](Self::json) or [`tombstone`](Self::tombstone).
#[must_use = "an emit ends in .value(…)?, .json(…)? or .tombstone()?"]
pub struct Emit<'a, K = &'a [u8]> {
    topic: &'a str,
    key: Option<K>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    partition: Option<i32>,
    timestamp: Option<i64>,
    cause: u32,
}

impl<'a, K: AsRef<[u8]>> Emit<'a, K> {
    /// Its key. Without one it goes to any partition.
    pub fn key<L: AsRef<[u8]>>(self, key: L) -> Emit<'a, L> {
        self.optional_key(Some(key))
    }

    /// Its key, or none: `emit(topic).optional_key(event.key())`.
    pub fn optional_key<L: AsRef<[u8]>>(self, key: Option<L>) -> Emit<'a, L> {
        let Self { topic, headers, partition, timestamp, cause, .. } = self;
        Emit { topic, key, headers, partition, timestamp, cause }
    }

    /// Adds a header. Names may repeat.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.optional_header(name, Some(value))
    }

    /// Adds a header whose value may be null.
    pub fn optional_header(mut self, name: impl AsRef<[u8]>, value: Option<impl AsRef<[u8]>>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.map(|value| value.as_ref().to_vec())));
        self
    }

    /// Adds all headers of an event.
    pub fn headers_of(mut self, event: &Event) -> Self {
        self.headers.extend(event.headers().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))));
        self
    }

    /// Its partition, instead of the one of its key.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Its timestamp in milliseconds since 1970, instead of the time of sending.
    pub fn timestamp(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The event that causes it, instead of the one at work. Needed by handlers that take a batch.
    pub fn cause(mut self, event: &Event) -> Self {
        self.cause = event.row();
        self
    }

    /// Emits it with a value.
    ///
    /// # Errors
    /// The topic is empty, the partition or timestamp negative, or a batch handler named no cause: the event at work
    /// would fail for ever, so that it goes to the dead letters.
    pub fn value(self, value: impl AsRef<[u8]>) -> Result<()> {
        self.finish(Some(value.as_ref()))
    }

    /// Emits it with a value as JSON.
    ///
    /// # Errors
    /// As [`value`](Self::value), or it can't be said in JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        // Taken, not borrowed: serializing runs code of others, which may emit.
        let mut json = JSON.take();
        json.clear();
        let written = serde_json::to_writer(&mut json, value)
            .map_err(|error| Error::dead_letter("encode").with_message(error))
            .and_then(|()| self.finish(Some(&json)));
        JSON.set(json);
        written
    }

    /// Emits it without a value, which deletes its key in compacted topics.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn tombstone(self) -> Result<()> {
        self.finish(None)
    }

    fn finish(self, value: Option<&[u8]>) -> Result<()> {
        let wrong =
            |what: &str| Err(Error::dead_letter("emit").with_message(format!("emit to {:?}: {what}", self.topic)));
        if self.topic.is_empty() {
            return wrong("a topic has a name");
        }
        if self.partition.is_some_and(|partition| partition < 0) {
            return wrong("partitions are not negative");
        }
        if self.timestamp.is_some_and(|timestamp| timestamp < 0) {
            return wrong("timestamps are not negative");
        }
        if self.cause == WHOLE {
            return wrong("say which event causes it, by .cause(&event)");
        }
        with_outcome(|outcome| {
            outcome.emit(EmitIn {
                cause: self.cause,
                topic: self.topic,
                key: self.key.as_ref().map(AsRef::as_ref),
                value,
                partition: self.partition,
                timestamp: self.timestamp,
            });
            for (name, value) in &self.headers {
                outcome.emit_header(name, value.as_deref());
            }
        });
        Ok(())
    }
}

impl Event {
    /// Emits this event to another topic as it is: key, value and headers.
    ///
    /// # Errors
    /// The topic is empty.
    #[inline]
    pub fn forward(&self, topic: &str) -> Result<()> {
        if topic.is_empty() {
            return Err(Error::dead_letter("emit").with_message("forward: a topic has a name"));
        }
        with_outcome(|outcome| outcome.forward(self.row(), topic));
        Ok(())
    }
}
