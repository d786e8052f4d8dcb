//! One partition's events from receipt to committable: joins ledger, lanes, retry and isolation.
//!
//! Pure: time and jitter come in as numbers, effects go out as return values.

mod careful;
mod copies;
mod notes;
mod room;
mod rulings;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::dedupe::{Dedupe, Judged};
use super::isolate::Mode;
use super::lanes::{CallId, Hold, Lanes, Millis, Return, Seq};
use super::ledger::Ledger;
use super::memo::Memo;
use super::retry::{Failing, RetryPolicy};
use crate::event::{Chunk, EventView};
use careful::Careful;
pub use notes::Note;
use room::Room;
pub use rulings::{Fate, Ruling};

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
    /// When it began, moved on by all time that does not count for `max_age`.
    began: Millis,
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
    pub fn take(
        &mut self,
        call: CallId,
        now: Millis,
        bounds: Bounds,
        mut show: impl FnMut(EventView<'_>, u32),
    ) -> Option<usize> {
        let mode = self.next_mode()?;
        if !self.careful.is_off() {
            return self.take_announced(call, now, show);
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
        self.calls.insert(call, Call { mode, began: now, rows, open: taken });
        Some(taken)
    }

    /// Closes a call that returned. Rows it said nothing of are left for the caller to rule on.
    pub fn unsettled(&self, call: CallId) -> Vec<u32> {
        let Some(call) = self.calls.get(&call).filter(|call| call.open > 0) else { return Vec::new() };
        call.rows.iter().zip(0u32..).filter(|(row, _)| !row.settled).map(|(_, i)| i).collect()
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
