//! An event that kills the worker itself: found by what was noted before it began.
//!
//! Each owner notes, before its first call, that it has begun; a clean end or progress takes that back. After
//! [`UNCLEAN`] owners that did not come so far, events run one at a time, and which one is noted before it begins: if
//! this is what the next owner finds, that event is charged. A worker may be lost for other reasons: then whatever
//! event happened to run is charged, so that giving up takes several such losses (see `RetryPolicy::is_used_up`), while
//! an event that ends in any way is not at work any more. The caller's care is that one event at a time is announced in the
//! whole worker, and that nothing at all runs beside a [`suspect`](Partition::suspect): what else ran may be the culprit.

use std::sync::Arc;

use super::{Call, Chunk, EventView, Failing, Memo, Millis, Mode, Partition, Row, Seq};
use crate::flow::lanes::CallId;

/// Owners lost at one offset before events run one at a time.
const UNCLEAN: u32 = 2;
/// How many events then run so, and twice as many after a further loss, as the culprit is further on. No more than that: each
/// costs a commit, and a worker that is killed for another reason again and again must still get on.
const FEWEST_SINGLES: u32 = 100;
const MOST_DOUBLINGS: u32 = 1;
/// The name of no call, for an event that is announced.
const ANNOUNCED: CallId = CallId::MAX - 1;

#[derive(Debug, Default)]
pub(super) struct Careful {
    /// What is noted: owners that had begun here, this one too.
    pub(super) unclean: u32,
    /// Events that still have to run one at a time.
    singles: u32,
    /// The change that has to be noted before the first call; 0 once it is.
    gate: u64,
    /// Where the partition stood when all went as usual; progress beyond it takes `unclean` back.
    from: Option<i64>,
    announced: Option<Announced>,
}

#[derive(Debug)]
struct Announced {
    seq: Seq,
    lane: u64,
    offset: i64,
    /// The change that has to be noted before it begins; 0 once it is.
    change: u64,
    call: Option<CallId>,
}

impl Careful {
    /// Charges the event that the owner before was lost with.
    pub(super) fn begin(memo: &mut Memo, now: Millis) -> Self {
        if let Some(offset) = memo.begins.take() {
            let index = memo.failing.partition_point(|(other, _)| *other < offset);
            if memo.failing.get(index).is_none_or(|(other, _)| *other != offset) {
                memo.failing.insert(index, (offset, Failing { since: now, ..Failing::default() }));
            }
            let failing = &mut memo.failing[index].1;
            *failing = Failing { attempts: failing.attempts + 1, killed: true, alone: true, due: now, ..*failing };
        }
        let singles = match memo.unclean.checked_sub(UNCLEAN) {
            Some(more) => FEWEST_SINGLES << more.min(MOST_DOUBLINGS),
            None => 0,
        };
        Self { unclean: memo.unclean, singles, ..Self::default() }
    }

    pub(super) fn is_off(&self) -> bool {
        self.singles == 0 && self.gate == 0
    }
}

impl Partition {
    /// The first events have come: that this owner begins with them has to be noted.
    pub(super) fn careful_from(&mut self, chunk: &Arc<Chunk>) {
        if self.careful.from.is_none() && !chunk.is_empty() {
            self.careful.from = Some(chunk.event(0).offset());
            self.careful.unclean = self.careful.unclean.saturating_add(1);
            self.changes += 1;
            self.careful.gate = self.changes;
        }
    }

    /// The first progress is noted at once: until it is, a worker that is lost for another reason looks like one that never
    /// got on.
    pub(super) fn careful_progress(&mut self) {
        let (unclean, _) = self.careful_note();
        if self.careful.unclean > 0 && unclean == 0 {
            self.careful.unclean = 0;
            self.changes += 1;
        }
    }

    /// What to note: owners begun and not yet seen to get on, and the event at work.
    pub(super) fn careful_note(&self) -> (u32, Option<i64>) {
        let careful = &self.careful;
        let gets_on = careful.singles == 0 && careful.gate == 0 && self.committable() > careful.from;
        let unclean = if careful.from.is_some() && gets_on { 0 } else { careful.unclean };
        (unclean, careful.announced.as_ref().map(|announced| announced.offset))
    }

