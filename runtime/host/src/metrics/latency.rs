//! Times of calls that can be read back, as the registry's histograms can only be written out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bound of the first bucket, microseconds; each further one is twice as high, the last has none.
const FIRST: u64 = 64;
const BUCKETS: usize = 20;

/// Times that come in.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    buckets: [AtomicU64; BUCKETS],
}

/// How many calls took how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    buckets: [u64; BUCKETS],
}

impl Latencies {
    pub(super) fn observe(&self, took: Duration) {
        self.buckets[bucket(took)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn so_far(&self) -> Latency {
        Latency { buckets: std::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed)) }
    }
}

impl Latency {
    /// Calls.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// What came after an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        Self { buckets: std::array::from_fn(|i| self.buckets[i].saturating_sub(earlier.buckets[i])) }
    }

    /// A time that such a part of the calls (0.5, 0.99) did not exceed, at most twice the true one; none without calls.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * part.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map(|bucket| Duration::from_micros(FIRST << bucket))
    }
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let above = micros.saturating_sub(1) / FIRST;
    ((u64::BITS - above.leading_zeros()) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_below_its_bound_and_above_half_of_it() {
        for micros in [0, 1, 64, 65, 128, 129, 1_000, 10_000_000] {
            let bound = FIRST << bucket(Duration::from_micros(micros));
            assert!(micros <= bound, "{micros} {bound}");
            assert!(bound == FIRST || micros > bound / 2, "{micros} {bound}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_of_what_came_since() {
        let times = Latencies::default();
        assert_eq!(times.so_far().quantile(0.5), None);
        (0..99).for_each(|_| times.observe(Duration::from_micros(100)));
        times.observe(Duration::from_millis(50));
        let first = times.so_far();
        assert_eq!(first.count(), 100);
        assert_eq!(first.quantile(0.99), Some(Duration::from_micros(128)));
        assert_eq!(first.quantile(1.0), Some(Duration::from_micros(65_536)));
        times.observe(Duration::from_micros(10));
        assert_eq!(times.so_far().since(&first).quantile(0.5), Some(Duration::from_micros(64)));
    }
}
