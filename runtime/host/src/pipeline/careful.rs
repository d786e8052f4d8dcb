//! Events that may be what kills workers run one at a time in the whole worker: when it is lost, it was that one or none.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{info, warn};

use super::Pipeline;
use crate::flow::Millis;

/// Whether an event runs by itself in this process, whatever binding it is of.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to run an event by itself; given back when dropped.
#[derive(Debug)]
pub(super) struct Alone(());

impl Alone {
    fn get() -> Option<Self> {
        (!TAKEN.swap(true, Ordering::Acquire)).then_some(Self(()))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

impl Pipeline {
    /// Names events that run next by themselves, in partitions at which workers were lost.
    pub(super) fn announce(&mut self) {
        for assigned in self.partitions.values_mut().filter(|assigned| assigned.is_assigned()) {
            if assigned.alone.is_some() && !assigned.flow.is_announced() {
                assigned.alone = None;
            }
            if assigned.flow.may_announce()
                && let Some(alone) = Alone::get()
            {
                assigned.alone = Some(alone);
                assigned.flow.announce();
            }
        }
    }

    /// Time in which the binding is paused makes no event older.
    pub(super) fn pause_ageing(&mut self, paused: bool, now: Millis) {
        for assigned in self.partitions.values_mut() {
            if paused { assigned.flow.pause(now) } else { assigned.flow.unpause(now) }
        }
    }

    /// Says when the note beside the offset holds new events back, and when no more.
    pub(super) fn tell_held_back(&mut self) -> usize {
        let mut held_back = 0;
        for ((topic, partition), assigned) in &mut self.partitions {
            let full = assigned.flow.is_held_back();
            held_back += usize::from(full);
            if full == std::mem::replace(&mut assigned.said_full, full) {
                continue;
            }
            let (group, window, stopped) = (&self.config.group, assigned.flow.window(), assigned.flow.stopped());
            match full {
                true => warn!(
                    group, %topic, partition, window, stopped,
                    "no new events: the note beside the committed offset has no room for more that is done or failing behind the events that hold it back"
                ),
                false => {
                    info!(group, %topic, partition, window, "new events again: the note beside the committed offset has room")
                }
            }
        }
        held_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_at_a_time_runs_by_itself() {
        let first = Alone::get().expect("nobody else in this test");
        assert!(Alone::get().is_none());
        drop(first);
        assert!(Alone::get().is_some());
    }
}