    pub(super) fn careful_accepted(&mut self, change: u64) {
        let noted = |waits: &mut u64| *waits = if *waits <= change { 0 } else { *waits };
        noted(&mut self.careful.gate);
        if let Some(announced) = &mut self.careful.announced {
            noted(&mut announced.change);
        }
    }

    pub(super) fn careful_mode(&self) -> Option<Mode> {
        let ready = |a: &Announced| a.change == 0 && a.call.is_none();
        (self.careful.gate == 0 && self.careful.announced.as_ref().is_some_and(ready)).then_some(Mode::Alone)
    }

    /// Whether an event may be announced now, so that it can run by itself. The caller sees to it that no other does in
    /// this worker.
    pub fn may_announce(&self) -> bool {
        let careful = &self.careful;
        let idle = careful.singles > 0 && careful.gate == 0 && careful.announced.is_none();
        idle && self.calls.is_empty() && self.lanes.next_mode(!self.room.is_full()).is_some()
    }

    /// Whether an event is announced or at work by itself.
    pub fn is_announced(&self) -> bool {
        self.careful.announced.is_some()
    }

    /// The offset of the event that is announced and has not begun, if a worker was lost with it before.
    pub fn suspect(&self) -> Option<i64> {
        let waits = |announced: &&Announced| announced.call.is_none() && self.was_lost_with(announced.seq);
        self.careful.announced.as_ref().filter(waits).map(|announced| announced.offset)
    }

    /// Names the event that runs next, by itself, as soon as that is noted.
    pub fn announce(&mut self) {
        let fresh = !self.room.is_full();
        let Some(mode) = self.lanes.next_mode(fresh).filter(|_| self.may_announce()) else { return };
        let mut chosen = None;
        self.lanes.take(mode, ANNOUNCED, fresh, |seq, lane| chosen.is_none() && chosen.replace((seq, lane)).is_none());
        let Some((seq, lane)) = chosen else { return };
        let Some(offset) = self.ledger.offset(seq) else { return };
        self.changes += 1;
        self.careful.announced = Some(Announced { seq, lane, offset, change: self.changes, call: None });
    }

