//! Copies among a partition's events: they are never run, and are done when their original is.
//!
//! Pure. Joins identities, what was seen, and the events that wait: for the past to be read, or for their original.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Seq;
use super::identify::Identify;
use super::seen::{Past, Rule, Seen};
use crate::event::{Chunk, EventView};

/// A partition's dedupe.
#[derive(Debug)]
pub struct Dedupe {
    identify: Arc<Identify>,
    seen: Seen,
    /// Received, and not judged yet: a chunk and the index of its next event.
    held: VecDeque<(Arc<Chunk>, usize)>,
    /// How many events they are, and how many bytes.
    waiting: (usize, usize),
    /// What has to be read before the first of them can be judged.
    asked: Option<Past>,
    /// Open originals, and the copies that wait for them: offset and number.
    copies: HashMap<Seq, Vec<(i64, Seq)>>,
    /// The original of each of those copies, by the copy's offset.
    originals: HashMap<i64, Seq>,
    tally: Tally,
}

/// What came up since it was last asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Offsets of copies, each with that of the earlier event that makes it one.
    pub copies: Vec<(i64, i64)>,
    /// Events without an identity.
    pub without: u64,
    /// Events that the bound had forgotten within the window, since the start.
    pub cut: u64,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It runs.
    Original,
    /// It does not run: the event at that offset has the same identity.
    Copy(i64),
    /// It can't be said before the past is read.
    Unknown,
}

impl Dedupe {
    /// For a newly assigned partition.
    pub fn new(identify: Arc<Identify>, rule: Rule) -> Self {
        Self {
            identify,
            seen: Seen::new(rule),
            held: VecDeque::new(),
            waiting: (0, 0),
            asked: None,
            copies: HashMap::new(),
            originals: HashMap::new(),
            tally: Tally::default(),
        }
    }

    /// Judges the partition's next event.
    pub fn judge(&mut self, event: EventView<'_>) -> Judged {
        // Without a time it can't be said what is within the window.
        let timed = !self.seen.is_timed() || event.timestamp() >= 0;
        let Some(id) = self.identify.of(event).filter(|_| timed) else {
            self.tally.without += 1;
            return Judged::Original;
        };
        match self.seen.see(id, event.offset(), event.timestamp()) {
            Ok(None) => Judged::Original,
            Ok(Some(earlier)) => {
                self.tally.copies.push((event.offset(), earlier));
                Judged::Copy(earlier)
            }
            Err(past) => {
                self.asked = Some(past);
                Judged::Unknown
            }
        }
    }

    /// What has to be read of the past before anything goes on.
    pub fn asked(&self) -> Option<Past> {
        self.asked
    }

    /// What was asked for has been read.
    pub fn recall(&mut self, past: Seen) {
        if self.asked.take().is_some() {
            self.seen.recall(past);
        }
    }

    /// Has events wait from that index on, behind those that wait already.
    pub fn hold(&mut self, chunk: Arc<Chunk>, from: usize) {
        self.waiting = (self.waiting.0 + chunk.len() - from, self.waiting.1 + chunk.memory());
        self.held.push_back((chunk, from));
    }

    /// The events that waited longest, once they can be judged.
    pub fn next_held(&mut self) -> Option<(Arc<Chunk>, usize)> {
        if self.asked.is_some() {
            return None;
        }
        let (chunk, from) = self.held.pop_front()?;
        self.waiting = (self.waiting.0 - (chunk.len() - from), self.waiting.1 - chunk.memory());
        Some((chunk, from))
    }

    /// What could not be judged goes back to the front.
    pub fn put_back(&mut self, chunk: Arc<Chunk>, from: usize) {
        self.waiting = (self.waiting.0 + chunk.len() - from, self.waiting.1 + chunk.memory());
        self.held.push_front((chunk, from));
    }

    /// Events that wait for the past, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        self.waiting
    }

    /// The original that the event at this offset waits for, if it is a copy that waits.
    pub fn original_of(&self, offset: i64) -> Option<Seq> {
        self.originals.get(&offset).copied()
    }

    /// A copy waits for its original, which is open.
    pub fn wait_for(&mut self, original: Seq, offset: i64, copy: Seq) {
        self.copies.entry(original).or_default().push((offset, copy));
        self.originals.insert(offset, original);
    }

    /// An event is done. Gives back the copies that are done with it.
    pub fn done(&mut self, seq: Seq) -> Vec<(i64, Seq)> {
        let copies = if self.copies.is_empty() { None } else { self.copies.remove(&seq) }.unwrap_or_default();
        for (offset, _) in &copies {
            self.originals.remove(offset);
        }
        copies
    }

    /// What came up since the last time.
    pub fn take_tally(&mut self) -> Tally {
        Tally { cut: self.seen.cut(), ..std::mem::take(&mut self.tally) }
    }

    /// Events whose identity is remembered, and the bytes that this takes.
    pub fn remembered(&self) -> (usize, usize) {
        (self.seen.len(), self.seen.memory())
    }
}
