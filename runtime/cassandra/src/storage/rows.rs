//! The rows of a partition in order: one, a short sorted list, or chunks once it is long.

use std::cmp::Ordering;

use super::clustering::{Place, compare};
use super::{Layout, Packed, Side};

/// More rows than this in a chunk split it.
const CHUNK: usize = 128;

/// Rows in clustering order. Most partitions have one: it costs no allocation beside its own.
#[derive(Debug)]
pub(super) enum Rows {
    One(Packed),
    Few(Vec<Packed>),
    /// No chunk is empty. Boxed, so that the others need no room for it.
    #[allow(clippy::box_collection)]
    Many(Box<Vec<Vec<Packed>>>),
}

impl Default for Rows {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Where a row is: chunk and place in it.
pub(super) type At = (usize, usize);

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::One(_) | Self::Many(_) => false,
            Self::Few(rows) => rows.is_empty(),
        }
    }

    fn chunk(&self, chunk: usize) -> Option<&[Packed]> {
        match self {
            Self::One(row) => (chunk == 0).then_some(std::slice::from_ref(row)),
            Self::Few(rows) => (chunk == 0).then_some(rows),
            Self::Many(chunks) => chunks.get(chunk).map(Vec::as_slice),
        }
    }

    /// The first row that is not before the place.
    pub(super) fn lower(&self, layout: &Layout, place: Place<'_>) -> At {
        let before = |row: &Packed| compare(layout, (row.clustering(), Side::At), place) == Ordering::Less;
        let chunk = match self {
            Self::One(_) | Self::Few(_) => 0,
            // What is beyond all rows is at the end of the last chunk.
            Self::Many(chunks) => chunks[..chunks.len() - 1].partition_point(|rows| rows.last().is_some_and(before)),
        };
        (chunk, self.chunk(chunk).map_or(0, |rows| rows.partition_point(before)))
    }

    pub(super) fn get(&self, at: At) -> Option<&Packed> {
        self.chunk(at.0)?.get(at.1)
    }

    /// The row with that key, or where it would be.
    pub(super) fn find(&self, layout: &Layout, clustering: &[u8]) -> Result<At, At> {
        let at = self.lower(layout, (clustering, Side::At));
        match self.get(at) {
            Some(row)
                if row.clustering() == clustering
                    || compare(layout, (row.clustering(), Side::At), (clustering, Side::At)).is_eq() =>
            {
                Ok(at)
            }
            _ => Err(at),
        }
    }

    pub(super) fn replace(&mut self, at: At, row: Packed) {
        match self {
            Self::One(stored) => *stored = row,
            Self::Few(rows) => rows[at.1] = row,
            Self::Many(chunks) => chunks[at.0][at.1] = row,
        }
    }

    /// Puts a row where `find` said it would be.
    pub(super) fn insert(&mut self, at: At, row: Packed) {
        match self {
            Self::Few(rows) if rows.is_empty() => *self = Self::One(row),
            Self::One(_) => {
                let Self::One(stored) = std::mem::take(self) else { unreachable!("just matched") };
                let rows = if at.1 == 0 { vec![row, stored] } else { vec![stored, row] };
                *self = Self::Few(rows);
            }
            Self::Few(rows) => {
                // Few partitions have many rows: no room for more until there are some.
                if rows.len() < 4 {
                    rows.reserve_exact(1);
                }
                rows.insert(at.1, row);
                if rows.len() > CHUNK {
                    let tail = rows.split_off(CHUNK / 2);
                    *self = Self::Many(Box::new(vec![std::mem::take(rows), tail]));
                }
            }
            Self::Many(chunks) => {
                let (chunk, place) = at;
                let rows = &mut chunks[chunk];
                rows.insert(place, row);
                if rows.len() > CHUNK {
                    // Rows often come in order: then the full chunk is left as it is.
                    let half = if chunk + 1 == chunks.len() { CHUNK } else { CHUNK / 2 };
                    let tail = chunks[chunk].split_off(half);
                    chunks.insert(chunk + 1, tail);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, at: At) {
        match self {
            Self::One(_) => *self = Self::default(),
            Self::Few(rows) => {
                rows.remove(at.1);
            }
            Self::Many(chunks) => {
                chunks[at.0].remove(at.1);
                if chunks[at.0].is_empty() {
                    chunks.remove(at.0);
                }
                if chunks.is_empty() {
                    *self = Self::default();
                }
            }
        }
    }

    /// Rows from one place up to another, in order.
    pub(super) fn range(&self, from: At, to: At) -> Range<'_> {
        Range { rows: self, from, to }
    }

    /// In how many pieces the rows are.
    pub(super) fn pieces(&self) -> usize {
        match self {
            Self::One(_) | Self::Few(_) => 1,
            Self::Many(chunks) => chunks.len(),
        }
    }

    /// Edits rows from one place up to another.
    pub(super) fn rewrite(&mut self, from: At, to: At, mut row: impl FnMut(&Packed) -> Edit) {
        let chunks = match self {
            Self::One(stored) => {
                match if (from..to).contains(&(0, 0)) { row(stored) } else { Edit::Keep } {
                    Edit::Keep => {}
                    Edit::Replace(edited) => *stored = edited,
                    Edit::Remove => *self = Self::default(),
                }
                return;
            }
            Self::Few(rows) => std::slice::from_mut(rows),
            Self::Many(chunks) => &mut chunks[..],
        };
        for (chunk, rows) in chunks.iter_mut().enumerate().skip(from.0) {
            if chunk > to.0 {
                break;
            }
            let first = if chunk == from.0 { from.1 } else { 0 };
            let last = if chunk == to.0 { to.1 } else { usize::MAX };
            let mut place = 0;
            rows.retain_mut(|stored| {
                let inside = (first..last).contains(&place);
                place += 1;
                match if inside { row(stored) } else { Edit::Keep } {
                    Edit::Keep => true,
                    Edit::Replace(edited) => {
                        *stored = edited;
                        true
                    }
                    Edit::Remove => false,
                }
            });
            if rows.len() * 4 < rows.capacity() {
                rows.shrink_to_fit();
            }
        }
        if let Self::Many(chunks) = self {
            chunks.retain(|rows| !rows.is_empty());
            if chunks.is_empty() {
                *self = Self::default();
            }
        }
    }
}

/// What becomes of a row.
#[derive(Debug)]
pub(super) enum Edit {
    Keep,
    Replace(Packed),
    Remove,
}

impl From<Option<Packed>> for Edit {
    fn from(row: Option<Packed>) -> Self {
        row.map_or(Self::Remove, Self::Replace)
    }
}

/// Iterates over rows, from either end.
#[derive(Debug, Clone)]
pub(super) struct Range<'a> {
    rows: &'a Rows,
    from: At,
    to: At,
}

impl<'a> Iterator for Range<'a> {
    type Item = &'a Packed;

    fn next(&mut self) -> Option<&'a Packed> {
        while self.from < self.to {
            let rows = self.rows.chunk(self.from.0)?;
            if let Some(row) = rows.get(self.from.1) {
                self.from.1 += 1;
                return Some(row);
            }
            self.from = (self.from.0 + 1, 0);
        }
        None
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.from < self.to {
            if self.to.1 == 0 {
                let chunk = self.to.0.checked_sub(1)?;
                self.to = (chunk, self.rows.chunk(chunk).map_or(0, <[Packed]>::len));
                continue;
            }
            self.to.1 -= 1;
            if let Some(row) = self.rows.chunk(self.to.0).and_then(|rows| rows.get(self.to.1)) {
                return Some(row);
            }
        }
        None
    }
}