    pub(super) fn take_announced(
        &mut self,
        call: CallId,
        now: Millis,
        mut show: impl FnMut(EventView<'_>, u32),
    ) -> Option<usize> {
        let announced = self.careful.announced.as_mut()?;
        announced.call = Some(call);
        let (seq, lane) = (announced.seq, announced.lane);
        let begun = self.begun.get(&seq).copied().unwrap_or(0);
        show(self.event(seq)?, begun);
        let rows = vec![Row { seq, lane, settled: false }];
        self.calls.insert(call, Call { mode: Mode::Alone, began: now, rows, open: 1 });
        Some(1)
    }

    pub(super) fn careful_call_ended(&mut self, call: CallId) {
        if self.careful.announced.as_ref().is_some_and(|announced| announced.call == Some(call)) {
            self.careful.announced = None;
            self.careful.singles = self.careful.singles.saturating_sub(1);
            self.careful.from = self.committable();
            // That it has ended is soon noted too.
            self.changes += 1;
        }
    }

    /// This owner ends well, whatever becomes of its calls.
    pub fn end_well(&mut self) {
        self.careful = Careful { from: self.careful.from, ..Careful::default() };
    }

    /// Whether events run one at a time, as workers were lost here.
    pub fn is_careful(&self) -> bool {
        self.careful.singles > 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use veltrix_manifest::Ordering;

    use super::*;
    use crate::flow::{Bounds, Fate, RetryPolicy, Ruling};

    const BOUNDS: Bounds = Bounds { events: 100, bytes: 1 << 20 };

    fn policy(attempts: u32) -> RetryPolicy {
        let wait = Duration::from_millis(100);
        RetryPolicy { attempts, backoff: wait, max_backoff: wait, max_age: Duration::from_secs(3600) }
    }

    fn events(from: i64, to: i64) -> Arc<Chunk> {
        let mut chunk = Chunk::new("t".into(), 0);
        for offset in from..to {
            chunk.push(offset, 0, Some(&offset.to_be_bytes()), None, Ordering::Key);
        }
        Arc::new(chunk)
    }

    /// A life of a worker over the rest of ten events, of which `poison` kills it; what it left, and what it ran.
    fn live(before: &(i64, Memo), poison: i64, attempts: u32) -> ((i64, Memo), Vec<i64>) {
        let mut partition = Partition::restore(policy(attempts), true, before.1.clone(), 0);
        let mut ran = Vec::new();
        partition.receive(events(before.0, 10));
        for now in 0..1_000 {
            partition.wake(now);
            partition.announce();
            while let Some((seq, Fate::DeadLetter { .. })) = partition.used_up(now) {
                partition.done(seq);
            }
            let note = partition.note(now).expect("received");
            partition.accepted(&note);
            let left = (note.offset, Memo::decode(note.text.as_bytes(), note.offset).unwrap_or_default());
            if note.offset == 10 {
                return (left, ran);
            }
            let mut rows = Vec::new();
            partition.take(now, now, BOUNDS, |event, _| rows.push(event.offset()));
            for (row, offset) in (0..).zip(rows) {
                ran.push(offset);
                if offset == poison {
                    return (left, ran);
                }
                if let Some(Fate::Finished(seq)) = partition.rule(now, row, &Ruling::Done, now, 0.0) {
                    partition.done(seq);
                }
            }
            partition.close(now);
        }
        panic!("it neither ends nor dies");
    }

    #[test]
    fn what_kills_the_worker_is_found_and_its_neighbours_are_not_charged() {
        for (attempts, lives) in [(1, 6), (3, 6), (5, 8)] {
            let (mut before, mut lived) = ((0, Memo::default()), 0);
            loop {
                let (left, ran) = live(&before, 4, attempts);
                lived += 1;
                assert!(left.1.failing.iter().all(|(offset, _)| *offset == 4), "{left:?}");
                if !ran.contains(&4) {
                    assert_eq!(ran, [5, 6, 7, 8, 9]);
                    break;
                }
                before = left;
            }
            assert_eq!(lived, lives, "with {attempts} attempts");
        }
    }

    #[test]
    fn an_announced_event_is_a_suspect_once_a_worker_was_lost_with_it() {
        let mut partition = Partition::restore(policy(5), true, Memo { unclean: 2, ..Memo::default() }, 0);
        partition.receive(events(0, 10));
        let noted = |partition: &mut Partition| {
            let note = partition.note(0).expect("received");
            partition.accepted(&note);
            Memo::decode(note.text.as_bytes(), note.offset).expect("our own")
        };
        noted(&mut partition);
        partition.announce();
        assert_eq!((partition.is_announced(), partition.suspect()), (true, None), "nobody knows anything of it");
        let left = noted(&mut partition);
        let mut partition = Partition::restore(policy(5), true, left, 0);
        partition.receive(events(0, 10));
        noted(&mut partition);
        partition.wake(1);
        assert_eq!(partition.suspect(), None);
        partition.announce();
        assert_eq!(partition.suspect(), Some(0));
    }

    #[test]
    fn progress_and_a_clean_end_take_back_that_owners_were_lost() {
        let lost = Memo { unclean: 1, ..Memo::default() };
        let mut partition = Partition::restore(policy(5), true, lost.clone(), 0);
        partition.receive(events(0, 10));
        assert_eq!(partition.take(0, 0, BOUNDS, |_, _| {}), None, "it is not noted yet that it begins");
        let note = partition.note(0).expect("received");
        assert_eq!(partition.memo(0).unclean, 2);
        partition.accepted(&note);
        assert_eq!(partition.take(1, 0, Bounds { events: 1, ..BOUNDS }, |_, _| {}), Some(1));
        let Some(Fate::Finished(seq)) = partition.rule(1, 0, &Ruling::Done, 0, 0.0) else { panic!("not finished") };
        partition.done(seq);
        assert_eq!(partition.memo(0).unclean, 0, "it gets on");

        let mut partition = Partition::restore(policy(5), true, lost, 0);
        partition.receive(events(0, 10));
        partition.end_well();
        assert_eq!(partition.memo(0).unclean, 0);
    }

    #[test]
    fn an_owner_that_saw_no_event_is_not_counted() {
        let partition = Partition::restore(policy(5), true, Memo { unclean: 1, ..Memo::default() }, 0);
        assert_eq!(partition.memo(0).unclean, 1);
    }
}
