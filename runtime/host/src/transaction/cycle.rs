//! Which outcomes are in the open transaction, which wait for the next, and what becomes of them. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::Kept;
use crate::flow::Millis;
use crate::source::TopicPartition;

/// A transaction is committed before its time once it holds so much: the rest of what may be kept is for the next one, which
/// fills while this one commits.
const FULL_EVENTS: usize = 80_000;
const FULL_BYTES: usize = 32 << 20;
/// Most that is kept in all before no call begins.
const MOST_EVENTS: usize = 240_000;
const MOST_BYTES: usize = 96 << 20;
/// Pause after the first abort; it doubles, up to the second.
const PAUSE: Millis = 20;
const MOST_PAUSE: Millis = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There is no producer yet.
    Starting,
    /// No transaction is open.
    Idle,
    /// Outcomes are sent as they come.
    Open,
    /// What was sent is waited for. From here on outcomes wait for the next transaction.
    Flushing,
    Committing,
    Aborting,
}

/// The state of a binding's transactions.
#[derive(Debug)]
pub(crate) struct Cycle {
    phase: Phase,
    inside: Vec<Inside>,
    waiting: VecDeque<Inside>,
    opened: Millis,
    not_before: Millis,
    aborts_in_a_row: u32,
    doomed: Option<&'static str>,
    /// Partitions whose outcomes wait until what is done of them fits into the note beside the offset.
    withheld: Vec<TopicPartition>,
    /// Of all that is kept, and of what is inside.
    kept: Load,
    load: Load,
}

#[derive(Debug)]
struct Inside {
    unit: Arc<Kept>,
    /// The partition's ledger has closed its events: it only has to be sent again, if it comes to that.
    closed: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Load {
    events: usize,
    bytes: usize,
}

impl Load {
    fn of(unit: &Kept) -> Self {
        Self { events: unit.events.len(), bytes: unit.bytes() }
    }

    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    fn take(&mut self, other: Self) {
        self.events -= other.events;
        self.bytes -= other.bytes;
    }

    fn is_over(self, events: usize, bytes: usize) -> bool {
        self.events >= events || self.bytes >= bytes
    }
}

impl Cycle {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Starting,
            inside: Vec::new(),
            waiting: VecDeque::new(),
            opened: 0,
            not_before: 0,
            aborts_in_a_row: 0,
            doomed: None,
            withheld: Vec::new(),
            kept: Load::default(),
            load: Load::default(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// The producer is there.
    pub(crate) fn ready(&mut self) {
        self.phase = Phase::Idle;
    }

    /// Takes an outcome; true if it goes into the open transaction, thus is to be sent now.
    pub(crate) fn keep(&mut self, unit: Arc<Kept>) -> bool {
        let load = Load::of(&unit);
        self.kept.add(load);
        let entry = Inside { unit, closed: false };
        if self.phase != Phase::Open || self.doomed.is_some() || self.withheld.contains(&entry.unit.source) {
            self.waiting.push_back(entry);
            return false;
        }
        self.load.add(load);
        self.inside.push(entry);
        true
    }

    /// Opens a transaction with all that waits, and gives back what is to be sent; nothing if there is no need, or not yet.
    pub(crate) fn open(&mut self, now: Millis) -> Vec<Arc<Kept>> {
        if self.phase != Phase::Idle || !self.has_waiting() || now < self.not_before {
            return Vec::new();
        }
        (self.phase, self.opened) = (Phase::Open, now);
        for entry in std::mem::take(&mut self.waiting) {
            if self.withheld.contains(&entry.unit.source) {
                self.waiting.push_back(entry);
            } else {
                self.load.add(Load::of(&entry.unit));
                self.inside.push(entry);
            }
        }
        self.inside.iter().map(|entry| entry.unit.clone()).collect()
    }

    /// When something is due by itself.
    pub(crate) fn next_due(&self, interval: Duration) -> Option<Millis> {
        match self.phase {
            Phase::Open => Some(self.opened + interval.as_millis() as Millis),
            Phase::Idle if self.has_waiting() => Some(self.not_before),
            Phase::Starting | Phase::Idle | Phase::Flushing | Phase::Committing | Phase::Aborting => None,
        }
    }

    /// Whether the open transaction is to be ended: for its age, for its size, or as somebody waits for it (`urgent`). With
    /// `notes` to commit, one without outcomes will do.
    pub(crate) fn is_due(&self, now: Millis, interval: Duration, urgent: bool, notes: bool) -> bool {
        match self.phase {
            Phase::Open => {
                let old = now >= self.opened + interval.as_millis() as Millis;
                old || urgent || notes || self.load.is_over(FULL_EVENTS, FULL_BYTES)
            }
            Phase::Idle => notes && !self.has_waiting() && now >= self.not_before,
            Phase::Starting | Phase::Flushing | Phase::Committing | Phase::Aborting => false,
        }
    }

    /// What is sent is being waited for.
    pub(crate) fn flush(&mut self) {
        self.phase = Phase::Flushing;
    }

    /// The outcomes inside whose events are not closed yet; from now on they are.
    pub(crate) fn close(&mut self) -> Vec<Arc<Kept>> {
        let mut open = Vec::new();
        for entry in &mut self.inside {
            if !std::mem::replace(&mut entry.closed, true) {
                open.push(entry.unit.clone());
            }
        }
        open
    }

    /// The same of what waits of withheld partitions: their gaps close no other way.
    pub(crate) fn close_withheld(&mut self) -> Vec<Arc<Kept>> {
        let mut open = Vec::new();
        for entry in self.waiting.iter_mut().filter(|entry| self.withheld.contains(&entry.unit.source)) {
            if !std::mem::replace(&mut entry.closed, true) {
                open.push(entry.unit.clone());
            }
        }
        open
    }

    /// What is done of a partition does not fit into its note: were it committed, some of it would be done again after a
    /// crash. From the next transaction on its outcomes wait, and its offset with them.
    pub(crate) fn withhold(&mut self, name: &TopicPartition) {
        if !self.withheld.contains(name) {
            self.withheld.push(name.clone());
        }
    }

    /// It fits.
    pub(crate) fn release(&mut self, name: &TopicPartition) {
        self.withheld.retain(|withheld| withheld != name);
    }

    /// Partitions whose outcomes are withheld.
    pub(crate) fn withheld(&self) -> &[TopicPartition] {
        &self.withheld
    }

    /// Whether outcomes wait for the next transaction.
    fn has_waiting(&self) -> bool {
        self.waiting.iter().any(|entry| !self.withheld.contains(&entry.unit.source))
    }

    /// Offsets are on their way into the transaction, and its end after them.
    pub(crate) fn commit(&mut self) {
        self.phase = Phase::Committing;
    }

    /// All is being taken back.
    pub(crate) fn abort(&mut self) {
        self.phase = Phase::Aborting;
    }

    /// Why the open transaction must not be committed.
    pub(crate) fn doomed(&self) -> Option<&'static str> {
        self.doomed
    }

