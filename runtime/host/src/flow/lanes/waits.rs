//! What lanes wait for that are in no call: a back-off, a note, somebody, or nothing any more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::{CallId, Lane, Millis, Seq};

/// What an event waits for from the start, as an earlier owner of its partition left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its back-off.
    Until {
        /// When it is over.
        at: Millis,
        /// In a call of its own.
        alone: bool,
    },
    /// Somebody who resumes its lane.
    Stopped {
        /// In a call of its own.
        alone: bool,
    },
    /// Nothing: its attempts are used up.
    UsedUp,
}

/// The name of no call, for events that are done with before they run.
const NO_CALL: CallId = CallId::MAX;

/// Events that block their lanes.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Lanes that wait for a back-off.
    pub(super) due: BinaryHeap<Reverse<(Millis, u64)>>,
    /// They count when the event comes to the front of its lane.
    pub(super) holds: HashMap<Seq, Hold>,
    /// Charged, and that is not noted yet.
    pub(super) unnoted: HashSet<Seq>,
    /// Lanes that have such an event in front.
    pub(super) parked: Vec<u64>,
    /// Taken out of their lanes, whose open events they count as.
    pub(super) used_up: Vec<(Seq, u64)>,
}

impl Waits {
    /// Whether nothing blocks any lane: what costs nothing to ask for each event.
    pub(super) fn are_none(&self) -> bool {
        self.holds.is_empty() && self.unnoted.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty() && self.parked.is_empty() && self.used_up.is_empty()
    }

    pub(super) fn block(&self, seq: Seq) -> bool {
        self.holds.contains_key(&seq) || self.unnoted.contains(&seq)
    }

    /// Takes in a lane that is in no queue and no call, and whose front event is blocked.
    pub(super) fn park(&mut self, id: u64, lane: &mut Lane) {
        let Some(&seq) = lane.waiting.front() else { return };
        match self.holds.remove(&seq) {
            None => self.parked.push(id),
            Some(Hold::Until { at, alone }) => {
                lane.set_alone(alone);
                self.due.push(Reverse((at, id)));
            }
            Some(Hold::Stopped { alone }) => {
                lane.set_alone(alone);
                lane.stopped = true;
            }
            Some(Hold::UsedUp) => {
                lane.waiting.pop_front();
                (lane.call, lane.open) = (NO_CALL, 1);
                self.used_up.push((seq, id));
            }
        }
    }
}
