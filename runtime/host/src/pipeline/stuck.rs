//! Whether a partition is stuck: events wait, nothing explains it, and nothing moves for longer than any call may take.
//!
//! Pure: the caller says what it sees, and when.

use std::time::Duration;

use crate::flow::Millis;

/// What a partition looks like at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Look {
    /// Differs from the last look's if anything has moved: records came, a call reported, effects were acknowledged.
    pub(super) moves: u64,
    /// Events in open calls.
    pub(super) in_calls: usize,
    /// Events that could begin now.
    pub(super) ready: usize,
    /// Events that are received and not closed.
    pub(super) window: usize,
    /// Lanes that wait for a retry, or for somebody to resume them; what waits behind them is explained.
    pub(super) lanes_wait: bool,
    /// Kafka holds more events than were fetched, and the partition is being fetched.
    pub(super) unfetched: bool,
    /// Nothing may move: paused, draining, a breaker is open, the lease is not held, the past is still read.
    pub(super) excused: bool,
}

/// What does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Calls that do not end.
    Calls,
    /// Events that are ready and not begun.
    Ready,
    /// Events that nothing is left to happen to.
    Window,
    /// Events that are not fetched.
    Source,
}

impl Stuck {
    /// For logs.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Calls => "a call does not end",
            Self::Ready => "events are ready and do not begin",
            Self::Window => "events are neither at work nor waiting for anything",
            Self::Source => "events are in Kafka and are not fetched",
        }
    }
}

/// Watches one partition.
#[derive(Debug, Default)]
pub(super) struct Watch {
    moves: u64,
    /// What should move, and since when it has not.
    still: Option<(Stuck, Millis)>,
}

/// How long nothing may move: a call has twice its deadline and a second, its requests up to ten seconds more, then its
/// instance is dropped. Twice that, so that a worker short of instances or CPU is not taken for a stuck one.
pub(super) fn limit(deadline: Duration) -> Duration {
    (deadline * 2 + Duration::from_secs(11)) * 2
}

impl Watch {
    /// Takes a look; says what is stuck, and for how long, once that exceeds `limit`.
    pub(super) fn look(&mut self, look: &Look, now: Millis, limit: Duration) -> Option<(Stuck, Millis)> {
        let moved = self.moves != look.moves;
        self.moves = look.moves;
        let Some(what) = look.should_move().filter(|_| !moved) else {
            self.still = None;
            return None;
        };
        let since = match self.still {
            Some((before, since)) if before == what => since,
            Some(_) | None => now,
        };
        self.still = Some((what, since));
        let still = now.saturating_sub(since);
        (u128::from(still) >= limit.as_millis()).then_some((what, still))
    }
}

impl Look {
    fn should_move(&self) -> Option<Stuck> {
        if self.excused {
            None
        } else if self.in_calls > 0 {
            Some(Stuck::Calls)
        } else if self.ready > 0 {
            Some(Stuck::Ready)
        } else if self.window > 0 && !self.lanes_wait {
            Some(Stuck::Window)
        } else if self.unfetched {
            Some(Stuck::Source)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// What is said after the same look for so many seconds.
    fn after(seconds: u64, look: Look) -> Option<Stuck> {
        let (mut watch, mut told) = (Watch::default(), None);
        for second in 0..=seconds {
            told = watch.look(&look, second * 1_000, LIMIT);
        }
        told.map(|(stuck, _)| stuck)
    }

    #[test]
    fn says_what_does_not_move_once_it_is_too_long() {
        let ready = Look { ready: 3, window: 3, ..Look::default() };
        assert_eq!(after(9, ready), None);
        assert_eq!(after(10, ready), Some(Stuck::Ready));
        assert_eq!(after(10, Look { in_calls: 1, ..ready }), Some(Stuck::Calls));
        assert_eq!(after(10, Look { window: 1, ..Look::default() }), Some(Stuck::Window));
        assert_eq!(after(10, Look { unfetched: true, ..Look::default() }), Some(Stuck::Source));
    }

    #[test]
    fn an_empty_partition_and_one_with_an_excuse_are_not_stuck() {
        assert_eq!(after(1_000, Look::default()), None);
        for look in [Look { ready: 1, ..Look::default() }, Look { in_calls: 1, ..Look::default() }] {
            assert_eq!(after(1_000, Look { excused: true, ..look }), None);
        }
        assert_eq!(after(1_000, Look { window: 5, lanes_wait: true, ..Look::default() }), None);
    }

    #[test]
    fn a_lane_that_waits_does_not_excuse_what_is_ready() {
        assert_eq!(after(10, Look { ready: 1, window: 2, lanes_wait: true, ..Look::default() }), Some(Stuck::Ready));
    }

    #[test]
    fn any_move_begins_the_time_anew() {
        let mut watch = Watch::default();
        for second in 0..100 {
            let look = Look { ready: 1, moves: second / 8, ..Look::default() };
            assert_eq!(watch.look(&look, second * 1_000, LIMIT), None);
        }
    }

    #[test]
    fn an_excuse_in_between_begins_the_time_anew() {
        let mut watch = Watch::default();
        for second in 0..100 {
            let look = Look { ready: 1, excused: second % 9 == 0, ..Look::default() };
            assert_eq!(watch.look(&look, second * 1_000, LIMIT), None);
        }
    }

    #[test]
    fn the_limit_is_longer_than_any_call() {
        let deadline = Duration::from_secs(30);
        assert!(limit(deadline) > deadline * 2 + Duration::from_secs(1) + Duration::from_secs(10));
    }
}
