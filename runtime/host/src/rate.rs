//! The share of a binding's events that end as dead letters, over the last while.
//!
//! Pure. A function that can't handle anything any more, after a deploy or a change of what it is fed, would otherwise move a
//! whole topic to its dead letters before anybody looks.

use std::time::Duration;

use crate::flow::Millis;

/// From which share on events are not given up one after another, but the binding pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Of the events that were finished, more than so many of a hundred; at 100 it never pauses.
    pub(crate) percent: u64,
    /// Fewer finished events than this say nothing.
    pub(crate) events: u64,
    /// Over this time.
    pub(crate) window: Duration,
}

/// Parts of the window, the oldest of which goes at once.
const PARTS: usize = 12;

/// Counts what was finished.
#[derive(Debug)]
pub(crate) struct Rate {
    limit: Limit,
    parts: [Counts; PARTS],
    /// The part at hand, counted from the epoch of the clock.
    at: u64,
}

/// Events that were finished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// With a dead letter.
    pub(crate) dead: u64,
    /// In any way.
    pub(crate) all: u64,
}

impl Rate {
    /// Nothing is finished yet.
    pub(crate) fn new(limit: Limit) -> Self {
        Self { limit, parts: [Counts::default(); PARTS], at: 0 }
    }

    /// So many events were finished, some of them with a dead letter.
    pub(crate) fn add(&mut self, counts: Counts, now: Millis) {
        self.turn(now);
        let part = &mut self.parts[(self.at % PARTS as u64) as usize];
        part.dead += counts.dead;
        part.all += counts.all;
    }

    /// The counts of the window, if too many of them are dead.
    pub(crate) fn exceeded(&mut self, now: Millis) -> Option<Counts> {
        self.turn(now);
        let sum = self
            .parts
            .iter()
            .fold(Counts::default(), |sum, part| Counts { dead: sum.dead + part.dead, all: sum.all + part.all });
        (sum.all >= self.limit.events && self.too_many(sum)).then_some(sum)
    }

    /// Whether so many of so many are too many, however few.
    pub(crate) fn too_many(&self, counts: Counts) -> bool {
        counts.dead.saturating_mul(100) > self.limit.percent.saturating_mul(counts.all)
    }

    /// Forgets what was.
    pub(crate) fn clear(&mut self) {
        self.parts = [Counts::default(); PARTS];
    }

    fn turn(&mut self, now: Millis) {
        let length = (self.limit.window.as_millis() as u64 / PARTS as u64).max(1);
        let part = now / length;
        // Parts that nothing was counted in meanwhile hold what is a window old.
        for gone in (self.at + 1..=part).rev().take(PARTS) {
            self.parts[(gone % PARTS as u64) as usize] = Counts::default();
        }
        self.at = self.at.max(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { percent: 50, events: 100, window: Duration::from_secs(60) };

    fn counts(dead: u64, all: u64) -> Counts {
        Counts { dead, all }
    }

    #[test]
    fn few_events_or_a_small_share_are_borne() {
        let mut rate = Rate::new(LIMIT);
        rate.add(counts(99, 99), 0);
        assert_eq!(rate.exceeded(0), None, "too few to tell");
        rate.add(counts(0, 99), 0);
        assert_eq!(rate.exceeded(0), None, "half of them are not more than half");
        rate.add(counts(1, 1), 0);
        assert_eq!(rate.exceeded(0), Some(counts(100, 199)));
        rate.clear();
        assert_eq!(rate.exceeded(0), None);
    }

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let mut rate = Rate::new(LIMIT);
        rate.add(counts(200, 200), 1_000);
        assert!(rate.exceeded(50_000).is_some());
        assert_eq!(rate.exceeded(62_000), None);
        rate.add(counts(60, 60), 100_000);
        rate.add(counts(60, 60), 140_000);
        assert_eq!(rate.exceeded(140_000), Some(counts(120, 120)));
        assert_eq!(rate.exceeded(10_000_000), None, "after a long silence");
    }

    #[test]
    fn a_limit_of_all_never_pauses() {
        let mut rate = Rate::new(Limit { percent: 100, ..LIMIT });
        rate.add(counts(1_000, 1_000), 0);
        assert_eq!(rate.exceeded(0), None);
    }
}
