//! The orders of a table: of its rows, and of the cells in its collections.

use std::cmp::Ordering;

use crate::schema::{Kind, Table};
use crate::types::CqlType;

/// How a table orders what it holds.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    clustering: Vec<ComponentOrder>,
    /// Columns of several cells, by id, with the type of their paths.
    paths: Vec<(u32, CqlType)>,
    /// Columns dropped once, by id, with the timestamp up to which what was written stays invisible.
    dropped: Vec<(u32, i64)>,
    /// Cells are counters.
    pub(super) counter: bool,
    /// How long tombstones are kept, seconds.
    pub(super) grace: i64,
}

/// The order of one clustering column.
#[derive(Debug)]
pub(crate) struct ComponentOrder {
    of: CqlType,
    descending: bool,
}

impl ComponentOrder {
    pub(super) fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        let order = self.of.compare(one, other);
        if self.descending { order.reverse() } else { order }
    }
}

impl Layout {
    /// Of a table.
    pub(crate) fn new(table: &Table) -> Self {
        let mut clustering = Vec::new();
        let mut paths = Vec::new();
        for column in &table.columns {
            if let Kind::Clustering { descending, .. } = column.kind {
                clustering.push(ComponentOrder { of: column.of.clone(), descending });
            }
            if let Some(path) = path_type(&column.of) {
                paths.push((column.id, path));
            }
        }
        paths.sort_by_key(|(id, _)| *id);
        let mut dropped: Vec<_> = table.dropped.values().map(|column| (column.id, column.at)).collect();
        dropped.sort();
        Self { clustering, paths, dropped, counter: table.counter, grace: i64::from(table.options.gc_grace_seconds) }
    }

    /// Orders of the clustering columns.
    pub(crate) fn clustering(&self) -> &[ComponentOrder] {
        &self.clustering
    }

    /// Up to which timestamp cells of the column are gone because it was dropped.
    pub(super) fn dropped(&self, column: u32) -> Option<i64> {
        if self.dropped.is_empty() {
            return None;
        }
        self.dropped.binary_search_by_key(&column, |(id, _)| *id).ok().map(|found| self.dropped[found].1)
    }

    /// Orders two cells of one column.
    pub(super) fn compare_paths(&self, column: u32, one: &[u8], other: &[u8]) -> Ordering {
        match self.paths.binary_search_by_key(&column, |(id, _)| *id) {
            Ok(found) => self.paths[found].1.compare(one, other),
            // A plain column has one cell. Of a dropped collection the order of cells says nothing any more.
            Err(_) => one.cmp(other),
        }
    }
}

/// Type of the paths of a column that has several cells.
fn path_type(of: &CqlType) -> Option<CqlType> {
    match of {
        CqlType::List { frozen: false, .. } => Some(CqlType::Timeuuid),
        CqlType::Set { element, frozen: false } => Some((**element).clone()),
        CqlType::Map { key, frozen: false, .. } => Some((**key).clone()),
        // Number of the field, two bytes.
        CqlType::Udt { frozen: false, .. } => Some(CqlType::Blob),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A table with so many clustering columns of type int, ascending.
    pub(in super::super) fn ints(count: usize) -> Layout {
        let column = || ComponentOrder { of: CqlType::Int, descending: false };
        Layout { clustering: (0..count).map(|_| column()).collect(), grace: 100, ..Layout::default() }
    }
}
