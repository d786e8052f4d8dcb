//! Two versions of a row to one.

use std::cmp::Ordering;
use std::iter::Peekable;

use super::packed::Items;
use super::{Cell, Deletion, Item, Layout, Liveness, Packed, RowBuilder, RowRef};

/// Merges what is stored with what is written, under the deletion that covers the row from outside of it. `None` if
/// nothing is left. Reconciling is commutative but for counters, whose later value is the one that counts.
pub(super) fn merge(
    layout: &Layout,
    stored: Option<RowRef<'_>>,
    written: RowRef<'_>,
    cover: Option<Deletion>,
) -> Option<Packed> {
    let deletion = Deletion::max(stored.and_then(|row| row.deletion), written.deletion)
        .filter(|deletion| cover.is_none_or(|cover| cover.timestamp < deletion.timestamp));
    let active = deletion.or(cover);
    let liveness = latest(stored.and_then(|row| row.liveness), written.liveness)
        .filter(|liveness| !active.is_some_and(|deletion| deletion.deletes(liveness.timestamp)));
    let base = written.items().next().map_or(0, |item| match item {
        Item::Deletion(_, deletion) => deletion.timestamp,
        Item::Cell(cell) => cell.timestamp,
    });
    // Keys may be equal and not the same, as 1.0 and 1.00 are: the first one stays.
    let clustering = stored.map_or(written.clustering, |row| row.clustering);
    let builder = RowBuilder::new(clustering, liveness, deletion, base);
    let mut merge = Merge { layout, builder, active, column: None, column_active: None };
    let mut left = stored.map(|row| row.items()).into_iter().flatten().peekable();
    let mut right = written.items().peekable();
    while let Some((one, other)) = next(layout, &mut left, &mut right) {
        merge.add(one, other);
    }
    merge.builder.finish()
}

fn latest(one: Option<Liveness>, other: Option<Liveness>) -> Option<Liveness> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.supersedes(one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The next place in order, with what is there on either side.
fn next<'a>(
    layout: &Layout,
    left: &mut Peekable<impl Iterator<Item = Item<'a>>>,
    right: &mut Peekable<Items<'a>>,
) -> Option<(Option<Item<'a>>, Option<Item<'a>>)> {
    let order = match (left.peek(), right.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(one), Some(other)) => compare(layout, one, other),
    };
    Some(match order {
        Ordering::Less => (left.next(), None),
        Ordering::Greater => (None, right.next()),
        Ordering::Equal => (left.next(), right.next()),
    })
}

pub(super) fn compare(layout: &Layout, one: &Item<'_>, other: &Item<'_>) -> Ordering {
    one.column().cmp(&other.column()).then_with(|| match (one, other) {
        (Item::Deletion(..), Item::Deletion(..)) => Ordering::Equal,
        (Item::Deletion(..), Item::Cell(_)) => Ordering::Less,
        (Item::Cell(_), Item::Deletion(..)) => Ordering::Greater,
        (Item::Cell(one), Item::Cell(other)) => layout.compare_paths(one.column, one.path, other.path),
    })
}

struct Merge<'l> {
    layout: &'l Layout,
    builder: RowBuilder,
    /// What deletes all of the row.
    active: Option<Deletion>,
    column: Option<u32>,
    /// What deletes the column at hand.
    column_active: Option<i64>,
}

