//! One partition's events from receipt to committable: joins ledger, lanes, retry and isolation.
//!
//! Pure: time and jitter come in as numbers, effects go out as return values.

mod careful;
mod copies;
mod notes;
mod room;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::dedupe::{Dedupe, Judged};
use super::isolate::{self, Mode, Others};
use super::lanes::{CallId, Hold, Lanes, Millis, Return, Seq};
use super::ledger::Ledger;
use super::memo::Memo;
use super::retry::{Decision, Failing, RetryPolicy};
use crate::event::{Chunk, EventView};
use careful::Careful;
pub use notes::Note;
use room::Room;

/// State of one assigned partition.
#[derive(Debug)]
pub struct Partition {
    ledger: Ledger,
    lanes: Lanes,
    /// Parallel to the ledger's window.
    slots: VecDeque<Slot>,
    /// Looked up for every event, thus without the standard hasher, which resists attacks that can't be made here.
    calls: HashMap<CallId, Call, foldhash::fast::RandomState>,
    failing: HashMap<Seq, Charged>,
    /// How often events were begun that are not done; only those that came back.
    begun: HashMap<Seq, u32>,
    memory: usize,
    /// Events whose verdict is final and whose effects are not acknowledged.
    unacknowledged: usize,
    policy: RetryPolicy,
    dead_letters: bool,
    /// What an earlier owner of the partition noted.
    memo: Memo,
    /// Counts what has to be noted before something runs.
    changes: u64,
    /// Since when the binding is paused: that time makes no event older.
    paused: Option<Millis>,
    /// `None`: copies are no concern of the binding.
    dedupe: Option<Box<Dedupe>>,
    careful: Careful,
    room: Room,
}

/// What an event has cost, and the change that has to be noted before it runs again; 0 once it is.
#[derive(Debug, Clone, Copy)]
struct Charged {
    failing: Failing,
    change: u64,
}

#[derive(Debug)]
struct Slot {
    chunk: Arc<Chunk>,
    index: u32,
}

#[derive(Debug)]
struct Call {
    mode: Mode,
    rows: Vec<Row>,
    open: usize,
}

#[derive(Debug)]
struct Row {
    seq: Seq,
    lane: u64,
    settled: bool,
}

/// Bounds of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most events.
    pub events: usize,
    /// Most bytes of keys and values; a batch of one event may be larger.
    pub bytes: usize,
}

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

impl Partition {
    /// A newly assigned partition. `dead_letters` tells whether the binding has a dead-letter topic;
    /// without one, an event that would go there stops its lane.
    pub fn new(policy: RetryPolicy, dead_letters: bool) -> Self {
        Self::restore(policy, dead_letters, Memo::default(), 0)
    }

    /// The same, going on from what was committed with its offset. Nothing runs before it is noted that it may.
    pub fn restore(policy: RetryPolicy, dead_letters: bool, mut memo: Memo, now: Millis) -> Self {
        memo.rebase(now);
        let careful = Careful::begin(&mut memo, now);
        Self {
            careful,
            room: Room::default(),
            memo,
            dedupe: None,
            ledger: Ledger::default(),
            lanes: Lanes::default(),
            slots: VecDeque::new(),
            calls: HashMap::default(),
            failing: HashMap::new(),
            begun: HashMap::new(),
            memory: 0,
            unacknowledged: 0,
            policy,
            dead_letters,
            changes: 0,
            paused: None,
        }
    }

    /// Takes in what was received. Returns how many events were new.
    pub fn receive(&mut self, chunk: Arc<Chunk>) -> usize {
        self.careful_from(&chunk);
        if let Some(dedupe) = self.dedupe.take() {
            return self.receive_judged(chunk, dedupe);
        }
        let mut done = Vec::new();
        let (new, _) = self.take_in(&chunk, 0, None, &mut done);
        for seq in done {
            self.close_event(seq);
        }
        new
    }

