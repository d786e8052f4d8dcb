//! Reading an outcome: the host's side. Verdicts and emits are two tables, each with its own number of rows.

use crate::batch::{HeaderColumns, Headers};
use crate::cells::Cells;
use crate::column;
use crate::error::{FrameError, Problem};
use crate::layout::Directory;

/// What a function says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Done; its emits are to be sent.
    Ack = 0,
    /// Again, later.
    Retry = 1,
    /// Never again; keep it in the dead-letter topic.
    DeadLetter = 2,
    /// Done without effect; its emits are dropped.
    Skip = 3,
    /// Not run, because an earlier event of its lane did not ack, or the time was up.
    Deferred = 4,
}

impl Verdict {
    /// The verdict of a code; one that is not known is a retry.
    pub fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Ack,
            2 => Self::DeadLetter,
            3 => Self::Skip,
            4 => Self::Deferred,
            _ => Self::Retry,
        }
    }

    /// Its code in a frame.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// One verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerdictRow<'a> {
    /// Row of the event in the batch; not checked against it.
    pub event: u32,
    /// What is to become of it.
    pub verdict: Verdict,
    /// Delay of a retry in milliseconds; 0: the binding's back-off.
    pub retry_after_ms: u32,
    /// Short and stable, for people to count by; as the function wrote it, not always UTF-8.
    pub reason: Option<&'a [u8]>,
    /// What happened this time.
    pub message: Option<&'a [u8]>,
}

/// One emit.
#[derive(Debug, Clone)]
pub struct EmitRow<'a> {
    /// Row of the event that caused it; not checked against the batch.
    pub cause: u32,
    /// Where to.
    pub topic: &'a str,
    /// Its key; null is not empty.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// None: by key. Below -1: as the function wrote it.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; none: when sent.
    pub timestamp: Option<i64>,
    /// Its headers, in order.
    pub headers: Headers<'a>,
    /// It has the key, the value and the headers of its cause; those here are to be ignored.
    pub forward: bool,
}

/// A validated outcome; borrows its frame.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    event: &'a [[u8; 4]],
    verdict: &'a [u8],
    retry_after: Option<&'a [[u8; 4]]>,
    reason: Cells<'a>,
    message: Cells<'a>,
    cause: &'a [[u8; 4]],
    topic: &'a [[u8; 4]],
    topics: Cells<'a>,
    topic_text: &'a str,
    key: Cells<'a>,
    value: Cells<'a>,
    headers: HeaderColumns<'a>,
    partition: Option<&'a [[u8; 4]]>,
    timestamp: Option<&'a [[u8; 8]]>,
    forward: Option<&'a [[u8; 1]]>,
}

impl<'a> Outcome<'a> {
    /// Validates the whole frame in one pass. Whether events and causes are in the batch is the caller's to check.
    ///
    /// # Errors
    /// What is wrong with the frame, and in which column.
    pub fn parse(frame: &'a [u8]) -> Result<Self, FrameError> {
        let directory = Directory::parse(frame, column::OF_OUTCOME)?;
        let rows = directory.rows;
        let emits = directory.table::<4>(column::CAUSE)?.len();
        let topics = Cells::parse_table(&directory, column::EMIT_TOPICS)?;
        let topic = directory.fixed::<4>(column::EMIT_TOPIC, emits)?.unwrap_or_default();
        if topic.len() != emits {
            return Err(FrameError::Column { id: column::EMIT_TOPIC, problem: Problem::Missing });
        }
        if topic.iter().any(|index| u32::from_le_bytes(*index) as usize >= topics.len()) {
            return Err(FrameError::Column { id: column::EMIT_TOPIC, problem: Problem::Index });
        }
        Ok(Self {
            event: directory.fixed(column::EVENT, rows)?.map_or_else(|| none_of(column::EVENT, rows), Ok)?,
            verdict: match directory.fixed::<1>(column::VERDICT, rows)? {
                Some(codes) => codes.as_flattened(),
                None => none_of(column::VERDICT, rows)?,
            },
            retry_after: directory.fixed(column::RETRY_AFTER, rows)?,
            reason: Cells::parse(&directory, column::REASON, rows)?,
            message: Cells::parse(&directory, column::MESSAGE, rows)?,
            cause: directory.table(column::CAUSE)?,
            topic,
            topics,
            topic_text: text_of(topics, column::EMIT_TOPICS)?,
            key: Cells::parse(&directory, column::EMIT_KEY, emits)?,
            value: Cells::parse(&directory, column::EMIT_VALUE, emits)?,
            headers: HeaderColumns::parse(
                &directory,
                [column::EMIT_HEADERS, column::EMIT_HEADER_NAME, column::EMIT_HEADER_VALUE],
                emits,
            )?,
            partition: directory.fixed(column::EMIT_PARTITION, emits)?,
            timestamp: directory.fixed(column::EMIT_TIMESTAMP, emits)?,
            forward: directory.fixed(column::EMIT_FORWARD, emits)?,
        })
    }

