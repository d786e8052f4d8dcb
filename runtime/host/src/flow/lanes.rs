//! Which events may run now: lanes held by a call, waiting for a retry, or free.
//!
//! Pure. A lane is in one call only. Everything here is proportional to the events of the call at
//! hand, never to those that wait.

mod waits;

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;

use super::Mode;
pub use waits::Hold;
use waits::Waits;

/// Milliseconds on the flow's own clock, which never goes back.
pub type Millis = u64;

/// Names a call within its binding.
pub type CallId = u64;

/// An event in a lane: its sequence number in the ledger.
pub type Seq = u64;

/// Lanes of one partition.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: HashMap<u64, Lane, BuildHasherDefault<Identity>>,
    /// Received, not looked at yet: `(seq, lane)` in offset order.
    fresh: VecDeque<(Seq, u64)>,
    /// Lanes free to go on with events that waited.
    runnable: VecDeque<u64>,
    /// Lanes whose first events are suspects of a trap.
    suspect: VecDeque<u64>,
    waits: Waits,
    /// Lanes stopped for an effect.
    lost: usize,
}

#[derive(Debug, Default)]
struct Lane {
    /// The call that holds it, and how many of its events are open there; 0: no call does.
    call: CallId,
    open: u32,
    /// In order: what came back from a call, then what arrived meanwhile.
    waiting: VecDeque<Seq>,
    /// What the call in progress gave back.
    returned: Vec<Seq>,
    /// How the events at the front must run, and how many of them.
    suspects: u32,
    alone: bool,
    stopped: bool,
    /// Stopped for an effect, which no resumption brings back.
    lost: bool,
}

impl Lane {
    /// Whether its first event runs by itself.
    fn set_alone(&mut self, alone: bool) {
        self.alone = alone;
        self.suspects = u32::from(alone);
    }
}

/// Lane hashes are mixed already.
#[derive(Debug, Default, Clone, Copy)]
struct Identity(u64);

impl std::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("lanes hash as u64")
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Why an event came back from a call without being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Return {
    /// It runs again with the next batch.
    AtOnce,
    /// It runs again when its back-off is over.
    At {
        /// When.
        at: Millis,
        /// In a call of its own, as it has ended a call before.
        alone: bool,
    },
    /// It runs again apart, since it may be what ended the call.
    Suspect {
        /// With nothing else in the call.
        alone: bool,
    },
    /// Its lane stops until somebody resumes it.
    Stop {
        /// Then in a call of its own.
        alone: bool,
    },
}

impl Lanes {
    /// A received event.
    pub fn arrive(&mut self, seq: Seq, lane: u64) {
        self.fresh.push_back((seq, lane));
    }

    /// A received event that waits for something when it comes to the front of its lane.
    pub fn hold(&mut self, seq: Seq, hold: Hold) {
        self.waits.holds.insert(seq, hold);
    }

    /// An event does not run before [`noted`](Self::noted) names it.
    pub fn needs_note(&mut self, seq: Seq) {
        self.waits.unnoted.insert(seq);
    }

    /// What these events need to have noted is noted; their lanes go on.
    pub fn noted(&mut self, is: impl Fn(Seq) -> bool) {
        self.waits.unnoted.retain(|seq| !is(*seq));
        for id in std::mem::take(&mut self.waits.parked) {
            self.queue(id);
        }
    }

    /// Chooses the mode of the next call, `None` when nothing may run. Suspects come first. Without `fresh`, events of
    /// lanes that nobody has begun stay where they are.
    pub fn next_mode(&self, fresh: bool) -> Option<Mode> {
        if let Some(lane) = self.suspect.front() {
            return Some(if self.lanes[lane].alone { Mode::Alone } else { Mode::Isolate });
        }
        (!self.runnable.is_empty() || fresh && !self.fresh.is_empty()).then_some(Mode::Batch)
    }

    /// Lanes whose front event is blocked leave the queues' heads, so that a call can begin with what is there.
    fn park_blocked(&mut self) {
        while let Some((seq, id)) = self.fresh.front()
            && self.waits.block(*seq)
            && let Entry::Vacant(entry) = self.lanes.entry(*id)
        {
            let lane = entry.insert(Lane { waiting: VecDeque::from([*seq]), ..Lane::default() });
            self.waits.park(*id, lane);
            self.fresh.pop_front();
        }
        for queue in [&mut self.suspect, &mut self.runnable] {
            while let Some(id) = queue.front() {
                let lane = self.lanes.get_mut(id).expect("queued lanes are kept");
                if !self.waits.block(lane.waiting[0]) {
                    break;
                }
                self.waits.park(*id, lane);
                queue.pop_front();
            }
        }
    }

