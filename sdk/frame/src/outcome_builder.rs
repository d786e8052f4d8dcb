//! Writing an outcome: the function's side.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::cells::CellsBuilder;
use crate::column;
use crate::layout::{Writer, count};
use crate::outcome::Verdict;

/// Collects verdicts and emits. Reused from call to call, it allocates nothing per row.
///
/// # Panics
/// When an outcome grows beyond 4 GiB.
#[derive(Debug, Default)]
pub struct OutcomeBuilder {
    event: Vec<u32>,
    verdict: Vec<u8>,
    /// Filled up to the last verdict that has one.
    retry_after: Vec<u32>,
    reason: CellsBuilder,
    message: CellsBuilder,
    emits: Vec<Row>,
    /// Filled up to the last emit that forwards its cause.
    forward: Vec<u8>,
    placed: bool,
    topics: CellsBuilder,
    topic_index: BTreeMap<Vec<u8>, u32>,
    key: CellsBuilder,
    value: CellsBuilder,
    header_name: CellsBuilder,
    header_value: CellsBuilder,
}

/// A verdict to write.
#[derive(Debug, Clone, Copy)]
pub struct VerdictIn<'a> {
    /// Row of the event in the batch.
    pub event: u32,
    /// What is to become of it.
    pub verdict: Verdict,
    /// Delay of a retry in milliseconds; 0: the binding's back-off.
    pub retry_after_ms: u32,
    /// Short and stable, for people to count by.
    pub reason: Option<&'a str>,
    /// What happened this time.
    pub message: Option<&'a str>,
}

/// An emit to write; its headers follow by [`OutcomeBuilder::emit_header`].
#[derive(Debug, Clone, Copy)]
pub struct EmitIn<'a> {
    /// Row of the event that causes it.
    pub cause: u32,
    /// Where to.
    pub topic: &'a str,
    /// Its key; null is not empty.
    pub key: Option<&'a [u8]>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// None: by key.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; none: when sent.
    pub timestamp: Option<i64>,
}

/// How far the emits of a builder have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmitMark(usize);

#[derive(Debug, Clone, Copy)]
struct Row {
    cause: u32,
    topic: u32,
    partition: i32,
    headers: u32,
    timestamp: i64,
}

impl OutcomeBuilder {
    /// An empty builder.
    pub const fn new() -> Self {
        Self {
            event: Vec::new(),
            verdict: Vec::new(),
            retry_after: Vec::new(),
            reason: CellsBuilder::new(),
            message: CellsBuilder::new(),
            emits: Vec::new(),
            forward: Vec::new(),
            placed: false,
            topics: CellsBuilder::new(),
            topic_index: BTreeMap::new(),
            key: CellsBuilder::new(),
            value: CellsBuilder::new(),
            header_name: CellsBuilder::new(),
            header_value: CellsBuilder::new(),
        }
    }

    /// Forgets verdicts, emits and topics, keeps the memory.
    pub fn clear(&mut self) {
        self.event.clear();
        self.verdict.clear();
        self.retry_after.clear();
        self.reason.clear();
        self.message.clear();
        self.truncate_emits(EmitMark(0));
        self.placed = false;
        self.topics.clear();
        self.topic_index.clear();
    }

    /// Neither verdicts nor emits.
    pub fn is_empty(&self) -> bool {
        self.event.is_empty() && self.emits.is_empty()
    }

    /// Number of verdicts.
    pub fn verdicts(&self) -> usize {
        self.event.len()
    }

    /// Number of emits.
    pub fn emits(&self) -> usize {
        self.emits.len()
    }

    /// About how many bytes the frame will have.
    pub fn bytes(&self) -> usize {
        let cells = [&self.reason, &self.message, &self.key, &self.value, &self.header_name, &self.header_value];
        let data: usize = cells.iter().map(|cells| cells.bytes() + cells.len() * 4).sum();
        data + self.event.len() * 9 + self.emits.len() * 24 + self.topics.bytes() + 512
    }

