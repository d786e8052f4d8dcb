//! Events as the worker holds them: chunks of one partition's records, copied once out of the
//! client's buffers, and cheap references into them.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use veltrix_manifest::Ordering;

use crate::kafka::TopicId;

/// Consecutive records of one topic-partition. Immutable once built; shared by reference count.
#[derive(Debug)]
pub struct Chunk {
    /// Topic the records came from.
    pub topic: Arc<str>,
    /// Partition the records came from.
    pub partition: i32,
    bytes: Vec<u8>,
    records: Vec<Record>,
    headers: Vec<HeaderSpan>,
    /// A record each, or none at all.
    origins: Vec<Origin>,
}

/// What an event is that is fed again from elsewhere, as a dead letter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Topic that it came from first.
    pub topic: Arc<str>,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The id of the topic, if Kafka tells.
    pub id: Option<TopicId>,
}

#[derive(Debug)]
struct Record {
    offset: i64,
    timestamp: i64,
    lane: u64,
    key: Span,
    value: Span,
    /// End of this record's headers in `Chunk::headers`; they begin where the record before ends.
    headers_end: u32,
}

#[derive(Debug)]
struct HeaderSpan {
    name: Span,
    value: Span,
}

/// A range of the chunk's bytes; `start == NULL` tells null from empty.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

const NULL: u32 = u32::MAX;

impl Span {
    fn get(self, bytes: &[u8]) -> Option<&[u8]> {
        (self.start != NULL).then(|| &bytes[self.start as usize..(self.start + self.len) as usize])
    }
}

/// A header: a name (bytes, as Kafka does not promise UTF-8) and a value that may be null.
pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// One record of a chunk.
#[derive(Debug, Clone, Copy)]
pub struct EventView<'a> {
    chunk: &'a Chunk,
    index: usize,
}

impl<'a> EventView<'a> {
    /// Offset in its partition.
    pub fn offset(&self) -> i64 {
        self.record().offset
    }

    /// Milliseconds since the epoch; -1 when the record carries none.
    pub fn timestamp(&self) -> i64 {
        self.record().timestamp
    }

    /// The lane that orders it, see [`lane_of`].
    pub fn lane(&self) -> u64 {
        self.record().lane
    }

    /// The key; `None` is null, which is not the empty key.
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record().key.get(&self.chunk.bytes)
    }

    /// The value; `None` is a tombstone.
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record().value.get(&self.chunk.bytes)
    }

    /// The headers, in their order, repeats kept.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'a>> + use<'a> {
        let chunk = self.chunk;
        let start = match self.index {
            0 => 0,
            i => chunk.records[i - 1].headers_end as usize,
        };
        chunk.headers[start..self.record().headers_end as usize]
            .iter()
            .map(move |h| (h.name.get(&chunk.bytes).unwrap_or_default(), h.value.get(&chunk.bytes)))
    }

    /// Value of the last header of that name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(n, _)| *n == name.as_bytes()).last().and_then(|(_, v)| v)
    }

    /// What it was, if it is fed again from elsewhere.
    pub fn origin(&self) -> Option<&'a Origin> {
        self.chunk.origins.get(self.index)
    }

    /// Key and value bytes, for batch and memory bounds.
    pub fn size(&self) -> usize {
        (self.record().key.len + self.record().value.len) as usize
    }

    fn record(&self) -> &'a Record {
        &self.chunk.records[self.index]
    }
}

impl Chunk {
    /// An empty chunk.
    pub fn new(topic: Arc<str>, partition: i32) -> Self {
        Self { topic, partition, bytes: Vec::new(), records: Vec::new(), headers: Vec::new(), origins: Vec::new() }
    }

    /// An empty chunk that takes so many records with so many bytes without growing.
    pub fn with_room(topic: Arc<str>, partition: i32, records: usize, bytes: usize) -> Self {
        let (records, bytes) = (Vec::with_capacity(records), Vec::with_capacity(bytes));
        Self { topic, partition, bytes, records, headers: Vec::new(), origins: Vec::new() }
    }

