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
    /// Longest time from the first failure to the last attempt.
    pub max_age: Duration,
}

/// What an event's failures have cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// Attempts that were charged.
    pub attempts: u32,
    /// When the first attempt failed.
    pub since: Millis,
}

/// What happens to an event that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It runs again then.
    Retry(Millis),
    /// Its attempts or its time are used up.
    GiveUp,
}

impl RetryPolicy {
    /// Decides on an event whose attempt just failed (`failing` counts that attempt). `asked` is the
    /// wait the function asked for; `jitter` is in 0..1.
    pub fn decide(&self, failing: Failing, asked: Option<Duration>, now: Millis, jitter: f64) -> Decision {
        if failing.attempts >= self.attempts {
            return Decision::GiveUp;
        }
        let wait = asked.unwrap_or_else(|| self.backoff(failing.attempts, jitter));
        let at = now.saturating_add(wait.as_millis().min(u64::MAX.into()) as u64);
        if at.saturating_sub(failing.since) > self.max_age.as_millis() as u64 {
            return Decision::GiveUp;
        }
        Decision::Retry(at)
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

    #[test]
    fn waits_double_up_to_the_cap() {
        let waits: Vec<Decision> =
            (1..5).map(|n| policy().decide(Failing { attempts: n, since: 0 }, None, 0, 1.0)).collect();
        assert_eq!(waits, [100, 200, 400, 800].map(Decision::Retry));
    }

    #[test]
    fn gives_up_when_attempts_are_used_up_or_the_event_is_too_old() {
        assert_eq!(policy().decide(Failing { attempts: 5, since: 0 }, None, 0, 0.0), Decision::GiveUp);
        assert_eq!(policy().decide(Failing { attempts: 1, since: 0 }, None, 60_000, 1.0), Decision::GiveUp);
    }

    #[test]
    fn honours_the_wait_that_was_asked_for() {
        let asked = Some(Duration::from_secs(7));
        assert_eq!(policy().decide(Failing { attempts: 1, since: 0 }, asked, 10, 0.5), Decision::Retry(7_010));
    }

    proptest! {
        #[test]
        fn is_bounded_by_attempts_and_never_waits_longer_than_the_cap(attempts in 0u32..200, now in 0u64..1_000, jitter in 0.0f64..1.0) {
            match policy().decide(Failing { attempts, since: 0 }, None, now, jitter) {
                Decision::Retry(at) => { prop_assert!(attempts < 5); prop_assert!(at - now <= 1_000); }
                Decision::GiveUp => prop_assert!(attempts >= 5),
            }
        }
    }
}
