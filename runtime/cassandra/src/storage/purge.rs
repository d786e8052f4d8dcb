//! What is dead long enough is forgotten: tombstones that nothing older can meet any more, values that expired.

use super::rows::Edit;
use super::{Cell, Deletion, Item, Layout, Life, Packed, Partition, RowBuilder};

impl Partition {
    /// Turns what has expired into tombstones, and forgets tombstones after the table's grace, in one piece of the
    /// rows. Returns the next piece, if there is one.
    pub(super) fn purge(&mut self, layout: &Layout, piece: usize, now: i64) -> Option<usize> {
        let before = now - layout.grace;
        self.rows.rewrite((piece, 0), (piece, usize::MAX), |row| purged(row, now, before));
        if piece == 0 && self.rest.is_some() {
            self.rewrite_static(|row| purged(row, now, before));
        }
        if piece == 0 && self.rest.is_some() {
            self.change_rest(|rest| {
                rest.deletion = rest.deletion.filter(|deletion| deletion.at >= before);
                rest.ranges.retain(|deletion| deletion.at >= before);
            });
        }
        (piece + 1 < self.rows.pieces()).then_some(piece + 1)
    }
}

fn purged(packed: &Packed, now: i64, before: i64) -> Edit {
    let row = packed.row();
    let dead = |life| match life {
        Life::Live => false,
        Life::Expiring { expires, .. } => expires <= now,
        Life::Tombstone { at } => at < before,
    };
    let old = |deletion: &Deletion| deletion.at < before;
    let touched = row.liveness.is_some_and(|liveness| dead(liveness.life))
        || row.deletion.as_ref().is_some_and(old)
        || row.items().any(|item| match item {
            Item::Deletion(_, deletion) => old(&deletion),
            Item::Cell(cell) => dead(cell.life),
        });
    if !touched {
        return Edit::Keep;
    }
    let liveness = row.liveness.filter(|liveness| !dead(liveness.life));
    let base = row.liveness.map_or(0, |liveness| liveness.timestamp);
    let mut builder = RowBuilder::new(row.clustering, liveness, row.deletion.filter(|deletion| !old(deletion)), base);
    for item in row.items() {
        match item {
            Item::Deletion(_, deletion) if old(&deletion) => {}
            Item::Cell(cell) => {
                let cell = expired(cell, now);
                if !dead(cell.life) {
                    builder.push(&Item::Cell(cell));
                }
            }
            Item::Deletion(..) => builder.push(&item),
        }
    }
    builder.finish().into()
}

/// What an expired cell is from then on.
fn expired(cell: Cell<'_>, now: i64) -> Cell<'_> {
    match cell.life {
        Life::Expiring { ttl, expires } if expires <= now => {
            Cell { life: Life::Tombstone { at: expires - ttl }, value: &[], ..cell }
        }
        Life::Live | Life::Expiring { .. } | Life::Tombstone { .. } => cell,
    }
}
