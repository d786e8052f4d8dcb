//! The range tombstones of a partition.

use std::cmp::Ordering;

use super::clustering::Place;
use super::{Deletion, Layout, Position, clustering};

/// Deleted ranges, in order and apart from each other.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Range>);

/// One deleted range; it has all positions from `start` to `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    start: Position,
    end: Position,
    deletion: Deletion,
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What deletes the place.
    pub(super) fn cover(&self, layout: &Layout, place: Place<'_>) -> Option<Deletion> {
        let after = self.0.partition_point(|range| clustering::compare(layout, range.end.place(), place).is_lt());
        let range = self.0.get(after)?;
        clustering::compare(layout, range.start.place(), place).is_lt().then_some(range.deletion)
    }

    /// Adds a range. Where two overlap the deletion that deletes more stays.
    pub(super) fn add(&mut self, layout: &Layout, start: Position, end: Position, deletion: Deletion) {
        if start.compare(&end, layout) != Ordering::Less {
            return;
        }
        let first = self.0.partition_point(|range| range.end.compare(&start, layout).is_le());
        let last = self.0.partition_point(|range| range.start.compare(&end, layout).is_lt());
        let mut merged: Vec<Range> = Vec::new();
        let mut put = |start: &Position, end: &Position, deletion: Deletion| {
            if start.compare(end, layout) != Ordering::Less {
                return;
            }
            match merged.last_mut() {
                Some(before) if before.deletion == deletion && before.end == *start => before.end = end.clone(),
                _ => merged.push(Range { start: start.clone(), end: end.clone(), deletion }),
            }
        };
        // Up to where the new range has been laid out.
        let mut done = start.clone();
        for range in &self.0[first..last] {
            put(&range.start, &start, range.deletion);
            put(&done, &range.start, deletion);
            let from = if range.start.compare(&start, layout).is_lt() { &start } else { &range.start };
            let to = if range.end.compare(&end, layout).is_gt() { &end } else { &range.end };
            let wins = if deletion.supersedes(range.deletion) { deletion } else { range.deletion };
            put(from, to, wins);
            put(&end, &range.end, range.deletion);
            done = to.clone();
        }
        put(&done, &end, deletion);
        self.0.splice(first..last, merged);
    }

    /// Keeps what is true of its deletion.
    pub(super) fn retain(&mut self, keep: impl Fn(Deletion) -> bool) {
        self.0.retain(|range| keep(range.deletion));
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::super::layout::tests::ints;
    use super::*;

    fn at(value: i32, side: Side) -> Position {
        let mut prefix = Vec::new();
        clustering::push_component(&mut prefix, &value.to_be_bytes());
        Position { prefix: prefix.into(), side }
    }

    fn deletion(timestamp: i64) -> Deletion {
        Deletion { timestamp, at: 1 }
    }

    #[test]
    fn overlapping_ranges_keep_the_later_deletion_everywhere() {
        let layout = ints(1);
        // Any order of adding gives the same.
        let added = [(2, 6, 5), (4, 9, 3), (1, 3, 4), (5, 5, 9), (0, 9, 1)];
        for turn in 0..added.len() {
            let mut ranges = Ranges::default();
            for i in 0..added.len() {
                let (from, to, timestamp) = added[(i + turn) % added.len()];
                ranges.add(&layout, at(from, Side::Before), at(to, Side::After), deletion(timestamp));
            }
            for value in 0..10 {
                let expected = added.iter().filter(|(from, to, _)| (*from..=*to).contains(&value)).map(|a| a.2).max();
                let place = at(value, Side::At);
                assert_eq!(ranges.cover(&layout, place.place()).map(|d| d.timestamp), expected, "at {value}");
            }
            assert_eq!(ranges.cover(&layout, at(10, Side::At).place()), None);
        }
    }

    #[test]
    fn bounds_are_inclusive_or_not_by_their_side() {
        let layout = ints(1);
        let mut ranges = Ranges::default();
        ranges.add(&layout, at(1, Side::After), at(3, Side::Before), deletion(1));
        let covered = |value| ranges.cover(&layout, at(value, Side::At).place()).is_some();
        assert!(!covered(1) && covered(2) && !covered(3));
    }
}
