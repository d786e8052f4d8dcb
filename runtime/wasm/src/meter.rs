//! Counts what a guest executes, not what it waits for, and ends it over budget.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use wasmtime::UpdateDeadline;

use crate::stop::Stop;

/// How often guests are interrupted, and the most that one interruption charges: a guest whose thread the system
/// took away for longer is not charged for that.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// Execution of one instance. Written by the thread that polls it only; atomics make it shareable, not contended.
#[derive(Debug)]
pub(crate) struct Meter {
    base: Instant,
    /// Since when it executes uncharged, ns after `base`.
    since: AtomicU64,
    /// When the current poll began, ns after `base`.
    polled: AtomicU64,
    /// Charged so far, ns.
    spent: AtomicU64,
    /// May be charged, ns.
    budget: AtomicU64,
    /// It gave up its thread, to go on at once: the wake-up for that comes later.
    yields: AtomicBool,
}

impl Meter {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            base: Instant::now(),
            since: zero(),
            polled: zero(),
            spent: zero(),
            budget: zero(),
            yields: AtomicBool::new(false),
        }
    }

    /// Begins a new count.
    pub(crate) fn reset(&self, budget: Duration) {
        self.spent.store(0, Relaxed);
        self.budget.store(nanos(budget), Relaxed);
    }

    /// Executed since `reset`.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Relaxed))
    }

    /// Runs `future`, charging the time inside its polls.
    pub(crate) async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let now = self.now();
            self.since.store(now, Relaxed);
            self.polled.store(now, Relaxed);
            let poll = future.as_mut().poll(context);
            self.charge(self.now());
            poll
        })
        .await
    }

    /// Whether it gave up its thread since this was asked last.
    pub(crate) fn took_break(&self) -> bool {
        self.yields.swap(false, Relaxed)
    }

    /// Called at an interruption: charges, and says whether to go on.
    pub(crate) fn tick(&self) -> Result<UpdateDeadline, Stop> {
        let now = self.now();
        let spent = self.charge(now);
        let budget = self.budget.load(Relaxed);
        if spent > budget {
            return Err(Stop::Cpu { budget: Duration::from_nanos(budget) });
        }
        // The first interruption after a wait comes at once; giving up the thread is for those who held it. Tokio's own
        // yield lets timers and I/O of the runtime go first, not only tasks that are ready.
        if now - self.polled.load(Relaxed) < nanos(TICK) {
            Ok(UpdateDeadline::Continue(1))
        } else {
            self.yields.store(true, Relaxed);
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        }
    }

    fn charge(&self, now: u64) -> u64 {
        let ran = now.saturating_sub(self.since.swap(now, Relaxed)).min(nanos(TICK));
        let spent = self.spent.load(Relaxed) + ran;
        self.spent.store(spent, Relaxed);
        spent
    }

    fn now(&self) -> u64 {
        nanos(self.base.elapsed())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_only_over_budget_and_charges_no_more_than_a_tick_at_once() {
        let meter = Meter::new();
        meter.reset(TICK * 2);
        std::thread::sleep(TICK * 5);
        assert!(meter.tick().is_ok(), "one interruption charges one tick");
        assert_eq!(meter.spent(), TICK);
        std::thread::sleep(TICK * 5);
        assert!(meter.tick().is_ok());
        std::thread::sleep(TICK);
        assert!(matches!(meter.tick(), Err(Stop::Cpu { budget }) if budget == TICK * 2));
    }

    #[tokio::test]
    async fn waiting_is_not_charged() {
        let meter = Meter::new();
        meter.reset(TICK);
        meter.run(tokio::time::sleep(TICK * 50)).await;
        assert!(meter.spent() < TICK, "charged {:?}", meter.spent());
    }
}
