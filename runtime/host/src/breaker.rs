//! Circuit breakers: a binding begins nothing while what it needs is away, then tries with few events before it goes on.
//!
//! Pure: time comes in as a number. One machine serves dependencies, whose state the host's own probe tells, and the rate
//! of dead letters, which only events can tell.

use std::time::Duration;

use crate::flow::Millis;

/// Events that may be at work while a breaker tries.
pub(crate) const TRIAL: usize = 8;

/// What a breaker lets begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Everything.
    Closed,
    /// Nothing; not before then, and not before the probe answers.
    Open {
        /// When it may try.
        until: Millis,
    },
    /// One call of [`TRIAL`] events at a time.
    HalfOpen,
}

impl State {
    /// For people and machines.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open { .. } => "open",
        }
    }

    /// For the metric.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open { .. } => 2,
        }
    }
}

/// One breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    /// How often it opened in a row.
    opened: u32,
    first: Duration,
    most: Duration,
}

impl Breaker {
    /// A closed one, which stays open for `first` after it was tripped, twice as long each time that the trial fails, and
    /// at most for `most`.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { state: State::Closed, opened: 0, first, most }
    }

    /// What it lets begin.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Takes the probe's word. `up`: what it guards answers, or can't be asked.
    pub(crate) fn look(&mut self, up: bool, now: Millis) {
        self.state = match self.state {
            State::Closed | State::HalfOpen if !up => {
                self.opened += 1;
                // The probe says when.
                State::Open { until: now }
            }
            State::Open { until } if up && now >= until => State::HalfOpen,
            state @ (State::Closed | State::HalfOpen | State::Open { .. }) => state,
        };
    }

    /// Events failed for what it guards.
    pub(crate) fn trip(&mut self, now: Millis) {
        match self.state {
            // Calls that had begun before report late.
            State::Open { .. } => {}
            State::Closed | State::HalfOpen => {
                let pause = self.first.saturating_mul(1 << self.opened.min(16)).min(self.most);
                self.opened += 1;
                self.state = State::Open { until: now + pause.as_millis() as Millis };
            }
        }
    }

    /// The trial went well.
    pub(crate) fn pass(&mut self) {
        match self.state {
            State::HalfOpen => (self.state, self.opened) = (State::Closed, 0),
            State::Closed | State::Open { .. } => {}
        }
    }

    /// When it changes by time alone.
    pub(crate) fn next(&self) -> Option<Millis> {
        match self.state {
            State::Open { until } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(Duration::from_millis(100), Duration::from_millis(400))
    }

    #[test]
    fn follows_the_probe_and_tries_before_it_closes() {
        let mut breaker = breaker();
        breaker.look(true, 0);
        assert_eq!(breaker.state(), State::Closed);
        breaker.look(false, 10);
        assert_eq!(breaker.state(), State::Open { until: 10 });
        breaker.look(false, 10_000);
        assert_eq!(breaker.state(), State::Open { until: 10 });
        breaker.look(true, 10_001);
        assert_eq!(breaker.state(), State::HalfOpen);
        breaker.pass();
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn a_trial_that_fails_opens_it_for_longer_each_time() {
        let (mut breaker, mut now) = (breaker(), 0);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            breaker.trip(now);
            let State::Open { until } = breaker.state() else { panic!("{breaker:?}") };
            pauses.push(until - now);
            breaker.look(true, until - 1);
            assert_eq!(breaker.state(), State::Open { until }, "not before its time");
            now = until;
            breaker.look(true, now);
            assert_eq!(breaker.state(), State::HalfOpen);
        }
        assert_eq!(pauses, [100, 200, 400, 400, 400]);
        breaker.pass();
        breaker.trip(now);
        assert_eq!(breaker.state(), State::Open { until: now + 100 }, "forgotten once it closed");
    }

    #[test]
    fn late_reports_change_nothing_while_it_is_open() {
        let mut breaker = breaker();
        breaker.trip(0);
        breaker.trip(90);
        breaker.pass();
        assert_eq!(breaker.state(), State::Open { until: 100 });
    }

    proptest! {
        #[test]
        fn never_closes_without_a_trial_and_never_stays_open_for_longer_than_the_most(
            steps in prop::collection::vec((0u8..4, 0u64..300), 1..200),
        ) {
            let (mut breaker, mut now) = (breaker(), 0);
            for (what, later) in steps {
                now += later;
                let before = breaker.state();
                match what {
                    0 => breaker.look(true, now),
                    1 => breaker.look(false, now),
                    2 => breaker.trip(now),
                    _ => breaker.pass(),
                }
                match (before, breaker.state()) {
                    (State::Open { .. }, State::Closed) => prop_assert!(false, "without a trial"),
                    (_, State::Open { until }) => prop_assert!(until <= now + 400),
                    _ => {}
                }
            }
            breaker.look(true, now + 400);
            prop_assert!(!matches!(breaker.state(), State::Open { .. }), "it always tries in the end");
        }
    }
}
