//! Writing a batch: the host's side.

use alloc::string::String;
use alloc::vec::Vec;

use crate::batch::Control;
use crate::cells::CellsBuilder;
use crate::column;
use crate::layout::{Writer, count};

/// Collects the events of one call. Reused from batch to batch, it allocates nothing per event.
///
/// # Panics
/// When a batch grows beyond 4 GiB.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    topic: String,
    partition: i32,
    control: Control,
    source: String,
    rows: Vec<Row>,
    begun: bool,
    key: CellsBuilder,
    value: CellsBuilder,
    header_name: CellsBuilder,
    header_value: CellsBuilder,
}

/// One event of a batch; its headers follow by [`BatchBuilder::push_header`].
#[derive(Debug, Clone, Copy)]
pub struct EventIn<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since 1970, -1 for none.
    pub timestamp: i64,
    /// Events of equal lanes are handled one after another.
    pub lane: u32,
    /// How often it was begun before, charged or not.
    pub begun: u32,
    /// The key; none is not the empty key.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    offset: i64,
    timestamp: i64,
    lane: u32,
    begun: u32,
    headers: u32,
}

impl BatchBuilder {
    /// An empty builder; [`start`](Self::start) names the batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.begun = false;
        for cells in [&mut self.key, &mut self.value, &mut self.header_name, &mut self.header_value] {
            cells.clear();
        }
    }

    /// Clears the builder for a batch of this topic-partition.
    pub fn start(&mut self, topic: &str, partition: i32, control: Control) {
        self.clear();
        self.topic.clear();
        self.topic.push_str(topic);
        self.source.clear();
        self.partition = partition;
        self.control = control;
    }

    /// Says what makes an offset of this batch mean one event for ever: cluster id, topic id and group, apart by `/`.
    pub fn source(&mut self, source: &str) {
        self.source.clear();
        self.source.push_str(source);
    }

    /// Adds an event.
    #[inline]
    pub fn push(&mut self, event: EventIn<'_>) {
        self.begun |= event.begun != 0;
        self.rows.push(Row {
            offset: event.offset,
            timestamp: event.timestamp,
            lane: event.lane,
            begun: event.begun,
            headers: self.header_name.len() as u32,
        });
        self.key.push(event.key);
        self.value.push(event.value);
    }

    /// Adds a header to the last event. Names may repeat, values may be null; the order is kept.
    ///
    /// # Panics
    /// Without an event.
    pub fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.header_name.push(Some(name));
        self.header_value.push(value);
        self.rows.last_mut().expect("a header follows its event").headers = count(self.header_name.len());
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No events.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About how many bytes the frame will have.
    pub fn bytes(&self) -> usize {
        let cells = self.key.bytes() + self.value.bytes() + self.header_name.bytes() + self.header_value.bytes();
        cells + self.rows.len() * 36 + self.header_name.len() * 8 + self.topic.len() + self.source.len() + 256
    }

    /// Writes the frame, replacing what is in `out`.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let rows = || self.rows.iter();
        let (count, names) = (self.rows.len(), self.header_name.len());
        let headers = names != 0;
        let cells = self.key.columns(count)
            + self.value.columns(count)
            + self.header_name.columns(names)
            + self.header_value.columns(names);
        let columns = 6 + usize::from(!self.source.is_empty()) + usize::from(self.begun) + usize::from(headers) + cells;
        let mut writer = Writer::new(out, count, columns, self.bytes());

        let Control { isolate, lanes, soft_ms, event_ms } = self.control;
        let mode = if isolate { column::MODE_ISOLATE } else { 0 };
        writer.bytes(column::TOPIC, self.topic.as_bytes());
        writer.bytes(column::PARTITION, &self.partition.to_le_bytes());
        writer.fixed(column::CONTROL, [mode, lanes, soft_ms, event_ms].iter().map(|field| field.to_le_bytes()));
        writer.fixed(column::OFFSET, rows().map(|row| row.offset.to_le_bytes()));
        writer.fixed(column::TIMESTAMP, rows().map(|row| row.timestamp.to_le_bytes()));
        writer.fixed(column::LANE, rows().map(|row| row.lane.to_le_bytes()));
        if self.begun {
            writer.fixed(column::BEGUN, rows().map(|row| row.begun.to_le_bytes()));
        }
        self.key.write(column::KEY, count, &mut writer);
        self.value.write(column::VALUE, count, &mut writer);
        if headers {
            writer.fixed(column::HEADERS, rows().map(|row| row.headers.to_le_bytes()));
            self.header_name.write(column::HEADER_NAME, names, &mut writer);
            self.header_value.write(column::HEADER_VALUE, names, &mut writer);
        }
        if !self.source.is_empty() {
            writer.bytes(column::SOURCE, self.source.as_bytes());
        }
    }
}