    /// Takes in a chunk's events from an index on, up to the first that can't be judged yet. Returns how many were new,
    /// and where it ended. The caller closes what is `done` already.
    fn take_in(
        &mut self,
        chunk: &Arc<Chunk>,
        from: usize,
        mut dedupe: Option<&mut Dedupe>,
        done: &mut Vec<Seq>,
    ) -> (usize, usize) {
        let mut new = 0;
        for index in from..chunk.len() {
            let event = chunk.event(index);
            let judged = match &mut dedupe {
                // What was received before was judged before.
                Some(dedupe) if self.ledger.is_next(event.offset()) => dedupe.judge(event),
                Some(_) | None => Judged::Original,
            };
            if judged == Judged::Unknown {
                return (new, index);
            }
            if let Some(seq) = self.ledger.receive(event.offset()) {
                if new == 0 && self.slots.back().is_none_or(|last| !Arc::ptr_eq(&last.chunk, chunk)) {
                    self.memory += chunk.memory();
                }
                self.slots.push_back(Slot { chunk: chunk.clone(), index: index as u32 });
                new += 1;
                if let (Judged::Copy(earlier), Some(dedupe)) = (judged, &mut dedupe) {
                    match self.open_original(dedupe, earlier) {
                        Some(original) => dedupe.wait_for(original, event.offset(), seq),
                        None => done.push(seq),
                    }
                    continue;
                }
                if self.memo.is_done(event.offset()) {
                    done.push(seq);
                    continue;
                }
                if let Some(failing) = self.memo.cost(event.offset()) {
                    self.goes_on(seq, failing);
                }
                self.lanes.arrive(seq, event.lane());
            }
        }
        (new, chunk.len())
    }

    /// How the next call has to run its events; `None` when nothing may run.
    pub fn next_mode(&self) -> Option<Mode> {
        if self.careful.is_off() { self.lanes.next_mode(!self.room.is_full()) } else { self.careful_mode() }
    }

