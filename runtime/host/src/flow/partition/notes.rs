//! What of a partition outlives its owner, and what does not run before that is safe.

use std::collections::HashSet;

use super::{Charged, Hold, Memo, Millis, Partition, Seq};
use crate::flow::retry::Failing;

/// A commit: an offset and what is noted beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The offset.
    pub offset: i64,
    /// The note, empty when there is nothing to say.
    pub text: String,
    /// Changes up to this one are in it, but for failing events from `failing_until` on.
    change: u64,
    failing_until: Option<i64>,
    whole: bool,
}

impl Note {
    /// Whether all that is done is in it: what is not would run again.
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

impl Partition {
    /// What may be committed now, with its note; `None` before anything was received.
    pub fn note(&self, now: Millis) -> Option<Note> {
        Some(self.note_of(self.committable()?, &self.memo(now)))
    }

    /// The same, of an offset and a memo that were worked on.
    pub fn note_of(&self, offset: i64, memo: &Memo) -> Note {
        let encoded = memo.encode(offset);
        Note {
            offset,
            text: encoded.text,
            change: self.changes,
            failing_until: encoded.failing_until,
            whole: encoded.whole,
        }
    }

    /// A note is safe: what had to wait for it may run.
    pub fn accepted(&mut self, note: &Note) {
        self.careful_accepted(note.change);
        if self.failing.is_empty() {
            return;
        }
        let ledger = &self.ledger;
        for (seq, charged) in &mut self.failing {
            let within =
                note.failing_until.is_none_or(|until| ledger.offset(*seq).is_some_and(|offset| offset < until));
            if charged.change <= note.change && within {
                charged.change = 0;
            }
        }
        let failing = &self.failing;
        self.lanes.noted(|seq| failing.get(&seq).is_none_or(|charged| charged.change == 0));
    }

    /// Changes that something waits for to be noted: a commit is urgent when this has gone up.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What a commit has to note beside the offset.
    pub fn memo(&self, now: Millis) -> Memo {
        let mut failing: Vec<_> =
            self.failing.iter().filter_map(|(seq, c)| Some((self.ledger.offset(*seq)?, c.failing))).collect();
        failing.sort_unstable_by_key(|(offset, _)| *offset);
        let mut done = self.done_ranges();
        // Notes on what has not come yet stay good.
        let next = self.ledger.next().unwrap_or(i64::MIN);
        done.extend(self.memo.done.iter().filter(|(_, end)| *end > next).map(|(start, end)| (*start.max(&next), *end)));
        failing.extend(self.memo.failing.iter().filter(|(offset, _)| *offset >= next));
        if let Some(paused) = self.paused {
            failing.iter_mut().for_each(|(_, failing)| failing.since += now.saturating_sub(paused));
        }
        let at = if failing.is_empty() { 0 } else { now };
        let (unclean, begins) = self.careful_note();
        Memo { topic: self.memo.topic, at, unclean, begins, failing, done }
    }

    /// Ranges of offsets that are done beyond the committable one, the end excluded; offsets that do not exist belong to
    /// the range around them. An event that is done behind an open one of its lane is left out: when that one runs
    /// again, so must this one, or the lane would go back.
    fn done_ranges(&self) -> Vec<(i64, i64)> {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        let mut open_lanes = HashSet::new();
        let mut extends = false;
        for ((offset, done), slot) in self.ledger.entries().zip(&self.slots) {
            let lane = slot.chunk.event(slot.index as usize).lane();
            // A copy that waits never runs, and holds back nothing of its lane.
            if !done && !self.is_copy(offset) {
                open_lanes.insert(lane);
            }
            let noted = done && !open_lanes.contains(&lane);
            match ranges.last_mut() {
                Some(range) if noted && extends => range.1 = offset + 1,
                _ if noted => ranges.push((offset, offset + 1)),
                _ => {}
            }
            extends = noted;
        }
        ranges
    }

