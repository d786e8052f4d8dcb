//! Sets of offsets as ranges. Pure.

/// Ascending, disjoint ranges of offsets, each with its end excluded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offsets {
    ranges: Vec<(i64, i64)>,
}

impl Offsets {
    /// From ranges in any order, which may overlap; empty ones are left out.
    pub fn of(ranges: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(start, end)| start < end).collect();
        ranges.sort_unstable();
        let mut merged = Self::default();
        for (start, end) in ranges {
            match merged.ranges.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.ranges.push((start, end)),
            }
        }
        merged
    }

    /// Adds an offset above all that are in it.
    pub fn push(&mut self, offset: i64) {
        match self.ranges.last_mut() {
            Some(last) if last.1 == offset => last.1 = offset + 1,
            _ => self.ranges.push((offset, offset + 1)),
        }
    }

    /// Whether the offset is in it.
    pub fn contains(&self, offset: i64) -> bool {
        let after = self.ranges.partition_point(|(start, _)| *start <= offset);
        after > 0 && offset < self.ranges[after - 1].1
    }

    /// The lowest offset.
    pub fn first(&self) -> Option<i64> {
        self.ranges.first().map(|(start, _)| *start)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Those of either.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.ranges.iter().chain(&other.ranges).copied())
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        let mut taken = other.ranges.iter().copied().peekable();
        for &(mut start, end) in &self.ranges {
            while let Some(&(from, to)) = taken.peek() {
                if to <= start {
                    taken.next();
                } else if from >= end {
                    break;
                } else {
                    if from > start {
                        rest.ranges.push((start, from));
                    }
                    start = to;
                    if to >= end {
                        break;
                    }
                }
            }
            if start < end {
                rest.ranges.push((start, end));
            }
        }
        rest
    }

    /// Those from an offset on.
    #[must_use]
    pub fn from(&self, offset: i64) -> Self {
        Self {
            ranges: self.ranges.iter().filter(|(_, end)| *end > offset).map(|(s, e)| (*s.max(&offset), *e)).collect(),
        }
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.ranges
    }

    /// The ranges.
    pub fn into_ranges(self) -> Vec<(i64, i64)> {
        self.ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((0..60i64, 0..9i64).prop_map(|(start, len)| (start, start + len)), 0..12)
    }

    fn set(ranges: &[(i64, i64)]) -> BTreeSet<i64> {
        ranges.iter().flat_map(|(start, end)| *start..*end).collect()
    }

    proptest! {
        #[test]
        fn are_sets(a in some(), b in some(), at in 0..70i64) {
            let (one, two) = (Offsets::of(a.clone()), Offsets::of(b.clone()));
            let (a, b) = (set(&a), set(&b));
            prop_assert_eq!(set(one.ranges()), a.clone());
            prop_assert_eq!(one.contains(at), a.contains(&at));
            prop_assert_eq!(set(one.and(&two).ranges()), a.union(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(one.without(&two).ranges()), a.difference(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(set(one.from(at).ranges()), a.range(at..).copied().collect::<BTreeSet<_>>());
            let mut pushed = Offsets::default();
            a.iter().for_each(|offset| pushed.push(*offset));
            prop_assert_eq!(pushed, one);
        }
    }
}