    /// About how many events a batch could take now: zero only when it could take none but suspects.
    pub fn ready(&self, fresh: bool) -> usize {
        self.runnable.len() + if fresh { self.fresh.len() } else { 0 }
    }

    /// Moves events into a call, in order within each lane, until `accept` says no (that event
    /// stays). Returns how many were taken.
    pub fn take(&mut self, mode: Mode, call: CallId, fresh: bool, mut accept: impl FnMut(Seq, u64) -> bool) -> usize {
        match mode {
            Mode::Batch => {
                let resumed = self.take_waiting(false, call, usize::MAX, &mut accept);
                let fresh = |taken| if fresh { taken + self.take_fresh(call, &mut accept) } else { taken };
                resumed.unwrap_or_else(fresh)
            }
            Mode::Isolate => self.take_waiting(true, call, usize::MAX, &mut accept).unwrap_or_else(|n| n),
            Mode::Alone => self.take_waiting(true, call, 1, &mut accept).unwrap_or_else(|n| n),
        }
    }

    /// `Ok`: full. `Err`: the queue is used up. Both with the number taken.
    fn take_waiting(
        &mut self,
        suspects: bool,
        call: CallId,
        most: usize,
        accept: &mut impl FnMut(Seq, u64) -> bool,
    ) -> Result<usize, usize> {
        let queue = if suspects { &mut self.suspect } else { &mut self.runnable };
        let mut taken = 0;
        'lanes: while let Some(&id) = queue.front() {
            let lane = self.lanes.get_mut(&id).expect("queued lanes are kept");
            let mut limit = if suspects { lane.suspects as usize } else { lane.waiting.len() };
            while limit > 0 {
                let seq = lane.waiting[0];
                if !self.waits.are_none() && self.waits.block(seq) {
                    // Behind others of its lane in this call it is looked at again when that has ended.
                    if lane.open == 0 {
                        self.waits.park(id, lane);
                    }
                    queue.pop_front();
                    continue 'lanes;
                }
                if taken == most || !accept(seq, id) {
                    // A lane is in one call only: what was not taken waits for the call's end.
                    if lane.open > 0 {
                        queue.pop_front();
                    }
                    return Ok(taken);
                }
                lane.waiting.pop_front();
                lane.call = call;
                lane.open += 1;
                lane.suspects = lane.suspects.saturating_sub(1);
                taken += 1;
                limit -= 1;
            }
            lane.alone &= lane.suspects > 0;
            queue.pop_front();
        }
        Err(taken)
    }

    fn take_fresh(&mut self, call: CallId, accept: &mut impl FnMut(Seq, u64) -> bool) -> usize {
        let mut taken = 0;
        while let Some(&(seq, id)) = self.fresh.front() {
            let blocked = !self.waits.are_none() && self.waits.block(seq);
            match self.lanes.entry(id) {
                Entry::Vacant(entry) if blocked => {
                    let lane = entry.insert(Lane { waiting: VecDeque::from([seq]), ..Lane::default() });
                    self.waits.park(id, lane);
                }
                Entry::Vacant(entry) => {
                    if !accept(seq, id) {
                        return taken;
                    }
                    entry.insert(Lane { call, open: 1, ..Lane::default() });
                    taken += 1;
                }
                Entry::Occupied(mut entry) => {
                    let lane = entry.get_mut();
                    // Only behind its own predecessors in this very call; else it waits for them.
                    if lane.open > 0 && lane.call == call && lane.waiting.is_empty() && !blocked {
                        if !accept(seq, id) {
                            return taken;
                        }
                        lane.open += 1;
                        taken += 1;
                    } else {
                        lane.waiting.push_back(seq);
                    }
                }
            }
            self.fresh.pop_front();
        }
        taken
    }

    /// An event of a call is done with.
    pub fn finish(&mut self, id: u64) {
        match self.lanes.entry(id) {
            Entry::Vacant(_) => {}
            Entry::Occupied(mut entry) => {
                let lane = entry.get_mut();
                lane.open = lane.open.saturating_sub(1);
                if lane.open == 0 {
                    if lane.waiting.is_empty() && lane.returned.is_empty() && !lane.stopped {
                        entry.remove();
                    } else {
                        self.release(id);
                    }
                }
            }
        }
    }

    /// An event of a call comes back; the lane goes on when all its events of that call are
    /// accounted for, from the earliest that came back.
    pub fn put_back(&mut self, seq: Seq, id: u64, how: Return) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.returned.push(seq);
        match how {
            Return::AtOnce => {}
            // Not the lane's wait, but the event's: those before it that come back as well go on.
            Return::At { at, alone } => self.hold(seq, Hold::Until { at, alone }),
            Return::Suspect { alone } => {
                lane.suspects += 1;
                lane.alone |= alone;
            }
            Return::Stop { alone } => self.hold(seq, Hold::Stopped { alone }),
        }
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.open = lane.open.saturating_sub(1);
        if lane.open == 0 {
            self.release(id);
        }
    }

    /// Stops a lane whose event is done with but for an effect that can't be had.
    pub fn stop(&mut self, id: u64) {
        let lane = self.lanes.entry(id).or_default();
        self.lost += usize::from(!lane.lost);
        (lane.stopped, lane.lost) = (true, true);
        self.runnable.retain(|l| *l != id);
        self.suspect.retain(|l| *l != id);
    }

    fn release(&mut self, id: u64) {
        let lane = self.lanes.get_mut(&id).expect("released lanes are kept");
        lane.returned.sort_unstable();
        while let Some(seq) = lane.returned.pop() {
            lane.waiting.push_front(seq);
        }
        if lane.stopped {
            return;
        }
        if !self.waits.are_none() && lane.waiting.front().is_some_and(|seq| self.waits.block(*seq)) {
            self.waits.park(id, lane);
        } else if lane.suspects > 0 {
            if lane.alone { self.suspect.push_front(id) } else { self.suspect.push_back(id) }
        } else if lane.waiting.is_empty() {
            self.lanes.remove(&id);
        } else {
            self.runnable.push_back(id);
        }
    }

    /// Lets lanes go on whose back-off is over.
    pub fn wake(&mut self, now: Millis) {
        self.wake_due(now);
        if !self.waits.are_none() {
            self.park_blocked();
            self.wake_due(now);
        }
    }

    fn wake_due(&mut self, now: Millis) {
        while let Some(&Reverse((at, id))) = self.waits.due.peek() {
            if at > now {
                break;
            }
            self.waits.due.pop();
            self.queue(id);
        }
    }

    /// Lets a lane go on that waited outside the queues.
    fn queue(&mut self, id: u64) {
        match self.lanes.get(&id) {
            Some(lane) if lane.stopped => {}
            Some(lane) if lane.suspects > 0 => self.suspect.push_front(id),
            Some(_) => self.runnable.push_back(id),
            None => {}
        }
    }

    /// Lets the stopped lane of an event go on.
    pub fn resume(&mut self, seq: Seq, id: u64) {
        if let Some(Hold::Stopped { alone }) = self.waits.holds.get(&seq).copied() {
            // It has not come to the front yet.
            self.waits.holds.insert(seq, Hold::Until { at: 0, alone });
        } else if let Some(lane) = self.lanes.get_mut(&id).filter(|lane| lane.stopped && !lane.lost) {
            lane.stopped = false;
            if lane.open == 0 {
                self.queue(id);
            }
        }
    }

    /// When the next back-off is over.
    pub fn next_due(&self) -> Option<Millis> {
        self.waits.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Events that came to the front of their lanes with no attempt left. Each counts as open in a call until it is
    /// finished or put back.
    pub fn used_up(&mut self) -> Option<(Seq, u64)> {
        self.waits.used_up.pop()
    }

    /// Whether no lane waits for its turn, a note or a time.
    pub fn is_idle(&self) -> bool {
        self.fresh.is_empty() && self.runnable.is_empty() && self.suspect.is_empty() && self.waits.is_idle()
    }

    /// Lanes that go on only in another life of the worker.
    pub fn lost(&self) -> usize {
        self.lost
    }
}
