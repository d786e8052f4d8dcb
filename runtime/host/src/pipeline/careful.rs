//! Events that may be what kills workers run one at a time in the whole worker: when it is lost, it was that one or none.
//! One that a worker was lost with before has the worker to itself: neither what runs beside it can be the reason, nor
//! can it be killed by whoever waits for others to get on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tracing::{info, warn};

use super::{Assigned, Pipeline};
use crate::flow::Millis;

/// What runs in this process, of whatever binding.
static WORKER: Worker = Worker::new();

struct Worker {
    /// An event runs by itself.
    taken: AtomicBool,
    /// Nothing may begin beside it.
    quiet: AtomicBool,
    /// Open calls.
    calls: AtomicUsize,
}

impl Worker {
    const fn new() -> Self {
        Self { taken: AtomicBool::new(false), quiet: AtomicBool::new(false), calls: AtomicUsize::new(0) }
    }

    fn alone(&'static self) -> Option<Alone> {
        (!self.taken.swap(true, Ordering::Acquire)).then_some(Alone { worker: self, quiet: false })
    }

    /// Counts a call. `None`: an event has the worker to itself, and this is another's; or it is its own, and others have not
    /// ended. Whoever asks for quiet looks at the count afterwards, and this looks for quiet once it has counted: one of
    /// both sees the other.
    fn begin(&'static self, alone: Option<&Alone>) -> Option<OpenHere> {
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        let open = OpenHere(self);
        let may = match alone {
            Some(alone) if alone.quiet => before == 0,
            Some(_) | None => !self.quiet.load(Ordering::SeqCst),
        };
        may.then_some(open)
    }
}

/// The right to run an event by itself; given back when dropped.
pub(super) struct Alone {
    worker: &'static Worker,
    quiet: bool,
}

impl Alone {
    /// From now on, or no more, nothing begins beside it.
    fn be_quiet(&mut self, quiet: bool) {
        if self.quiet != quiet {
            self.quiet = quiet;
            self.worker.quiet.store(quiet, Ordering::SeqCst);
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.be_quiet(false);
        self.worker.taken.store(false, Ordering::Release);
    }
}

/// A call that is open in this process; counted until dropped.
pub(super) struct OpenHere(&'static Worker);

impl Drop for OpenHere {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether an event has the worker to itself, or waits for that.
pub(super) fn is_quiet() -> bool {
    WORKER.quiet.load(Ordering::Relaxed)
}

impl Assigned {
    /// Counts a call that begins; `None` while it must not. A suspect begins once all others have ended, and until then none
    /// begins.
    pub(super) fn begin_here(&mut self) -> Option<OpenHere> {
        if let (Some(alone), Some(offset)) = (&mut self.alone, self.flow.suspect()) {
            if !alone.quiet {
                warn!(offset, "a worker was lost while this event was at work: now nothing runs beside it");
            }
            alone.be_quiet(true);
        }
        WORKER.begin(self.alone.as_ref())
    }

    /// What has not begun keeps nobody waiting.
    pub(super) fn let_others_begin(&mut self) {
        if let (Some(alone), Some(_)) = (&mut self.alone, self.flow.suspect()) {
            alone.be_quiet(false);
        }
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
                && let Some(alone) = WORKER.alone()
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
    fn one_event_at_a_time_runs_by_itself_and_a_suspect_with_nothing_beside_it() {
        static WORKER: Worker = Worker::new();
        let mut first = WORKER.alone().expect("nobody else");
        assert!(WORKER.alone().is_none());
        let open = WORKER.begin(None).expect("nobody wants quiet");
        drop(WORKER.begin(Some(&first)).expect("not even this one"));
        first.be_quiet(true);
        assert!(WORKER.begin(None).is_none(), "it would run beside it");
        assert!(WORKER.begin(Some(&first)).is_none(), "another has not ended");
        drop(open);
        let own = WORKER.begin(Some(&first)).expect("now it has the worker to itself");
        assert!(WORKER.begin(None).is_none());
        drop((own, first));
        assert!(WORKER.begin(None).is_some() && WORKER.alone().is_some());
        assert_eq!(WORKER.calls.load(Ordering::SeqCst), 0);
    }
}