    /// An event comes of which an earlier owner noted what it had cost.
    pub(super) fn goes_on(&mut self, seq: Seq, failing: Failing) {
        let stopped = failing.stopped.filter(|_| !self.dead_letters);
        self.failing.insert(seq, Charged { failing: Failing { stopped, ..failing }, change: 0 });
        self.begun.insert(seq, failing.attempts);
        let alone = failing.alone;
        let hold = match failing.stopped {
            Some(_) if !self.dead_letters => Hold::Stopped { alone },
            // A dead-letter topic was named meanwhile: one more run says what is wrong with it.
            Some(_) => Hold::Until { at: 0, alone },
            None if self.policy.is_used_up(failing) => Hold::UsedUp,
            None => Hold::Until { at: failing.due, alone },
        };
        self.lanes.hold(seq, hold);
    }

    /// Whether an event was at work when a worker was lost last.
    pub fn was_lost_with(&self, seq: Seq) -> bool {
        self.failing.get(&seq).is_some_and(|charged| charged.failing.killed)
    }

    /// Lets lanes go on that stopped at or before that time, by the clock of [`rule`](Self::rule); their events'
    /// attempts are counted anew. Returns how many. A resumption may be given again, and before its events come.
    pub fn resume(&mut self, at: Millis) -> usize {
        let goes_on = |failing: &Failing| failing.stopped.is_some_and(|stopped| stopped <= at);
        let next = self.ledger.next().unwrap_or(i64::MIN);
        let before = self.memo.failing.len();
        self.memo.failing.retain(|(offset, failing)| *offset < next || !goes_on(failing));
        let mut resumed = before - self.memo.failing.len();
        let stopped: Vec<Seq> = self.failing.iter().filter(|(_, c)| goes_on(&c.failing)).map(|(seq, _)| *seq).collect();
        self.changes += u64::from(!stopped.is_empty());
        for seq in stopped {
            self.failing.remove(&seq);
            if let Some(lane) = self.event(seq).map(|event| event.lane()) {
                self.lanes.noted(|other| other == seq);
                self.lanes.resume(seq, lane);
                resumed += 1;
            }
        }
        resumed
    }

    /// Lanes that wait for somebody to resume them, or for another life of the worker.
    pub fn stopped(&self) -> usize {
        let next = self.ledger.next().unwrap_or(i64::MIN);
        let received = self.failing.values().filter(|charged| charged.failing.stopped.is_some());
        let to_come = self.memo.failing.iter().filter(|(offset, failing)| *offset >= next && failing.stopped.is_some());
        received.count() + to_come.count() + self.lanes.lost()
    }

    /// From now on no event gets older, until [`unpause`](Self::unpause).
    pub fn pause(&mut self, now: Millis) {
        self.paused.get_or_insert(now);
    }