    /// The verdicts, in the order in which they were given.
    pub fn verdicts(&self) -> Verdicts<'a> {
        Verdicts { outcome: *self, rows: 0..self.event.len() }
    }

    /// The emits, in sending order.
    pub fn emits(&self) -> Emits<'a> {
        Emits { outcome: *self, rows: 0..self.cause.len() }
    }

    /// The topics named, whether an emit uses them or not.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &'a str> {
        let outcome = *self;
        (0..outcome.topics.len()).map(move |index| outcome.topic_at(index))
    }

    fn topic_at(&self, index: usize) -> &'a str {
        self.topics.range(index).map_or("", |range| &self.topic_text[range])
    }
}

/// Iterator over verdicts.
#[derive(Debug, Clone)]
pub struct Verdicts<'a> {
    outcome: Outcome<'a>,
    rows: core::ops::Range<usize>,
}

impl<'a> Iterator for Verdicts<'a> {
    type Item = VerdictRow<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        let outcome = &self.outcome;
        Some(VerdictRow {
            event: u32::from_le_bytes(outcome.event[row]),
            verdict: Verdict::from_code(outcome.verdict[row]),
            retry_after_ms: outcome.retry_after.map_or(0, |after| u32::from_le_bytes(after[row])),
            reason: outcome.reason.get(row),
            message: outcome.message.get(row),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Verdicts<'_> {}

/// Iterator over emits.
#[derive(Debug, Clone)]
pub struct Emits<'a> {
    outcome: Outcome<'a>,
    rows: core::ops::Range<usize>,
}

impl<'a> Iterator for Emits<'a> {
    type Item = EmitRow<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        let outcome = &self.outcome;
        let partition = outcome.partition.map_or(-1, |column| i32::from_le_bytes(column[row]));
        let timestamp = outcome.timestamp.map_or(-1, |column| i64::from_le_bytes(column[row]));
        Some(EmitRow {
            cause: u32::from_le_bytes(outcome.cause[row]),
            topic: outcome.topic_at(u32::from_le_bytes(outcome.topic[row]) as usize),
            key: outcome.key.get(row),
            value: outcome.value.get(row),
            partition: (partition != -1).then_some(partition),
            timestamp: (timestamp != -1).then_some(timestamp),
            headers: outcome.headers.of(row),
            forward: outcome.forward.is_some_and(|column| column[row] != [0]),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Emits<'_> {}

/// An absent column serves for no rows only.
fn none_of<'a, T>(id: u16, rows: usize) -> Result<&'a [T], FrameError> {
    if rows == 0 { Ok(&[]) } else { Err(FrameError::Column { id, problem: Problem::Missing }) }
}

/// The text of a table; each cell of it is UTF-8 by itself.
fn text_of(table: Cells<'_>, id: u16) -> Result<&str, FrameError> {
    let wrong = FrameError::Column { id, problem: Problem::Utf8 };
    let text = core::str::from_utf8(table.data()).map_err(|_| wrong)?;
    let whole = (0..table.len()).filter_map(|row| table.range(row)).all(|range| text.is_char_boundary(range.end));
    if whole { Ok(text) } else { Err(wrong) }
}