    /// Adds a plain ack.
    #[inline]
    pub fn ack(&mut self, event: u32) {
        self.event.push(event);
        self.verdict.push(Verdict::Ack.code());
    }

    /// Adds a verdict.
    pub fn verdict(&mut self, verdict: VerdictIn<'_>) {
        let row = self.event.len();
        self.event.push(verdict.event);
        self.verdict.push(verdict.verdict.code());
        if verdict.retry_after_ms != 0 {
            self.retry_after.resize(row, 0);
            self.retry_after.push(verdict.retry_after_ms);
        }
        self.reason.push_at(row, verdict.reason.map(str::as_bytes));
        self.message.push_at(row, verdict.message.map(str::as_bytes));
    }

    /// Adds an emit.
    #[inline]
    pub fn emit(&mut self, emit: EmitIn<'_>) {
        self.value.push_at(self.emits.len(), emit.value);
        self.push_emit(emit);
    }

    /// Adds an emit that has the key, the value and the headers of its cause: the host has these, so they are not copied.
    #[inline]
    pub fn forward(&mut self, cause: u32, topic: &str) {
        self.forward.resize(self.emits.len(), 0);
        self.forward.push(1);
        let topic = self.intern(topic.as_bytes());
        self.emits.push(Row { cause, topic, partition: -1, headers: self.header_name.len() as u32, timestamp: -1 });
    }

    /// Adds an emit whose value is what `write` appends; `emit.value` is not looked at.
    ///
    /// # Errors
    /// Those of `write`; nothing is added then.
    pub fn emit_with<E>(
        &mut self,
        emit: EmitIn<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.value.push_with(self.emits.len(), write)?;
        self.push_emit(emit);
        Ok(())
    }