    /// Appends a record; its headers follow by [`push_header`](Self::push_header).
    pub fn push(&mut self, offset: i64, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>, ordering: Ordering) {
        let lane = lane_of(ordering, offset, key);
        let (key, value) = (self.store(key), self.store(value));
        let headers_end = self.headers.len() as u32;
        self.records.push(Record { offset, timestamp, lane, key, value, headers_end });
    }

    /// Adds a header to the record pushed last.
    pub fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let header = HeaderSpan { name: self.store(Some(name)), value: self.store(value) };
        self.headers.push(header);
        if let Some(last) = self.records.last_mut() {
            last.headers_end = self.headers.len() as u32;
        }
    }

    /// Says what the record pushed last was; then every record of the chunk must be told.
    pub fn push_origin(&mut self, origin: Origin) {
        self.origins.push(origin);
        debug_assert_eq!(self.origins.len(), self.records.len(), "each record has its origin");
    }

    fn store(&mut self, bytes: Option<&[u8]>) -> Span {
        match bytes {
            None => Span { start: NULL, len: 0 },
            Some(bytes) => {
                let start = self.bytes.len() as u32;
                self.bytes.extend_from_slice(bytes);
                Span { start, len: bytes.len() as u32 }
            }
        }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of memory that the chunk keeps alive.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
            + self.records.capacity() * size_of::<Record>()
            + self.headers.capacity() * size_of::<HeaderSpan>()
    }

    /// Bytes of payload in it.
    pub fn payload(&self) -> usize {
        self.bytes.len()
    }

    /// The record at `index`, which must be below [`len`](Self::len).
    pub fn event(&self, index: usize) -> EventView<'_> {
        EventView { chunk: self, index }
    }
}

/// The lane of a record. Equal lanes are handled one after another; two keys whose hashes collide
/// merely wait for each other. Without a key under `ordering = "key"`, and always under `"none"`,
/// each event is a lane of its own.
fn lane_of(ordering: Ordering, offset: i64, key: Option<&[u8]>) -> u64 {
    // Fixed seed: lanes must not depend on the process (they are compared across calls only, but a
    // reproducible order helps whoever reads a trace).
    let state = foldhash::fast::FixedState::with_seed(0x5eed);
    match (ordering, key) {
        (Ordering::Partition, _) => 0,
        (Ordering::Key, Some(key)) => {
            let mut hasher = state.build_hasher();
            hasher.write(key);
            hasher.write_u8(1);
            hasher.finish()
        }
        (Ordering::Key, None) | (Ordering::None, _) => {
            let mut hasher = state.build_hasher();
            hasher.write_i64(offset);
            hasher.write_u8(2);
            hasher.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_null_from_empty_and_keeps_headers_in_order() {
        let mut chunk = Chunk::new("t".into(), 0);
        chunk.push(7, 1, None, Some(b""), Ordering::Key);
        chunk.push_header(b"a", Some(b"1"));
        chunk.push_header(b"a", None);
        chunk.push(9, -1, Some(b""), None, Ordering::Key);
        let (first, second) = (chunk.event(0), chunk.event(1));
        assert_eq!((first.key(), first.value()), (None, Some(&b""[..])));
        assert_eq!(first.headers().collect::<Vec<_>>(), [(&b"a"[..], Some(&b"1"[..])), (b"a", None)]);
        assert_eq!((second.key(), second.value(), second.offset()), (Some(&b""[..]), None, 9));
        assert_eq!(second.headers().len(), 0);
    }

    #[test]
    fn an_empty_key_is_a_lane_and_null_keys_are_each_their_own() {
        let lane = |offset, key| lane_of(Ordering::Key, offset, key);
        assert_eq!(lane(1, Some(&b""[..])), lane(2, Some(&b""[..])));
        assert_ne!(lane(1, None), lane(2, None));
        assert_ne!(lane(1, None), lane(1, Some(b"")));
        assert_eq!(lane_of(Ordering::Partition, 1, None), lane_of(Ordering::Partition, 2, Some(b"k")));
        assert_ne!(lane_of(Ordering::None, 1, Some(b"k")), lane_of(Ordering::None, 2, Some(b"k")));
    }
}
