//! What follows from what became of an event in its call: it is finished, tried again, given up, or its lane stops.

use std::time::Duration;

use super::{Charged, Partition};
use crate::flow::isolate::{self, Mode, Others};
use crate::flow::lanes::{CallId, Millis, Return, Seq};
use crate::flow::retry::{Decision, Failing};

/// What became of an event in its call, as the host understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Acked or skipped.
    Done,
    /// The function wants it in the dead-letter topic.
    DeadLetter,
    /// It failed and an attempt is charged.
    Failed {
        /// The wait that the function asked for.
        asked: Option<Duration>,
        /// Whether it ended the call, so that it runs by itself from now on.
        ended_call: bool,
    },
    /// It failed for something that is not its fault; it runs again after this wait.
    Free(Duration),
    /// Not run, since an event before it in its lane did not ack.
    Deferred,
}

/// What follows from a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Final. The caller reports [`Partition::done`] once its effects are acknowledged.
    Finished(Seq),
    /// Final, to be written to the dead-letter topic; then as `Finished`.
    DeadLetter {
        /// The event.
        seq: Seq,
        /// Attempts charged to it.
        attempts: u32,
    },
    /// It runs again at that time, having failed so many times.
    Retry {
        /// When.
        at: Millis,
        /// Attempts charged to it.
        attempts: u32,
    },
    /// Its lane is stopped; nothing of it is committed.
    Stopped {
        /// Attempts charged to it.
        attempts: u32,
    },
    /// It runs again with its lane.
    Deferred,
}

/// How an event is to run again.
struct Asked {
    wait: Option<Duration>,
    alone: bool,
    jitter: f64,
}

impl Partition {
    /// Applies a ruling to a row of an open call; `None` if there is no such row or it was ruled on
    /// before.
    pub fn rule(&mut self, call: CallId, row: u32, ruling: &Ruling, now: Millis, jitter: f64) -> Option<Fate> {
        let open = self.calls.get_mut(&call)?;
        let row = open.rows.get_mut(row as usize).filter(|row| !row.settled)?;
        row.settled = true;
        open.open -= 1;
        let (seq, lane) = (row.seq, row.lane);
        let began = open.began.min(self.paused.unwrap_or(now));
        let unharmed = Failing { since: began, ..Failing::default() };
        let attempts = |charged: Option<&Charged>| charged.map_or(0, |c| c.failing.attempts);
        Some(match ruling {
            Ruling::Done => self.finish(seq, lane),
            Ruling::DeadLetter => {
                // The run that ends it is an attempt too.
                let attempts = attempts(self.failing.get(&seq)) + 1;
                let failing = Failing { attempts, ..self.failing.get(&seq).map_or(unharmed, |c| c.failing) };
                self.give_up(seq, lane, failing, now)
            }
            Ruling::Deferred => {
                self.lanes.put_back(seq, lane, Return::AtOnce);
                Fate::Deferred
            }
            Ruling::Free(wait) => {
                *self.begun.entry(seq).or_default() += 1;
                let attempts = attempts(self.failing.get(&seq));
                let at = now + wait.as_millis() as Millis;
                self.lanes.put_back(seq, lane, Return::At { at, alone: false });
                Fate::Retry { at, attempts }
            }
            Ruling::Failed { asked, ended_call } => {
                *self.begun.entry(seq).or_default() += 1;
                let asked = Asked { wait: *asked, alone: *ended_call, jitter };
                self.charge(seq, lane, unharmed, asked, now)
            }
        })
    }

    /// Charges an attempt to an event, which was `unharmed` when its first one began.
    fn charge(&mut self, seq: Seq, lane: u64, unharmed: Failing, asked: Asked, now: Millis) -> Fate {
        let Asked { wait, alone, jitter } = asked;
        let before = self.failing.get(&seq).map(|charged| charged.failing);
        let mut failing = before.unwrap_or(unharmed);
        failing = Failing { attempts: failing.attempts + 1, alone, killed: false, ..failing };
        match self.policy.decide(failing, wait, self.paused.unwrap_or(now), jitter) {
            Decision::Retry(wait) => {
                failing.due = now.saturating_add(wait);
                self.note_charge(seq, failing);
                self.lanes.put_back(seq, lane, Return::At { at: failing.due, alone });
                Fate::Retry { at: failing.due, attempts: failing.attempts }
            }
            Decision::GiveUp => {
                // Until its dead letter is acknowledged it may have to be given up once more, without a run.
                self.changes += 1;
                self.failing.insert(seq, Charged { failing, change: self.changes });
                self.give_up(seq, lane, failing, now)
            }
        }
    }

    fn note_charge(&mut self, seq: Seq, failing: Failing) {
        self.changes += 1;
        self.failing.insert(seq, Charged { failing, change: self.changes });
        self.lanes.needs_note(seq);
    }