    /// Adds a header to the last emit. Names may repeat, values may be null; the order is kept.
    ///
    /// # Panics
    /// Without an emit.
    pub fn emit_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.header_name.push(Some(name));
        self.header_value.push(value);
        self.emits.last_mut().expect("a header follows its emit").headers = count(self.header_name.len());
    }

    /// Where the emits are, to go back to.
    #[inline]
    pub fn emit_mark(&self) -> EmitMark {
        EmitMark(self.emits.len())
    }

    /// Drops the emits since `mark`: their event did not ack.
    pub fn truncate_emits(&mut self, mark: EmitMark) {
        if mark.0 >= self.emits.len() {
            return;
        }
        self.emits.truncate(mark.0);
        self.forward.truncate(mark.0);
        let headers = self.emits.last().map_or(0, |row| row.headers as usize);
        self.key.truncate(mark.0);
        self.value.truncate(mark.0);
        self.header_name.truncate(headers);
        self.header_value.truncate(headers);
    }

    /// Moves the emits since `mark` to the end of `other`: their event goes on later.
    pub fn move_emits(&mut self, mark: EmitMark, other: &mut Self) {
        let EmitMark(first) = mark;
        if first >= self.emits.len() {
            return;
        }
        let headers = if first == 0 { 0 } else { self.emits[first - 1].headers };
        let (base, at) = (other.header_name.len() as u32, other.emits.len());
        for index in first..self.emits.len() {
            let row = self.emits[index];
            let topic = other.intern(self.topics.cell(row.topic as usize));
            other.emits.push(Row { topic, headers: row.headers - headers + base, ..row });
        }
        other.placed |= self.placed;
        if first < self.forward.len() {
            other.forward.resize(at, 0);
            other.forward.extend(self.forward.drain(first..));
        }
        self.key.split_into(first, &mut other.key, at);
        self.value.split_into(first, &mut other.value, at);
        self.header_name.split_into(headers as usize, &mut other.header_name, base as usize);
        self.header_value.split_into(headers as usize, &mut other.header_value, base as usize);
        self.emits.truncate(first);
    }

    /// Writes the frame, replacing what is in `out`.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let verdicts = self.event.len();
        let rows = || self.emits.iter();
        let (emitted, headers) = (!self.emits.is_empty(), self.header_name.len() != 0);
        let names = self.header_name.len();
        let columns = 2
            + usize::from(!self.retry_after.is_empty())
            + self.reason.columns(verdicts)
            + self.message.columns(verdicts)
            + if emitted { 2 + self.topics.columns(self.topics.len()) } else { 0 }
            + self.key.columns(self.emits.len())
            + self.value.columns(self.emits.len())
            + usize::from(headers)
            + self.header_name.columns(names)
            + self.header_value.columns(names)
            + if self.placed { 2 } else { 0 }
            + usize::from(!self.forward.is_empty());
        let mut writer = Writer::new(out, verdicts, columns, self.bytes());

        writer.fixed(column::EVENT, self.event.iter().map(|event| event.to_le_bytes()));
        writer.bytes(column::VERDICT, &self.verdict);
        if !self.retry_after.is_empty() {
            let after = |row: usize| self.retry_after.get(row).copied().unwrap_or(0_u32).to_le_bytes();
            writer.fixed(column::RETRY_AFTER, (0..verdicts).map(after));
        }
        self.reason.write(column::REASON, verdicts, &mut writer);
        self.message.write(column::MESSAGE, verdicts, &mut writer);
        if emitted {
            writer.fixed(column::CAUSE, rows().map(|row| row.cause.to_le_bytes()));
            self.topics.write(column::EMIT_TOPICS, self.topics.len(), &mut writer);
            writer.fixed(column::EMIT_TOPIC, rows().map(|row| row.topic.to_le_bytes()));
        }
        self.key.write(column::EMIT_KEY, self.emits.len(), &mut writer);
        self.value.write(column::EMIT_VALUE, self.emits.len(), &mut writer);
        if headers {
            writer.fixed(column::EMIT_HEADERS, rows().map(|row| row.headers.to_le_bytes()));
            self.header_name.write(column::EMIT_HEADER_NAME, names, &mut writer);
            self.header_value.write(column::EMIT_HEADER_VALUE, names, &mut writer);
        }
        if self.placed {
            writer.fixed(column::EMIT_PARTITION, rows().map(|row| row.partition.to_le_bytes()));
            writer.fixed(column::EMIT_TIMESTAMP, rows().map(|row| row.timestamp.to_le_bytes()));
        }
        if !self.forward.is_empty() {
            let forward = |row: usize| [self.forward.get(row).copied().unwrap_or(0)];
            writer.fixed(column::EMIT_FORWARD, (0..self.emits.len()).map(forward));
        }
    }

    #[inline]
    fn push_emit(&mut self, emit: EmitIn<'_>) {
        self.key.push_at(self.emits.len(), emit.key);
        self.placed |= emit.partition.is_some() || emit.timestamp.is_some();
        let topic = self.intern(emit.topic.as_bytes());
        self.emits.push(Row {
            cause: emit.cause,
            topic,
            partition: emit.partition.unwrap_or(-1),
            headers: self.header_name.len() as u32,
            timestamp: emit.timestamp.unwrap_or(-1),
        });
    }

    #[inline]
    fn intern(&mut self, topic: &[u8]) -> u32 {
        if let Some(last) = self.emits.last()
            && same(self.topics.cell(last.topic as usize), topic)
        {
            return last.topic;
        }
        self.intern_other(topic)
    }

    #[inline(never)]
    fn intern_other(&mut self, topic: &[u8]) -> u32 {
        if let Some(index) = self.topic_index.get(topic) {
            return *index;
        }
        let index = count(self.topics.len());
        self.topics.push(Some(topic));
        self.topic_index.insert(topic.into(), index);
        index
    }
}

/// Equality of short texts, eight bytes at a time: what the compiler makes of `==` is a call that goes byte by byte on Wasm.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = |cells: (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*cells.0) == u64::from_le_bytes(*cells.1);
    a.iter().zip(b).all(words) && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}
