//! Failure × attempts → what happens next.
//!
//! Pure: the clock and the jitter come in as numbers.

use std::time::Duration;

use super::Millis;

/// A binding's retry policy.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts in all, the first run included.
    pub attempts: u32,
    /// Wait before the second attempt; doubles from there.
    pub backoff: Duration,
    /// Longest wait.
    pub max_backoff: Duration,
    /// Longest time from the start of the first attempt to that of the last, without that in which the binding was paused or no
    /// worker had the partition.
    pub max_age: Duration,
}

/// Losses of a worker that an event alone was at work in before it is given up, however few attempts it has: workers
/// are also killed for reasons of which no event knows.
const FEWEST_LOSSES: u32 = 3;

/// What an event's failures have cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failing {
    /// Attempts that were charged.
    pub attempts: u32,
    /// When the first attempt that was charged began, moved on by all time that does not count for `max_age`.
    pub since: Millis,
    /// When it may run again.
    pub due: Millis,
    /// When its lane stopped for it, if it did.
    pub stopped: Option<Millis>,
    /// It has ended a call before, and runs in one of its own.
    pub alone: bool,
    /// It was at work when a worker was lost.
    pub killed: bool,
}

/// What happens to an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It runs again after this wait.
    Retry(Millis),
    /// Its attempts or its time are used up.
    GiveUp,
}

impl RetryPolicy {
    /// Decides on an event whose attempt just failed (`failing` counts that attempt). `asked` is the
    /// wait the function asked for; `now` is of the clock of `since`; `jitter` is in 0..1.
    pub fn decide(&self, failing: Failing, asked: Option<Duration>, now: Millis, jitter: f64) -> Decision {
        if self.is_used_up(failing) {
            return Decision::GiveUp;
        }
        let wait = asked.unwrap_or_else(|| self.backoff(failing.attempts, jitter));
        let wait = wait.as_millis().min(u64::MAX.into()) as Millis;
        if now.saturating_add(wait).saturating_sub(failing.since) > self.max_age.as_millis() as u64 {
            return Decision::GiveUp;
        }
        Decision::Retry(wait)
    }

    /// Whether no attempt is left.
    pub fn is_used_up(&self, failing: Failing) -> bool {
        failing.attempts >= if failing.killed { self.attempts.max(FEWEST_LOSSES) } else { self.attempts }
    }

    /// The wait after that many failed attempts: exponential, capped, then spread over the upper
    /// half so that events which failed together don't come back together.
    fn backoff(&self, attempts: u32, jitter: f64) -> Duration {
        let doubled = self.backoff.saturating_mul(1u32 << attempts.saturating_sub(1).min(30));
        doubled.min(self.max_backoff).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 5,
            backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            max_age: Duration::from_secs(60),
        }
    }

    fn failed(attempts: u32) -> Failing {
        Failing { attempts, ..Failing::default() }
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits: Vec<Decision> = (1..5).map(|n| policy().decide(failed(n), None, 0, 1.0)).collect();
        assert_eq!(waits, [100, 200, 400, 800].map(Decision::Retry));
    }

    #[test]
    fn gives_up_when_attempts_are_used_up_or_the_event_is_too_old() {
        assert_eq!(policy().decide(failed(5), None, 0, 0.0), Decision::GiveUp);
        assert_eq!(policy().decide(failed(1), None, 60_000, 1.0), Decision::GiveUp);
    }

    #[test]
    fn a_lost_worker_alone_is_not_enough_to_give_an_event_up() {
        let once = RetryPolicy { attempts: 1, ..policy() };
        let lost = |attempts| Failing { killed: true, ..failed(attempts) };
        assert_eq!([1, 2, 3].map(|n| once.is_used_up(lost(n))), [false, false, true]);
        assert_eq!([4, 5].map(|n| policy().is_used_up(lost(n))), [false, true]);
    }

    #[test]
    fn honours_the_wait_that_was_asked_for() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(policy().decide(failed(1), asked, 10, 0.5), Decision::Retry(7_000));
    }

    proptest! {
        #[test]
        fn is_bounded_by_attempts_and_never_waits_longer_than_the_cap(attempts in 0u32..200, now in 0u64..1_000, jitter in 0.0f64..1.0) {
            match policy().decide(failed(attempts), None, now, jitter) {
                Decision::Retry(wait) => { prop_assert!(attempts < 5); prop_assert!(wait <= 1_000); }
                Decision::GiveUp => prop_assert!(attempts >= 5),
            }
        }
    }
}
