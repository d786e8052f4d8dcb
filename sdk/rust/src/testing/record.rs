//! [`Record`]: an event for a test.

use serde::Serialize;

/// Starts an event of a topic: no key, no value, no headers, partition 0.
pub fn event(topic: &str) -> Record {
    Record { topic: topic.to_owned(), timestamp: -1, ..Record::default() }
}

/// An event for a test. What is not said is absent; without a value it is a tombstone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Record {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: Option<i64>,
    pub(super) timestamp: i64,
    pub(super) begun: u32,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) traceparent: Option<String>,
}

impl Record {
    /// Its key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// Its value.
    pub fn value(mut self, value: impl AsRef<[u8]>) -> Self {
        self.value = Some(value.as_ref().to_vec());
        self
    }

    /// Its value, as JSON.
    ///
    /// # Panics
    /// It can't be said in JSON.
    #[track_caller]
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.value = Some(json),
            Err(error) => panic!("the event's value: {error}"),
        }
        self
    }

    /// Without a value, as it is from the start.
    pub fn tombstone(mut self) -> Self {
        self.value = None;
        self
    }

    /// Adds a header. Names may repeat.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// Adds a header whose value is null.
    pub fn null_header(mut self, name: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), None));
        self
    }

    /// Its partition; all events of a run have the same.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = partition;
        self
    }

    /// Its offset, instead of the one after its predecessor's (0 for the first).
    pub fn offset(mut self, offset: i64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Its timestamp in milliseconds since 1970.
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.timestamp = milliseconds;
        self
    }

    /// How often it was begun before: what [`Event::begun_before`](crate::Event::begun_before) says.
    pub fn begun(mut self, times: u32) -> Self {
        self.begun = times;
        self
    }

    /// The `traceparent` of its span.
    pub fn traceparent(mut self, traceparent: &str) -> Self {
        self.traceparent = Some(traceparent.to_owned());
        self
    }
}