    /// Moves what may run into a new call of that mode, and shows each event with the number of times it was
    /// begun before. `None` when nothing may run.
    pub fn take(&mut self, call: CallId, bounds: Bounds, mut show: impl FnMut(EventView<'_>, u32)) -> Option<usize> {
        let mode = self.next_mode()?;
        if !self.careful.is_off() {
            return self.take_announced(call, show);
        }
        let (first, slots, begun) = (self.ledger.first(), &self.slots, &self.begun);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let taken = self.lanes.take(mode, call, !self.room.is_full(), |seq, lane| {
            let slot = &slots[(seq - first) as usize];
            let event = slot.chunk.event(slot.index as usize);
            if rows.len() >= bounds.events || (!rows.is_empty() && bytes + event.size() > bounds.bytes) {
                return false;
            }
            bytes += event.size();
            show(event, if begun.is_empty() { 0 } else { begun.get(&seq).copied().unwrap_or(0) });
            rows.push(Row { seq, lane, settled: false });
            true
        });
        if taken == 0 {
            return None;
        }
        self.calls.insert(call, Call { mode, rows, open: taken });
        Some(taken)
    }

    /// Applies a ruling to a row of an open call; `None` if there is no such row or it was ruled on
    /// before.
    pub fn rule(&mut self, call: CallId, row: u32, ruling: &Ruling, now: Millis, jitter: f64) -> Option<Fate> {
        let open = self.calls.get_mut(&call)?;
        let row = open.rows.get_mut(row as usize).filter(|row| !row.settled)?;
        row.settled = true;
        open.open -= 1;
        let (seq, lane) = (row.seq, row.lane);
        let attempts = |charged: Option<&Charged>| charged.map_or(0, |c| c.failing.attempts);
        Some(match ruling {
            Ruling::Done => self.finish(seq, lane),
            Ruling::DeadLetter => {
                // The run that ends it is an attempt too.
                let attempts = attempts(self.failing.get(&seq)) + 1;
                let failing = Failing { attempts, ..self.failing.get(&seq).map_or(Failing::default(), |c| c.failing) };
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
                self.charge(seq, lane, *asked, *ended_call, now, jitter)
            }
        })
    }

    fn charge(&mut self, seq: Seq, lane: u64, asked: Option<Duration>, alone: bool, now: Millis, jitter: f64) -> Fate {
        let age_at = self.paused.unwrap_or(now);
        let before = self.failing.get(&seq).map(|charged| charged.failing);
        let mut failing = before.unwrap_or(Failing { since: age_at, ..Failing::default() });
        failing = Failing { attempts: failing.attempts + 1, alone, killed: false, ..failing };
        match self.policy.decide(failing, asked, age_at, jitter) {
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

    /// Closes a call that returned. Rows it said nothing of are left for the caller to rule on.
    pub fn unsettled(&self, call: CallId) -> Vec<u32> {
        let Some(call) = self.calls.get(&call).filter(|call| call.open > 0) else { return Vec::new() };
        call.rows.iter().zip(0u32..).filter(|(row, _)| !row.settled).map(|(_, i)| i).collect()
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

    /// A call never began (no instance could be had): all of it goes back, uncharged.
    pub fn give_back(&mut self, call: CallId, wait: Duration, now: Millis) {
        for row in self.unsettled(call) {
            let open = self.calls.get_mut(&call).expect("the call is open");
            let row = &mut open.rows[row as usize];
            row.settled = true;
            open.open -= 1;
            let at = now + wait.as_millis() as Millis;
            self.lanes.put_back(row.seq, row.lane, Return::At { at, alone: false });
        }
        self.close(call);
    }

    /// Forgets a call, all of whose rows are settled.
    pub fn close(&mut self, call: CallId) {
        let closed = self.calls.remove(&call);
        debug_assert!(closed.is_none_or(|call| call.open == 0), "closed with unsettled rows");
        if !self.careful.is_off() {
            self.careful_call_ended(call);
        }
    }

    /// An event's verdict is final and its effects are acknowledged.
    pub fn done(&mut self, seq: Seq) {
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        if !self.failing.is_empty() && self.failing.remove(&seq).is_some() && self.room.is_short() {
            // There may be room for what waits to be noted.
            self.changes += 1;
        }
        if !self.begun.is_empty() {
            self.begun.remove(&seq);
        }
        self.close_event(seq);
    }

    fn close_event(&mut self, seq: Seq) {
        for _ in 0..self.ledger.done(seq) {
            let Some(closed) = self.slots.pop_front() else { break };
            if self.slots.front().is_none_or(|next| !Arc::ptr_eq(&next.chunk, &closed.chunk)) {
                self.memory -= closed.chunk.memory();
            }
        }
        if self.dedupe.is_some() {
            self.close_copies(seq);
        }
    }

    /// An effect of a finished event can't be had: its lane stops and it is never committed.
    pub fn lose_effect(&mut self, seq: Seq) {
        if let Some(event) = self.event(seq) {
            let lane = event.lane();
            self.lanes.stop(lane);
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
        }
    }

    /// Lets events go on whose back-off is over.
    pub fn wake(&mut self, now: Millis) {
        self.careful_progress();
        self.lanes.wake(now);
        self.look_for_room(now);
    }

    /// When the next back-off is over.
    pub fn next_due(&self) -> Option<Millis> {
        self.lanes.next_due()
    }

    /// About how many events may run now, and whether suspects are among them.
    pub fn ready(&self) -> (usize, bool) {
        let suspects = matches!(self.next_mode(), Some(Mode::Isolate | Mode::Alone));
        // What is announced goes at once.
        if self.careful.is_off() { (self.lanes.ready(!self.room.is_full()), suspects) } else { (0, suspects) }
    }

    /// Whether there is such a row in an open call and nothing was ruled on it.
    pub fn is_open(&self, call: CallId, row: u32) -> bool {
        self.calls.get(&call).and_then(|call| call.rows.get(row as usize)).is_some_and(|row| !row.settled)
    }

    /// Event of that row in an open call.
    pub fn event_at(&self, call: CallId, row: u32) -> Option<EventView<'_>> {
        self.event(self.calls.get(&call)?.rows.get(row as usize)?.seq)
    }

    /// The same, to be held beyond its closing: its chunk, and its place there.
    pub fn held_at(&self, call: CallId, row: u32) -> Option<(Arc<Chunk>, usize)> {
        let seq = self.calls.get(&call)?.rows.get(row as usize)?.seq;
        let slot = self.slots.get(seq.checked_sub(self.ledger.first())? as usize)?;
        Some((slot.chunk.clone(), slot.index as usize))
    }

    /// An event that is not closed yet.
    pub fn event(&self, seq: Seq) -> Option<EventView<'_>> {
        let slot = self.slots.get(seq.checked_sub(self.ledger.first())? as usize)?;
        Some(slot.chunk.event(slot.index as usize))
    }

    /// Unsettled events of a call.
    pub fn open_in(&self, call: CallId) -> usize {
        self.calls.get(&call).map_or(0, |call| call.open)
    }

    /// The offset that may be committed, `None` before anything was received.
    pub fn committable(&self) -> Option<i64> {
        self.ledger.committable()
    }

    /// No call is open and no effect is outstanding.
    pub fn is_quiet(&self) -> bool {
        self.calls.is_empty() && self.unacknowledged == 0
    }

    /// The same, and nothing waits for its turn, a note or a time: all that is left is stopped.
    pub fn is_idle(&self) -> bool {
        self.is_quiet() && self.lanes.is_idle() && !self.is_announced() && !self.is_recalling()
    }

    /// Events between the committable offset and the newest received.
    pub fn window(&self) -> usize {
        self.ledger.window() + self.dedupe.as_ref().map_or(0, |dedupe| dedupe.waiting().0)
    }

    /// Bytes that the window keeps in memory.
    pub fn memory(&self) -> usize {
        self.memory + self.dedupe.as_ref().map_or(0, |dedupe| dedupe.waiting().1)
    }
}
