//! Reading a batch: the function's side.

use crate::cells::Cells;
use crate::column;
use crate::error::{FrameError, Problem};
use crate::layout::{Directory, check_ends};

/// How the host wants a batch handled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Control {
    /// Begin one event at a time and `mark` it first.
    pub isolate: bool,
    /// Lanes handled at once at most; 0: no limit.
    pub lanes: u32,
    /// After so many milliseconds begin no event, defer the rest; 0: no limit.
    pub soft_ms: u32,
    /// Milliseconds for one event; 0: no limit.
    pub event_ms: u32,
}

/// A validated batch; borrows its frame.
///
/// Accessors take the row of an event, `0..len()`, and panic beyond.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    topic: &'a str,
    partition: i32,
    control: Control,
    offset: &'a [[u8; 8]],
    timestamp: &'a [[u8; 8]],
    lane: &'a [[u8; 4]],
    begun: Option<&'a [[u8; 4]]>,
    key: Cells<'a>,
    value: Cells<'a>,
    headers: HeaderColumns<'a>,
    source: Option<&'a str>,
}

impl<'a> Batch<'a> {
    /// Validates the whole frame in one pass.
    ///
    /// # Errors
    /// What is wrong with the frame, and in which column.
    pub fn parse(frame: &'a [u8]) -> Result<Self, FrameError> {
        let directory = Directory::parse(frame, column::OF_BATCH)?;
        let rows = directory.rows;
        let topic = core::str::from_utf8(directory.required(column::TOPIC)?)
            .map_err(|_| FrameError::Column { id: column::TOPIC, problem: Problem::Utf8 })?;
        let source = directory.get(column::SOURCE).map(core::str::from_utf8).transpose();
        let source = source.map_err(|_| FrameError::Column { id: column::SOURCE, problem: Problem::Utf8 })?;
        let control = directory.required_fixed::<4>(column::CONTROL, 4)?;
        Ok(Self {
            topic,
            partition: i32::from_le_bytes(directory.required_fixed(column::PARTITION, 1)?[0]),
            control: Control {
                isolate: u32::from_le_bytes(control[0]) & column::MODE_ISOLATE != 0,
                lanes: u32::from_le_bytes(control[1]),
                soft_ms: u32::from_le_bytes(control[2]),
                event_ms: u32::from_le_bytes(control[3]),
            },
            offset: directory.required_fixed(column::OFFSET, rows)?,
            timestamp: directory.required_fixed(column::TIMESTAMP, rows)?,
            lane: directory.required_fixed(column::LANE, rows)?,
            begun: directory.fixed(column::BEGUN, rows)?,
            key: Cells::parse(&directory, column::KEY, rows)?,
            value: Cells::parse(&directory, column::VALUE, rows)?,
            headers: HeaderColumns::parse(
                &directory,
                [column::HEADERS, column::HEADER_NAME, column::HEADER_VALUE],
                rows,
            )?,
            source,
        })
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.offset.len()
    }

    /// No events.
    pub fn is_empty(&self) -> bool {
        self.offset.is_empty()
    }

    /// Topic of all events.
    pub fn topic(&self) -> &'a str {
        self.topic
    }

    /// Partition of all events.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// What makes an offset of the batch mean one event for ever: cluster id, topic id and group, apart by `/`. `None`: the
    /// host does not know.
    pub fn source(&self) -> Option<&'a str> {
        self.source
    }

    /// How to handle the batch.
    pub fn control(&self) -> Control {
        self.control
    }

    /// Offset of an event.
    #[inline]
    pub fn offset(&self, event: usize) -> i64 {
        i64::from_le_bytes(self.offset[event])
    }

    /// Milliseconds since 1970; -1: none.
    #[inline]
    pub fn timestamp(&self, event: usize) -> i64 {
        i64::from_le_bytes(self.timestamp[event])
    }

    /// Lane of an event.
    #[inline]
    pub fn lane(&self, event: usize) -> u32 {
        u32::from_le_bytes(self.lane[event])
    }

    /// How often an event was begun before.
    #[inline]
    pub fn begun(&self, event: usize) -> u32 {
        self.begun.map_or(0, |begun| u32::from_le_bytes(begun[event]))
    }

    /// Key of an event; null is not empty.
    #[inline]
    pub fn key(&self, event: usize) -> Option<&'a [u8]> {
        self.key.get(event)
    }

    /// Value of an event; none is a tombstone.
    #[inline]
    pub fn value(&self, event: usize) -> Option<&'a [u8]> {
        self.value.get(event)
    }

    /// Headers of an event, in order.
    pub fn headers(&self, event: usize) -> Headers<'a> {
        self.headers.of(event)
    }
}

/// The header columns of events or emits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderColumns<'a> {
    ends: Option<&'a [[u8; 4]]>,
    names: Cells<'a>,
    values: Cells<'a>,
}

impl<'a> HeaderColumns<'a> {
    pub(crate) fn parse(
        directory: &Directory<'a>,
        [ends_id, name_id, value_id]: [u16; 3],
        rows: usize,
    ) -> Result<Self, FrameError> {
        let ends = directory.fixed::<4>(ends_id, rows)?;
        let names = Cells::parse_table(directory, name_id)?;
        let values = Cells::parse(directory, value_id, names.len())?;
        check_ends(ends_id, ends.unwrap_or_default(), names.len())?;
        Ok(Self { ends, names, values })
    }

    pub(crate) fn of(&self, row: usize) -> Headers<'a> {
        let range = self.ends.map_or(0..0, |ends| {
            let start = if row == 0 { 0 } else { u32::from_le_bytes(ends[row - 1]) };
            start as usize..u32::from_le_bytes(ends[row]) as usize
        });
        Headers { columns: *self, range }
    }
}

/// Names and values of headers, in order; values may be null.
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    columns: HeaderColumns<'a>,
    range: core::ops::Range<usize>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next()?;
        Some((self.columns.names.get(row).unwrap_or_default(), self.columns.values.get(row)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl ExactSizeIterator for Headers<'_> {}
