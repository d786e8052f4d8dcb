//! Clustering keys in memory, and positions before, at and after them.

use std::cmp::Ordering;

use super::Layout;

/// Appends a component of a clustering key. It has at most 65,535 bytes.
pub(crate) fn push_component(clustering: &mut Vec<u8>, value: &[u8]) {
    clustering.extend_from_slice(&(value.len() as u16).to_be_bytes());
    clustering.extend_from_slice(value);
}

/// The components of a clustering key or of a prefix of one.
pub(crate) fn components(clustering: &[u8]) -> Components<'_> {
    Components { rest: clustering }
}

/// Iterates over components.
#[derive(Debug, Clone)]
pub(crate) struct Components<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let (component, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.rest = rest;
        Some(component)
    }
}

/// On which side of all rows that begin with a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// Before the first of them.
    Before,
    /// The row itself; the prefix is a whole clustering key.
    At,
    /// After the last of them.
    After,
}

/// A place in a partition. The empty prefix is before, or after, all rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    /// Components, as many as are given.
    pub(crate) prefix: Box<[u8]>,
    /// Where, seen from the prefix.
    pub(crate) side: Side,
}

impl Position {
    /// Before all rows.
    pub(crate) fn first() -> Self {
        Self { prefix: Box::default(), side: Side::Before }
    }

    /// After all rows.
    pub(crate) fn last() -> Self {
        Self { prefix: Box::default(), side: Side::After }
    }

    /// Borrowed, as comparisons have it.
    pub(super) fn place(&self) -> Place<'_> {
        (&self.prefix, self.side)
    }

    /// How it stands to another.
    pub(crate) fn compare(&self, other: &Self, layout: &Layout) -> Ordering {
        compare(layout, self.place(), other.place())
    }
}

/// A position, borrowed.
pub(super) type Place<'a> = (&'a [u8], Side);

/// Orders positions as the table orders its rows.
pub(super) fn compare(layout: &Layout, left: Place<'_>, right: Place<'_>) -> Ordering {
    let (mut ones, mut others) = (components(left.0), components(right.0));
    for order in layout.clustering() {
        match (ones.next(), others.next()) {
            (Some(one), Some(other)) => match order.compare(one, other) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
            (Some(_), None) => return Side::At.cmp(&right.1),
            (None, Some(_)) => return left.1.cmp(&Side::At),
            (None, None) => break,
        }
    }
    left.1.cmp(&right.1)
}

impl Layout {
    /// Orders two rows by their clustering keys.
    pub(crate) fn compare_keys(&self, one: &[u8], other: &[u8]) -> Ordering {
        compare(self, (one, Side::At), (other, Side::At))
    }
}
