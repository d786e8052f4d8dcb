//! Which events of a partition are done, and the offset that may be committed.
//!
//! Pure: no clock, no broker. Events are named by sequence numbers, dense in the order of receipt,
//! because offsets have gaps (compaction, transaction markers).

use std::collections::VecDeque;

/// Done-ness of a partition's received events.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Sequence number of `entries[0]`.
    first: u64,
    entries: VecDeque<Entry>,
    /// One past the highest offset received; `None` before the first.
    next: Option<i64>,
    /// Runs of done events behind an open one.
    ranges: usize,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    done: bool,
}

impl Ledger {
    /// Records the receipt of an offset and names it. `None` if it (or a later one) was received
    /// before: the client went back, and running it again would break the order.
    pub fn receive(&mut self, offset: i64) -> Option<u64> {
        if self.next.is_some_and(|next| offset < next) {
            return None;
        }
        self.next = Some(offset + 1);
        self.entries.push_back(Entry { offset, done: false });
        Some(self.first + self.entries.len() as u64 - 1)
    }

    /// Whether an offset is behind all that were received.
    pub fn is_next(&self, offset: i64) -> bool {
        self.next.is_none_or(|next| offset >= next)
    }

    /// The event at an offset, while it is not done.
    pub fn open_at(&self, offset: i64) -> Option<u64> {
        let index = self.entries.binary_search_by_key(&offset, |entry| entry.offset).ok()?;
        (!self.entries[index].done).then_some(self.first + index as u64)
    }

    /// Marks an event done; returns how many events at the front are now closed for good, so that
    /// whoever keeps their bytes can let go of as many.
    pub fn done(&mut self, seq: u64) -> usize {
        let Some(index) = seq.checked_sub(self.first).map(|index| index as usize) else { return 0 };
        let Some(entry) = self.entries.get_mut(index).filter(|entry| !entry.done) else { return 0 };
        entry.done = true;
        let after = self.entries.get(index + 1).is_some_and(|entry| entry.done);
        if index > 0 {
            let before = self.entries[index - 1].done;
            self.ranges = self.ranges + 1 - usize::from(before) - usize::from(after);
            return 0;
        }
        self.ranges -= usize::from(after);
        let mut closed = 0;
        while self.entries.front().is_some_and(|e| e.done) {
            self.entries.pop_front();
            closed += 1;
        }
        self.first += closed as u64;
        closed
    }

    /// The offset that may be committed: every received event below it is done. `None` before
    /// anything was received.
    pub fn committable(&self) -> Option<i64> {
        self.entries.front().map(|e| e.offset).or(self.next)
    }

    /// Offsets from the committable one on, and whether they are done.
    pub fn entries(&self) -> impl Iterator<Item = (i64, bool)> {
        self.entries.iter().map(|entry| (entry.offset, entry.done))
    }

    /// Offset of an event that is still open or behind an open one.
    pub fn offset(&self, seq: u64) -> Option<i64> {
        seq.checked_sub(self.first).and_then(|i| self.entries.get(i as usize)).map(|e| e.offset)
    }

    /// One past the newest offset received, `None` before the first.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Sequence number of the oldest event that is kept.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Runs of done events that a restart would not know of without a note.
    pub fn ranges(&self) -> usize {
        self.ranges
    }

    /// Events between the committable offset and the newest.
    pub fn window(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holds_commit_until_gap_closes() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.committable(), None);
        let seqs: Vec<u64> = [10, 11, 15].map(|o| ledger.receive(o).unwrap()).to_vec();
        assert_eq!(ledger.committable(), Some(10));
        assert_eq!(ledger.done(seqs[1]), 0);
        assert_eq!(ledger.committable(), Some(10));
        assert_eq!(ledger.done(seqs[0]), 2);
        assert_eq!(ledger.committable(), Some(15));
        assert_eq!(ledger.done(seqs[2]), 1);
        assert_eq!(ledger.committable(), Some(16));
    }

    #[test]
    fn refuses_an_offset_it_has_received() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.receive(5), Some(0));
        assert_eq!(ledger.receive(5), None);
        assert_eq!(ledger.receive(3), None);
        assert_eq!(ledger.receive(6), Some(1));
    }

    proptest! {
        /// Against a set of offsets: the committable offset is the lowest that is not done.
        #[test]
        fn never_commits_past_an_open_event(gaps in prop::collection::vec(1..4i64, 1..60), order in any::<prop::sample::Index>(), seed in any::<u64>()) {
            let mut ledger = Ledger::default();
            let mut offset = 0;
            let mut open: Vec<(u64, i64)> = gaps.iter().map(|gap| { offset += gap; (ledger.receive(offset).unwrap(), offset) }).collect();
            let mut pick = seed ^ order.index(usize::MAX) as u64;
            while !open.is_empty() {
                pick = pick.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let (seq, _) = open.remove((pick >> 33) as usize % open.len());
                ledger.done(seq);
                ledger.done(seq);
                let done: Vec<bool> = ledger.entries().map(|(_, done)| done).collect();
                prop_assert_eq!(ledger.ranges(), done.windows(2).filter(|pair| !pair[0] && pair[1]).count());
                let lowest = open.iter().map(|(_, o)| *o).min().unwrap_or(offset + 1);
                prop_assert_eq!(ledger.committable(), Some(lowest));
            }
            prop_assert_eq!(ledger.window(), 0);
        }
    }
}
