//! Events and batches of them, borrowed from the frame that the host sent.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use veltrix_frame::{Control, FrameError, Headers};

use crate::error::DecodeError;

/// One Kafka record. Cheap to clone; nothing is copied out of the batch.
#[derive(Clone)]
pub struct Event {
    frame: Rc<Frame>,
    row: u32,
}

impl Event {
    #[inline]
    pub(crate) fn new(frame: &Rc<Frame>, row: u32) -> Self {
        Self { frame: frame.clone(), row }
    }

    #[inline]
    pub(crate) fn row(&self) -> u32 {
        self.row
    }

    /// The key. `None` is no key, which is not the empty key.
    #[inline]
    pub fn key(&self) -> Option<&[u8]> {
        self.view().key(self.row as usize)
    }

    /// The value. `None` is a tombstone, which is not the empty value.
    #[inline]
    pub fn value(&self) -> Option<&[u8]> {
        self.view().value(self.row as usize)
    }

    /// Whether it has no value: its key was deleted.
    pub fn is_tombstone(&self) -> bool {
        self.value().is_none()
    }

    /// The value as text.
    ///
    /// # Errors
    /// A tombstone, or not UTF-8; by `?` in a handler it goes to the dead letters.
    pub fn text(&self) -> Result<&str, DecodeError> {
        std::str::from_utf8(self.bytes()?).map_err(|error| DecodeError::new(format!("value is not UTF-8: {error}")))
    }

    /// The key as text.
    ///
    /// # Errors
    /// No key, or not UTF-8; by `?` in a handler it goes to the dead letters.
    pub fn key_text(&self) -> Result<&str, DecodeError> {
        let key = self.key().ok_or_else(|| DecodeError::new("event has no key"))?;
        std::str::from_utf8(key).map_err(|error| DecodeError::new(format!("key is not UTF-8: {error}")))
    }

    /// The value, read as JSON.
    ///
    /// # Errors
    /// A tombstone, or not the JSON of a `T`; by `?` in a handler it goes to the dead letters.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_slice(self.bytes()?)
            .map_err(|error| DecodeError::new(format!("value is not the JSON expected: {error}")))
    }

    /// Names and values of the headers, in order. Names may repeat, values may be null.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], Option<&[u8]>)> {
        let headers: Headers<'_> = self.view().headers(self.row as usize);
        headers
    }

    /// The value of the last header of that name, as Kafka clients read it; `None`: not there, or null.
    pub fn header(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.headers().filter(|(other, _)| *other == name).last()?.1
    }

    /// When it was produced or appended, as its topic is configured; milliseconds since 1970.
    pub fn timestamp_ms(&self) -> Option<i64> {
        let timestamp = self.view().timestamp(self.row as usize);
        (timestamp != -1).then_some(timestamp)
    }

    /// When it was produced or appended, as its topic is configured.
    pub fn timestamp(&self) -> Option<SystemTime> {
        let timestamp = self.timestamp_ms()?;
        let distance = Duration::from_millis(timestamp.unsigned_abs());
        if timestamp < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }

    /// The topic it was read from.
    pub fn topic(&self) -> &str {
        self.view().topic()
    }

    /// The partition it was read from.
    pub fn partition(&self) -> i32 {
        self.view().partition()
    }

    /// Its offset in that partition.
    pub fn offset(&self) -> i64 {
        self.view().offset(self.row as usize)
    }

    /// How often the event was begun before, by this worker or another: 0 at the first time.
    pub fn begun_before(&self) -> u32 {
        self.view().begun(self.row as usize)
    }

    /// What names the event for ever: ids of its cluster and topic, the group, partition and offset, apart by `/`. A topic that
    /// is created anew under its old name counts offsets anew, and has another id. `None`: the host does not know the ids, as
    /// its broker has none.
    pub fn identity(&self) -> Option<String> {
        let source = self.view().source()?;
        Some(format!("{source}/{}/{}", self.partition(), self.offset()))
    }

    pub(crate) fn lane(&self) -> u32 {
        self.view().lane(self.row as usize)
    }

    #[inline]
    fn view(&self) -> &veltrix_frame::Batch<'_> {
        self.frame.view()
    }

    fn bytes(&self) -> Result<&[u8], DecodeError> {
        self.value().ok_or_else(|| DecodeError::new("event is a tombstone: it has no value"))
    }
}

impl fmt::Debug for Event {
    /// Where it comes from; never what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({}/{}@{})", self.topic(), self.partition(), self.offset())
    }
}

/// Events of one topic-partition, in offset order.
#[derive(Clone)]
pub struct Batch {
    frame: Rc<Frame>,
    rows: Range<u32>,
}

impl Batch {
    pub(crate) fn new(frame: Rc<Frame>) -> Self {
        let rows = 0..frame.view().len() as u32;
        Self { frame, rows }
    }

    /// The part that is one event.
    pub(crate) fn single(&self, row: u32) -> Self {
        Self { frame: self.frame.clone(), rows: row..row + 1 }
    }

    pub(crate) fn frame(&self) -> &Rc<Frame> {
        &self.frame
    }

    pub(crate) fn rows(&self) -> Range<u32> {
        self.rows.clone()
    }

    pub(crate) fn control(&self) -> Control {
        self.frame.view().control()
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The topic of all of them.
    pub fn topic(&self) -> &str {
        self.frame.view().topic()
    }

    /// The partition of all of them.
    pub fn partition(&self) -> i32 {
        self.frame.view().partition()
    }

    /// The events, in offset order.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event> {
        self.rows.clone().map(|row| Event::new(&self.frame, row))
    }

    /// Whether two events must be handled one after another: they have the same key, say.
    pub fn same_lane(&self, one: &Event, other: &Event) -> bool {
        one.lane() == other.lane()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}/{}, {} events)", self.topic(), self.partition(), self.len())
    }
}

/// A frame and the validated view of it.
pub(crate) struct Frame {
    view: veltrix_frame::Batch<'static>,
    /// What `view` borrows: never touched, dropped after it.
    _bytes: Vec<u8>,
}

impl Frame {
    #[allow(unsafe_code, reason = "a view beside what it borrows; see SAFETY")]
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Rc<Self>, FrameError> {
        // SAFETY: the heap buffer of `bytes` neither moves nor changes while `Frame` lives, as nothing has access to
        // the vector; `view()` hands the view out for no longer than `self` is borrowed.
        let borrowed: &'static [u8] = unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
        let view = veltrix_frame::Batch::parse(borrowed)?;
        Ok(Rc::new(Self { view, _bytes: bytes }))
    }

    #[inline]
    pub(crate) fn view(&self) -> &veltrix_frame::Batch<'_> {
        &self.view
    }
}