    fn finish(&mut self, seq: Seq, lane: u64) -> Fate {
        self.lanes.finish(lane);
        self.unacknowledged += 1;
        Fate::Finished(seq)
    }

    fn give_up(&mut self, seq: Seq, lane: u64, mut failing: Failing, now: Millis) -> Fate {
        let attempts = failing.attempts;
        if self.dead_letters {
            self.finish(seq, lane);
            Fate::DeadLetter { seq, attempts }
        } else {
            failing.stopped = Some(now);
            self.note_charge(seq, failing);
            self.lanes.put_back(seq, lane, Return::Stop { alone: failing.alone });
            Fate::Stopped { attempts }
        }
    }

    /// An event whose attempts were used up before this owner had the partition, and what follows.
    pub fn used_up(&mut self, now: Millis) -> Option<(Seq, Fate)> {
        let (seq, lane) = self.lanes.used_up()?;
        let failing = self.failing.get(&seq).map_or(Failing::default(), |charged| charged.failing);
        Some((seq, self.give_up(seq, lane, failing, now)))
    }

    /// A call ended badly: finds who is charged, and puts the others back without a charge. The
    /// caller rules on the row that is returned.
    pub fn blame(&mut self, call: CallId, named: Option<u32>, marked: Option<u32>) -> Option<u32> {
        let unsettled = self.unsettled(call);
        let open = self.calls.get_mut(&call)?;
        let blame = isolate::blame(open.mode, named, marked, &unsettled);
        let how = match blame.others {
            Others::Batch => Return::AtOnce,
            Others::Isolate => Return::Suspect { alone: false },
            Others::Alone => Return::Suspect { alone: true },
        };
        for index in unsettled.into_iter().filter(|row| Some(*row) != blame.charged) {
            let row = &mut open.rows[index as usize];
            row.settled = true;
            open.open -= 1;
            // One at a time, those behind the marked one had not begun.
            if open.mode != Mode::Isolate || marked.is_none_or(|marked| index <= marked) {
                *self.begun.entry(row.seq).or_default() += 1;
            }
            self.lanes.put_back(row.seq, row.lane, how);
        }
        blame.charged
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use veltrix_manifest::Ordering;

    use super::*;
    use crate::event::Chunk;
    use crate::flow::{Bounds, RetryPolicy};

    const FAILED: Ruling = Ruling::Failed { asked: None, ended_call: false };

    /// One event, which may be tried for ten seconds; its first run began at 1 s.
    fn begun() -> Partition {
        let backoff = Duration::from_millis(100);
        let max_age = Duration::from_secs(10);
        let mut partition = Partition::new(RetryPolicy { attempts: 99, backoff, max_backoff: backoff, max_age }, true);
        let mut chunk = Chunk::new("t".into(), 0);
        chunk.push(0, 0, None, None, Ordering::Key);
        partition.receive(Arc::new(chunk));
        begin(&mut partition, 1_000);
        partition
    }

    fn begin(partition: &mut Partition, now: Millis) {
        let note = partition.note(now).expect("received");
        partition.accepted(&note);
        partition.wake(now);
        let taken = partition.take(1, now, Bounds { events: 1, bytes: 1 }, |_, _| {});
        assert_eq!(taken, Some(1), "at {now}");
    }

    fn fail(partition: &mut Partition, now: Millis) -> Fate {
        let fate = partition.rule(1, 0, &FAILED, now, 1.0).expect("it runs");
        partition.close(1);
        fate
    }

    #[test]
    fn an_events_age_counts_from_the_start_of_its_first_run() {
        let mut partition = begun();
        assert!(matches!(fail(&mut partition, 8_000), Fate::Retry { .. }));
        begin(&mut partition, 8_500);
        assert!(matches!(fail(&mut partition, 10_900), Fate::Retry { at: 11_000, .. }), "ten seconds, not one more");
        begin(&mut partition, 11_000);
        assert!(matches!(fail(&mut partition, 11_001), Fate::DeadLetter { attempts: 3, .. }));
        // A first run that takes too long is the only one.
        assert!(matches!(fail(&mut begun(), 10_950), Fate::DeadLetter { attempts: 1, .. }));
    }

    #[test]
    fn a_pause_during_the_first_run_makes_the_event_no_older() {
        let mut partition = begun();
        partition.pause(2_000);
        assert!(matches!(fail(&mut partition, 90_000), Fate::Retry { .. }), "one second before the pause");
        let mut partition = begun();
        partition.pause(2_000);
        partition.unpause(90_000);
        assert!(matches!(fail(&mut partition, 98_000), Fate::Retry { .. }), "nine");
        begin(&mut partition, 98_500);
        assert!(matches!(fail(&mut partition, 99_000), Fate::DeadLetter { .. }), "ten");
    }
}
