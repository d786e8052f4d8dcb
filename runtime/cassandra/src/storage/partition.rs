//! A partition: its rows, its static row and what deletes them.

use super::merge::merge;
use super::ranges::Ranges;
use super::rows::{Edit, Rows};
use super::{Change, Deletion, Layout, Packed, Position, RowRef, Side};

/// A partition. What is stored is never shadowed by its own tombstones: writing takes care of that.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    pub(super) rows: Rows,
    pub(super) rest: Option<Box<Rest>>,
}

/// What most partitions don't have.
#[derive(Debug, Default)]
pub(super) struct Rest {
    pub(super) deletion: Option<Deletion>,
    pub(super) statics: Option<Packed>,
    pub(super) ranges: Ranges,
}

impl Partition {
    /// The static row, as it is stored.
    pub(crate) fn statics(&self) -> Option<RowRef<'_>> {
        Some(self.rest.as_ref()?.statics.as_ref()?.row())
    }

    /// The row with that clustering key, dead or alive.
    pub(crate) fn row(&self, layout: &Layout, clustering: &[u8]) -> Option<RowRef<'_>> {
        let at = self.rows.find(layout, clustering).ok()?;
        self.rows.get(at).map(Packed::row)
    }

    /// Rows between two positions, in clustering order, dead ones too.
    pub(crate) fn rows<'a>(
        &'a self,
        layout: &Layout,
        from: &Position,
        to: &Position,
    ) -> impl DoubleEndedIterator<Item = RowRef<'a>> + use<'a> {
        let (from, to) = (self.rows.lower(layout, from.place()), self.rows.lower(layout, to.place()));
        self.rows.range(from, to).map(Packed::row)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.rest.is_none()
    }

    /// Applies one change of a mutation.
    pub(super) fn apply(&mut self, layout: &Layout, change: &Change) {
        match change {
            Change::Row(row) => self.write(layout, row),
            Change::Static(row) => {
                let cover = self.rest.as_ref().and_then(|rest| rest.deletion);
                let stored = self.rest.as_ref().and_then(|rest| rest.statics.as_ref()).map(Packed::row);
                let merged = merge(layout, stored, row.row(), cover);
                self.change_rest(|rest| rest.statics = merged);
            }
            Change::Range { from, to, deletion } => self.delete_range(layout, from, to, *deletion),
            Change::Partition(deletion) => self.delete(layout, *deletion),
            // The store has made it a write.
            Change::Increment(..) => {}
        }
    }

    fn cover(&self, layout: &Layout, clustering: &[u8]) -> Option<Deletion> {
        let rest = self.rest.as_ref()?;
        Deletion::max(rest.deletion, rest.ranges.cover(layout, (clustering, Side::At)))
    }

    fn write(&mut self, layout: &Layout, written: &Packed) {
        let row = written.row();
        let cover = self.cover(layout, row.clustering);
        match self.rows.find(layout, row.clustering) {
            Ok(at) => match merge(layout, self.rows.get(at).map(Packed::row), row, cover) {
                Some(merged) => self.rows.replace(at, merged),
                None => self.rows.remove(at),
            },
            Err(at) => {
                if let Some(merged) = merge(layout, None, row, cover) {
                    self.rows.insert(at, merged);
                }
            }
        }
    }

    fn delete_range(&mut self, layout: &Layout, from: &Position, to: &Position, deletion: Deletion) {
        if self.rest.as_ref().and_then(|rest| rest.deletion).is_some_and(|all| all.deletes(deletion.timestamp)) {
            return;
        }
        let (first, last) = (self.rows.lower(layout, from.place()), self.rows.lower(layout, to.place()));
        if first < last {
            self.rows.rewrite(first, last, |row| merge(layout, None, row.row(), Some(deletion)).into());
        }
        self.change_rest(|rest| rest.ranges.add(layout, from.clone(), to.clone(), deletion));
    }

    fn delete(&mut self, layout: &Layout, deletion: Deletion) {
        let deletion = Deletion::max(self.rest.as_ref().and_then(|rest| rest.deletion), Some(deletion));
        self.rewrite(|row| merge(layout, None, row.row(), deletion).into());
        self.change_rest(|rest| {
            rest.deletion = deletion;
            rest.ranges.retain(|range| deletion.is_some_and(|all| !all.deletes(range.timestamp)));
        });
    }

    /// Edits all rows, also the static one.
    pub(super) fn rewrite(&mut self, mut row: impl FnMut(&Packed) -> Edit) {
        self.rows.rewrite((0, 0), (usize::MAX, 0), &mut row);
        self.rewrite_static(row);
    }

    pub(super) fn rewrite_static(&mut self, mut row: impl FnMut(&Packed) -> Edit) {
        let Some(statics) = self.rest.as_ref().and_then(|rest| rest.statics.as_ref()) else { return };
        match row(statics) {
            Edit::Keep => {}
            Edit::Replace(edited) => self.change_rest(|rest| rest.statics = Some(edited)),
            Edit::Remove => self.change_rest(|rest| rest.statics = None),
        }
    }

    /// Changes what is seldom there; it is not kept when nothing is in it.
    pub(super) fn change_rest(&mut self, change: impl FnOnce(&mut Rest)) {
        let rest = self.rest.get_or_insert_default();
        change(rest);
        if rest.deletion.is_none() && rest.statics.is_none() && rest.ranges.is_empty() {
            self.rest = None;
        }
    }
}