impl Merge<'_> {
    fn add(&mut self, one: Option<Item<'_>>, other: Option<Item<'_>>) {
        let Some(item) = one.or(other) else { return };
        if self.column != Some(item.column()) {
            self.column = Some(item.column());
            self.column_active = self.active.map(|deletion| deletion.timestamp).max(self.layout.dropped(item.column()));
        }
        match (one, other) {
            (Some(Item::Cell(one)), Some(Item::Cell(other))) => {
                self.cell(self.reconciled(one, other));
            }
            (Some(Item::Cell(cell)), _) | (_, Some(Item::Cell(cell))) => self.cell(cell),
            (one, other) => {
                let deletion = Deletion::max(one.and_then(whole), other.and_then(whole));
                if let Some(deletion) = deletion.filter(|deletion| self.column_active < Some(deletion.timestamp)) {
                    self.column_active = Some(deletion.timestamp);
                    self.builder.push(&Item::Deletion(item.column(), deletion));
                }
            }
        }
    }

    fn reconciled<'c>(&self, one: Cell<'c>, other: Cell<'c>) -> Cell<'c> {
        reconciled(self.layout.counter, one, other)
    }

    fn cell(&mut self, cell: Cell<'_>) {
        if self.column_active.is_none_or(|timestamp| cell.timestamp > timestamp) {
            self.builder.push(&Item::Cell(cell));
        }
    }
}

fn whole(item: Item<'_>) -> Option<Deletion> {
    match item {
        Item::Deletion(_, deletion) => Some(deletion),
        Item::Cell(_) => None,
    }
}

/// The cell that stays; `other` is the one written last.
pub(super) fn reconciled<'c>(counter: bool, one: Cell<'c>, other: Cell<'c>) -> Cell<'c> {
    use super::Life;
    if counter {
        // A deleted counter stays deleted, whatever the times are.
        return if matches!(one.life, Life::Tombstone { .. }) { one } else { other };
    }
    if other.wins(&one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::super::Life;
    use super::*;

    fn row(build: impl FnOnce(&mut RowBuilder), deletion: Option<i64>, marker: Option<i64>) -> Packed {
        let liveness = marker.map(|timestamp| Liveness { timestamp, life: Life::Live });
        let deletion = deletion.map(|timestamp| Deletion { timestamp, at: 1 });
        let mut builder = RowBuilder::new(b"", liveness, deletion, 0);
        build(&mut builder);
        builder.finish().unwrap()
    }

    fn cell<'a>(column: u32, path: &'a [u8], timestamp: i64, value: &'a [u8]) -> Item<'a> {
        Item::Cell(Cell { column, path, timestamp, life: Life::Live, value })
    }

    #[test]
    fn a_row_tombstone_hides_what_is_not_newer_whichever_comes_first() {
        let layout = Layout::default();
        let data = row(
            |row| {
                row.push(&cell(1, b"", 5, b"old"));
                row.push(&cell(2, b"", 6, b"new"));
            },
            None,
            Some(5),
        );
        let tombstone = row(|_| {}, Some(5), None);
        for (stored, written) in [(&data, &tombstone), (&tombstone, &data)] {
            let merged = merge(&layout, Some(stored.row()), written.row(), None).unwrap();
            assert_eq!(merged.row().items().collect::<Vec<_>>(), [cell(2, b"", 6, b"new")]);
            assert_eq!(merged.row().liveness, None);
        }
    }

    #[test]
    fn a_cover_takes_all_that_is_not_newer() {
        let data = row(|row| row.push(&cell(1, b"", 5, b"old")), Some(4), Some(5));
        let cover = Some(Deletion { timestamp: 5, at: 1 });
        assert_eq!(merge(&Layout::default(), None, data.row(), cover), None);
    }

    #[test]
    fn replacing_a_collection_keeps_its_new_elements() {
        let layout = Layout::default();
        let stored = row(
            |row| {
                row.push(&cell(1, b"a", 5, b""));
                row.push(&cell(1, b"c", 5, b""));
            },
            None,
            None,
        );
        let written = row(
            |row| {
                row.push(&Item::Deletion(1, Deletion { timestamp: 8, at: 1 }));
                row.push(&cell(1, b"b", 9, b""));
            },
            None,
            None,
        );
        let merged = merge(&layout, Some(stored.row()), written.row(), None).unwrap();
        assert_eq!(merged.row().cells(1).map(|cell| cell.path).collect::<Vec<_>>(), [b"b"]);
    }
}