    /// The transaction is committed: what was inside is done with. Gives back how many outcomes.
    pub(crate) fn committed(&mut self) -> usize {
        (self.phase, self.doomed, self.aborts_in_a_row) = (Phase::Idle, None, 0);
        let load = std::mem::take(&mut self.load);
        self.kept.take(load);
        std::mem::take(&mut self.inside).len()
    }

    /// Nothing of the transaction is seen: what was inside is sent again in the next one, in its old order.
    pub(crate) fn aborted(&mut self, now: Millis) {
        (self.phase, self.doomed) = (Phase::Idle, None);
        self.load = Load::default();
        for entry in std::mem::take(&mut self.inside).into_iter().rev() {
            self.waiting.push_front(entry);
        }
        self.not_before = now + (PAUSE << self.aborts_in_a_row.min(10)).min(MOST_PAUSE);
        self.aborts_in_a_row += 1;
    }

    /// Takes out an outcome that can't be sent, and says whether its events are closed.
    pub(crate) fn refuse(&mut self, number: u64) -> Option<(Arc<Kept>, bool)> {
        let at = self.inside.iter().position(|entry| entry.unit.number == number)?;
        let entry = self.inside.remove(at);
        self.load.take(Load::of(&entry.unit));
        self.kept.take(Load::of(&entry.unit));
        Some((entry.unit, entry.closed))
    }

    /// A partition is no longer ours: its outcomes are dropped. If some are in a transaction whose commit has not begun,
    /// that one is lost for all.
    pub(crate) fn forget(&mut self, name: &TopicPartition) {
        self.release(name);
        let (kept, load) = (&mut self.kept, &mut self.load);
        self.waiting.retain(|entry| {
            let goes = entry.unit.source == *name;
            if goes {
                kept.take(Load::of(&entry.unit));
            }
            !goes
        });
        let before = self.inside.len();
        self.inside.retain(|entry| {
            let goes = entry.unit.source == *name;
            if goes {
                kept.take(Load::of(&entry.unit));
                load.take(Load::of(&entry.unit));
            }
            !goes
        });
        let undecided = matches!(self.phase, Phase::Open | Phase::Flushing);
        if undecided && self.inside.len() < before {
            self.doomed = Some("a partition went before its outcomes were committed");
        }
    }

    /// Whether outcomes of the partition are kept.
    pub(crate) fn holds(&self, name: &TopicPartition) -> bool {
        self.inside.iter().chain(&self.waiting).any(|entry| entry.unit.source == *name)
    }

    /// Whether the transaction holds no outcome.
    pub(crate) fn is_empty(&self) -> bool {
        self.inside.is_empty()
    }

    /// Nothing is kept and no transaction is open.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inside.is_empty() && self.waiting.is_empty() && matches!(self.phase, Phase::Starting | Phase::Idle)
    }

    /// Whether calls may begin.
    pub(crate) fn has_room(&self) -> bool {
        !self.kept.is_over(MOST_EVENTS, MOST_BYTES)
    }

    /// Events whose outcomes are kept.
    pub(crate) fn events(&self) -> usize {
        self.kept.events
    }
}

#[cfg(test)]
#[path = "cycle_tests.rs"]
mod tests;
