//! A partition takes nothing new that the note beside its offset might not hold.

use super::{Millis, Partition};
use crate::flow::memo::MOST_BYTES;

/// Notes larger than this hold new events back. The other half is for what the events at work may add: calls take
/// events in the order of their offsets, so that each costs a bit or, if it fails, an entry.
const HOLD_AT: usize = MOST_BYTES / 2;
/// A range and a failing event take no more than this, but for offsets or times that are far apart.
const BYTES_OF_RANGE: usize = 8;
const BYTES_OF_FAILING: usize = 16;
/// Between exact looks, and so much more for each thousand events to look at.
const LOOK_EVERY: Millis = 10;

/// Whether the note has room.
#[derive(Debug, Default)]
pub(super) struct Room {
    full: bool,
    /// Failing events did not fit.
    short: bool,
    looked: Option<Millis>,
}

impl Room {
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn is_short(&self) -> bool {
        self.short
    }
}

impl Partition {
    /// Looks again whether the note has room: by numbers that are at hand, and at the note itself when those are high.
    pub(super) fn look_for_room(&mut self, now: Millis) {
        self.forget_what_has_come();
        let most = self.ledger.ranges() * BYTES_OF_RANGE + self.failing.len() * BYTES_OF_FAILING;
        if most <= HOLD_AT && self.memo.failing.is_empty() && self.memo.done.is_empty() {
            self.room = Room::default();
            return;
        }
        let pause = LOOK_EVERY + self.window() as Millis / 1_000;
        if self.room.looked.is_some_and(|looked| now < looked + pause) {
            return;
        }
        let Some(offset) = self.committable() else { return };
        let encoded = self.memo(now).encode(offset);
        let short = encoded.failing_until.is_some();
        self.room = Room { full: short || !encoded.whole || encoded.bytes > HOLD_AT, short, looked: Some(now) };
    }

    /// What an earlier owner noted is of use until its last event has come.
    fn forget_what_has_come(&mut self) {
        let Some(next) = self.ledger.next() else { return };
        if self.memo.done.last().is_some_and(|(_, end)| *end <= next) {
            self.memo.done = Vec::new();
        }
        if self.memo.failing.last().is_some_and(|(offset, _)| *offset < next) {
            self.memo.failing = Vec::new();
        }
    }

    /// Whether new events wait until the note has room for them.
    pub fn is_held_back(&self) -> bool {
        self.room.full
    }

    /// Runs of done events that are noted.
    pub fn noted_ranges(&self) -> usize {
        self.ledger.ranges()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use veltrix_manifest::Ordering;

    use super::*;
    use crate::event::Chunk;
    use crate::flow::{Bounds, Fate, Memo, RetryPolicy, Ruling};

    fn partition() -> Partition {
        let wait = Duration::from_secs(3600);
        Partition::new(RetryPolicy { attempts: 5, backoff: wait, max_backoff: wait, max_age: 9 * wait }, true)
    }

    /// Receives events that each have a lane of their own but for every `tenth`, which share one.
    fn receive(partition: &mut Partition, from: i64, count: i64, tenth: i64) {
        let mut chunk = Chunk::new("t".into(), 0);
        for offset in from..from + count {
            let key = if offset % tenth == 0 { 0 } else { offset + 1 };
            chunk.push(offset, 0, Some(&key.to_be_bytes()), None, Ordering::Key);
        }
        partition.receive(Arc::new(chunk));
        let note = partition.note(0).expect("received");
        partition.accepted(&note);
    }

    /// One call of 100 events: the shared lane fails, all else is done.
    fn run(partition: &mut Partition, now: Millis) -> usize {
        run_with(partition, now, Ruling::Failed { asked: None, ended_call: false })
    }

    fn run_with(partition: &mut Partition, now: Millis, of_shared: Ruling) -> usize {
        partition.wake(now);
        let mut shared = Vec::new();
        let bounds = Bounds { events: 100, bytes: 1 << 20 };
        let taken = partition.take(now, now, bounds, |event, _| shared.push(event.key() == Some(&0i64.to_be_bytes())));
        for (row, shared) in (0..).zip(&shared) {
            let ruling = match shared {
                false => Ruling::Done,
                true => of_shared.clone(),
            };
            if let Some(Fate::Finished(seq)) = partition.rule(now, row, &ruling, now, 0.5) {
                partition.done(seq);
            }
        }
        partition.close(now);
        taken.unwrap_or(0)
    }

    #[test]
    fn a_stuck_lane_among_many_events_holds_new_ones_back_before_the_note_is_full() {
        let mut partition = partition();
        receive(&mut partition, 0, 20_000, 10);
        let mut now = 0;
        while run(&mut partition, now) > 0 {
            now += 100;
        }
        assert!(partition.is_held_back());
        assert!(partition.window() < 20_000 || partition.committable() == Some(0));
        let note = partition.note(now).expect("received");
        let read = Memo::decode(note.text.as_bytes(), 0).expect("ours");
        assert_eq!(read.done, partition.memo(now).done, "the note holds all that is done");
        assert!(read.done.len() > 300, "{}", read.done.len());
    }

    #[test]
    fn new_events_go_on_when_what_was_stuck_is_done() {
        let mut before = partition();
        receive(&mut before, 0, 20_000, 10);
        let mut now = 0;
        while run(&mut before, now) > 0 {
            now += 100;
        }
        let note = before.note(now).expect("received");
        let memo = Memo::decode(note.text.as_bytes(), note.offset).expect("ours");
        assert!(memo.done.len() > 300 && !memo.failing.is_empty());

        // The next owner is held back by the same notes, until their events are done.
        let policy = before.policy;
        let mut partition = Partition::restore(policy, true, memo, now);
        receive(&mut partition, 0, 20_000, 10);
        assert_eq!(run(&mut partition, now), 0);
        assert!(partition.is_held_back());
        now += 7_200_000;
        let mut ran = 0;
        while let more @ 1.. = run_with(&mut partition, now, Ruling::Done) {
            ran += more;
            now += 100;
        }
        assert!(ran > 9_000, "{ran}");
        assert_eq!((partition.is_held_back(), partition.committable()), (false, Some(20_000)));
        assert_eq!(partition.memo(now), Memo::default(), "nothing is left to note");
        assert_eq!(partition.room.looked, None, "nor to look at every few milliseconds");
    }

    #[test]
    fn one_stuck_event_before_many_costs_little_and_holds_nobody_back() {
        let mut partition = partition();
        receive(&mut partition, 0, 20_000, 30_000);
        for now in 0..200 {
            assert_eq!(run(&mut partition, now * 100), 100);
        }
        assert!(!partition.is_held_back() && partition.window() == 20_000);
    }
}
