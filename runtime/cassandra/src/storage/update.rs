//! What a statement writes to one row, gathered in any order.

use super::merge::{compare, reconciled};
use super::{Cell, Deletion, Item, Layout, Life, Liveness, Packed, RowBuilder};

/// Writes to one row.
#[derive(Debug, Default)]
pub(crate) struct Update {
    deletions: Vec<(u32, Deletion)>,
    cells: Vec<Written>,
    increments: Vec<Increment>,
}

#[derive(Debug)]
struct Written {
    column: u32,
    path: Box<[u8]>,
    timestamp: i64,
    life: Life,
    value: Box<[u8]>,
}

/// A counter changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Increment {
    /// Id of the column.
    pub(crate) column: u32,
    /// By so much.
    pub(crate) delta: i64,
    /// Microseconds since the epoch.
    pub(crate) timestamp: i64,
}

impl Update {
    /// Writes a cell; `value` counts only if it lives.
    pub(crate) fn cell(&mut self, column: u32, path: &[u8], timestamp: i64, life: Life, value: &[u8]) {
        self.cells.push(Written { column, path: path.into(), timestamp, life, value: value.into() });
    }

    /// Deletes all cells of a column.
    pub(crate) fn delete(&mut self, column: u32, deletion: Deletion) {
        self.deletions.push((column, deletion));
    }

    /// Adds to a counter.
    pub(crate) fn increment(&mut self, column: u32, delta: i64, timestamp: i64) {
        self.increments.push(Increment { column, delta, timestamp });
    }

    /// Changes of counters, which need to know what is stored.
    pub(crate) fn increments(&self) -> &[Increment] {
        &self.increments
    }

    /// The rest as a row; `None` if it writes nothing.
    pub(crate) fn pack(&self, layout: &Layout, clustering: &[u8], liveness: Option<Liveness>) -> Option<Packed> {
        let deletions = self.deletions.iter().map(|(column, deletion)| Item::Deletion(*column, *deletion));
        let cells = self.cells.iter().map(|cell| {
            Item::Cell(Cell {
                column: cell.column,
                path: &cell.path,
                timestamp: cell.timestamp,
                life: cell.life,
                value: &cell.value,
            })
        });
        let mut items: Vec<_> = deletions.chain(cells).collect();
        items.sort_by(|one, other| compare(layout, one, other));
        items.dedup_by(|later, first| {
            let same = compare(layout, first, later).is_eq();
            match (&mut *first, &*later) {
                (Item::Cell(one), Item::Cell(other)) if same => *one = reconciled(false, *one, *other),
                (Item::Deletion(_, one), Item::Deletion(_, other)) if same && other.supersedes(*one) => *one = *other,
                _ => {}
            }
            same
        });
        let base = items.first().map_or(0, |item| match item {
            Item::Deletion(_, deletion) => deletion.timestamp,
            Item::Cell(cell) => cell.timestamp,
        });
        let mut row = RowBuilder::new(clustering, liveness, None, base);
        items.iter().for_each(|item| row.push(item));
        row.finish()
    }
}