    /// Events get older again.
    pub fn unpause(&mut self, now: Millis) {
        let Some(paused) = self.paused.take() else { return };
        let left_out = now.saturating_sub(paused);
        let received = self.failing.values_mut().map(|charged| &mut charged.failing);
        let to_come = self.memo.failing.iter_mut().map(|(_, failing)| failing);
        received.chain(to_come).for_each(|failing| failing.since += left_out);
        self.calls.values_mut().for_each(|call| call.began += left_out);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use veltrix_manifest::Ordering;

    use super::*;
    use crate::event::Chunk;
    use crate::flow::{Bounds, Fate, RetryPolicy, Ruling};

    const FAILED: Ruling = Ruling::Failed { asked: None, ended_call: false };

    fn policy() -> RetryPolicy {
        let (backoff, max_backoff) = (Duration::from_millis(100), Duration::from_millis(100));
        RetryPolicy { attempts: 2, backoff, max_backoff, max_age: Duration::from_secs(10) }
    }

    fn events(keys: &[&str]) -> Arc<Chunk> {
        let mut chunk = Chunk::new("t".into(), 0);
        for (offset, key) in keys.iter().enumerate() {
            chunk.push(offset as i64, 0, Some(key.as_bytes()), None, Ordering::Key);
        }
        Arc::new(chunk)
    }

    /// Runs what may run, the first event of each lane ruled on that way and the others deferred; the offsets that ran.
    fn run(partition: &mut Partition, now: Millis, ruling: &Ruling) -> Vec<i64> {
        let (mut offsets, mut lanes) = (Vec::new(), Vec::new());
        // What waits is found out the first time.
        for _ in 0..2 {
            partition.wake(now);
            let bounds = Bounds { events: 100, bytes: 1 << 20 };
            if partition.take(now, now, bounds, |event, _| lanes.push((event.offset(), event.lane()))).is_some() {
                break;
            }
        }
        let mut seen = HashSet::new();
        for (row, (offset, lane)) in lanes.into_iter().enumerate() {
            let first = seen.insert(lane);
            let ruling = if first || *ruling == Ruling::Done { ruling } else { &Ruling::Deferred };
            if *ruling != Ruling::Deferred {
                offsets.push(offset);
            }
            if let Some(Fate::Finished(seq)) = partition.rule(now, row as u32, ruling, now, 1.0) {
                partition.done(seq);
            }
        }
        partition.close(now);
        offsets.sort_unstable();
        offsets
    }

    /// Events come, and that this owner begins is noted.
    fn begin(partition: &mut Partition, events: Arc<Chunk>) {
        partition.receive(events);
        let note = partition.note(0).expect("received");
        partition.accepted(&note);
    }

    fn accept(partition: &mut Partition, now: Millis) -> Memo {
        let note = partition.note(now).unwrap();
        partition.accepted(&note);
        Memo::decode(note.text.as_bytes(), note.offset).unwrap_or_default()
    }

    #[test]
    fn a_charged_event_does_not_run_before_its_charge_is_noted() {
        let mut partition = Partition::new(policy(), true);
        begin(&mut partition, events(&["a", "b"]));
        let before = partition.note(0).unwrap();
        assert_eq!(run(&mut partition, 1, &FAILED), [0, 1]);
        assert!(partition.changes() > 0);
        assert_eq!(run(&mut partition, 200, &Ruling::Done), [] as [i64; 0]);
        partition.accepted(&before);
        assert_eq!(run(&mut partition, 201, &Ruling::Done), [] as [i64; 0], "that note is older than the charge");
        accept(&mut partition, 202);
        assert_eq!(run(&mut partition, 203, &Ruling::Done), [0, 1]);
    }

    #[test]
    fn what_the_note_could_not_hold_does_not_run_again_before_it_can() {
        let keys: Vec<String> = (0..1_000).map(|key| key.to_string()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut partition = Partition::new(policy(), true);
        begin(&mut partition, events(&keys));
        for now in 0..10 {
            run(&mut partition, now, &FAILED);
        }
        let noted = accept(&mut partition, 300).failing;
        assert!((100..1_000).contains(&noted.len()), "{} fit", noted.len());
        let mut again: Vec<i64> = (0..10).flat_map(|i| run(&mut partition, 310 + i, &Ruling::Done)).collect();
        again.sort_unstable();
        assert_eq!(again, noted.iter().map(|(offset, _)| *offset).collect::<Vec<_>>());
        accept(&mut partition, 400);
        assert!(!run(&mut partition, 401, &Ruling::Done).is_empty(), "room for others was made");
    }

    #[test]
    fn a_stopped_lane_stays_stopped_for_the_next_owner_until_it_is_resumed() {
        let mut partition = Partition::new(policy(), false);
        begin(&mut partition, events(&["a", "a", "b"]));
        run(&mut partition, 1, &Ruling::DeadLetter);
        let memo = accept(&mut partition, 2);
        assert_eq!((partition.stopped(), memo.failing.len()), (2, 2));

        let mut next = Partition::restore(policy(), false, memo, 1_000);
        assert_eq!(next.stopped(), 2, "before its events have come");
        begin(&mut next, events(&["a", "a", "b"]));
        assert_eq!(run(&mut next, 1_001, &Ruling::Done), [] as [i64; 0]);
        assert_eq!(next.resume(0), 0, "that was before they stopped");
        assert_eq!((next.resume(1_002), next.stopped()), (2, 0));
        assert_eq!(run(&mut next, 1_003, &FAILED), [0, 2], "the second of a lane is behind the first");
        assert!(accept(&mut next, 1_004).failing.iter().all(|(_, f)| f.attempts == 1), "attempts are counted anew");
    }

    #[test]
    fn a_resumption_counts_for_events_that_have_not_come_yet() {
        let failing = Failing { attempts: 2, stopped: Some(50), ..Failing::default() };
        let memo = Memo { failing: vec![(0, failing)], ..Memo::default() };
        let mut partition = Partition::restore(policy(), false, memo, 100);
        assert_eq!(partition.resume(60), 1);
        begin(&mut partition, events(&["a"]));
        assert_eq!(run(&mut partition, 101, &Ruling::Done), [0]);
    }

    #[test]
    fn a_stopped_event_runs_once_more_when_a_dead_letter_topic_was_named() {
        let failing = Failing { attempts: 2, stopped: Some(50), ..Failing::default() };
        let memo = Memo { failing: vec![(0, failing)], ..Memo::default() };
        let mut partition = Partition::restore(policy(), true, memo, 100);
        begin(&mut partition, events(&["a"]));
        for _ in 0..2 {
            partition.wake(101);
            partition.take(1, 101, Bounds { events: 1, bytes: 1 }, |_, _| {});
        }
        assert!(matches!(partition.rule(1, 0, &FAILED, 101, 0.0), Some(Fate::DeadLetter { attempts: 3, .. })));
    }

    #[test]
    fn a_back_off_goes_on_with_the_next_owner_and_used_up_attempts_stay_used_up() {
        let failing = |attempts, due| Failing { attempts, due, ..Failing::default() };
        let memo = Memo { at: 100, failing: vec![(0, failing(1, 900)), (1, failing(2, 0))], ..Memo::default() };
        let mut partition = Partition::restore(policy(), true, memo, 200);
        begin(&mut partition, events(&["a", "b", "b"]));
        assert_eq!(run(&mut partition, 201, &Ruling::Done), [] as [i64; 0]);
        let Some((seq, Fate::DeadLetter { attempts: 2, .. })) = partition.used_up(202) else { panic!("not given up") };
        partition.done(seq);
        assert_eq!(run(&mut partition, 203, &Ruling::Done), [2]);
        assert_eq!(partition.next_due(), Some(900));
        assert_eq!(run(&mut partition, 900, &Ruling::Done), [0]);
        assert_eq!(partition.committable(), Some(3));
    }

    #[test]
    fn time_in_which_the_binding_is_paused_makes_no_event_older() {
        let mut partition = Partition::new(RetryPolicy { attempts: 9, ..policy() }, true);
        begin(&mut partition, events(&["a"]));
        run(&mut partition, 1_000, &FAILED);
        partition.pause(2_000);
        partition.pause(50_000);
        let memo = accept(&mut partition, 60_000);
        assert_eq!(memo.at - memo.failing[0].1.since, 1_000);
        partition.unpause(100_000);
        assert_eq!(run(&mut partition, 100_001, &FAILED), [0]);
        let memo = accept(&mut partition, 101_000);
        assert_eq!(memo.at - memo.failing[0].1.since, 2_000, "and it was not given up");
        let mut next = Partition::restore(RetryPolicy { attempts: 9, ..policy() }, true, memo, 500_000);
        begin(&mut next, events(&["a"]));
        assert_eq!(run(&mut next, 500_001, &FAILED), [0]);
        accept(&mut next, 507_900);
        run(&mut next, 508_500, &FAILED);
        assert_eq!(next.memo(508_500).failing[0].1.attempts, 4, "eight of its ten seconds are over: it was given up");
        assert_eq!(next.next_due(), None);
    }
}
