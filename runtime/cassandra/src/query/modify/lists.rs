//! Elements of lists are cells whose paths are times: appended ones later, prepended ones earlier than all others.

use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

/// 1582-10-15 to 1970-01-01, in steps of 100 ns.
const GREGORIAN: i64 = 0x01b2_1dd2_1381_4000;
/// 2010-01-01, milliseconds: elements are prepended on the other side of it.
const REFERENCE: i64 = 1_262_304_000_000;

/// Gives times, none twice.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The last timestamp, microseconds.
    timestamp: AtomicI64,
    /// The last time of an appended element, 100 ns.
    appended: AtomicI64,
    /// The earliest time of a prepended element, 100 ns.
    prepended: AtomicI64,
    node: u64,
}

impl Default for Clock {
    fn default() -> Self {
        let node = u64::from_be_bytes(*Uuid::new_v4().as_bytes().first_chunk().unwrap_or(&[0; 8]));
        Self {
            timestamp: AtomicI64::new(i64::MIN),
            appended: AtomicI64::new(i64::MIN),
            prepended: AtomicI64::new(i64::MAX),
            // As a version 1 UUID has it.
            node: node & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000,
        }
    }
}

impl Clock {
    /// Microseconds since the epoch, later than all before.
    pub(crate) fn timestamp(&self, micros: i64) -> i64 {
        later(&self.timestamp, micros, 1)
    }

    /// Paths for elements after all there are, in order.
    pub(super) fn append(&self, millis: i64, count: usize) -> impl Iterator<Item = [u8; 16]> + use<> {
        let count = count as i64;
        let last = later(&self.appended, ticks(millis), count);
        let node = self.node;
        (last - count + 1..=last).map(move |at| path(at, node))
    }

    /// Paths for elements before all there are, in order.
    pub(super) fn prepend(&self, millis: i64, count: usize) -> impl Iterator<Item = [u8; 16]> + use<> {
        let count = count as i64;
        let mirrored = ticks(2 * REFERENCE - millis);
        let earlier = |last: i64| last.min(mirrored).saturating_sub(count);
        let update = self.prepended.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(earlier(last)));
        let (Ok(before) | Err(before)) = update;
        let first = earlier(before);
        let node = self.node;
        (first..first + count).map(move |at| path(at, node))
    }
}

/// Moves a clock to `now`, or further if it is there already; by `count` at least.
fn later(clock: &AtomicI64, now: i64, count: i64) -> i64 {
    let next = |last: i64| now.max(last.saturating_add(count));
    let update = clock.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    let (Ok(before) | Err(before)) = update;
    next(before)
}

fn ticks(millis: i64) -> i64 {
    millis.saturating_mul(10_000).saturating_add(GREGORIAN)
}

/// A version 1 UUID of that time.
fn path(at: i64, node: u64) -> [u8; 16] {
    let at = at as u64;
    let most = at << 32 | (at >> 32 & 0xffff) << 16 | 0x1000 | at >> 48 & 0x0fff;
    let mut out = [0; 16];
    out[..8].copy_from_slice(&most.to_be_bytes());
    out[8..].copy_from_slice(&node.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CqlType;

    #[test]
    fn elements_are_in_the_order_in_which_lists_show_them() {
        let clock = Clock::default();
        let now = 1_700_000_000_000;
        let first: Vec<_> = clock.append(now, 3).collect();
        let second: Vec<_> = clock.append(now, 2).collect();
        let before: Vec<_> = clock.prepend(now, 2).collect();
        let long_before: Vec<_> = clock.prepend(now, 2).collect();
        let all: Vec<_> = [long_before, before, first, second].concat();
        for pair in all.windows(2) {
            assert!(CqlType::Timeuuid.compare(&pair[0], &pair[1]).is_lt(), "{pair:?}");
        }
    }

    #[test]
    fn timestamps_never_repeat() {
        let clock = Clock::default();
        assert_eq!([clock.timestamp(5), clock.timestamp(5), clock.timestamp(9), clock.timestamp(3)], [5, 6, 9, 10]);
    }
}
