//! What a conditional batch writes gets the time of its decision, all at once.

use std::collections::HashMap;

use super::merge::merge;
use super::{Change, Deletion, Item, Key, Layout, Mutation, Packed, RowBuilder};

/// Makes one mutation of those of a decision, which are all of one partition and of one timestamp. Changes of one row
/// are reconciled first; after that all that deletes more than a cell becomes a moment older, so that it does not delete
/// what was decided with it.
pub(crate) fn decided(layout: &Layout, key: Key, mutations: Vec<Mutation>, timestamp: i64) -> Mutation {
    let mut changes: Vec<Change> = Vec::new();
    // Where changes of a row are; no clustering key is the static row.
    let mut rows: HashMap<Option<Box<[u8]>>, usize> = HashMap::new();
    for change in mutations.into_iter().flat_map(|mutation| mutation.changes) {
        let (packed, row) = match &change {
            Change::Row(packed) => (packed, Some(packed.row().clustering.into())),
            Change::Static(packed) => (packed, None),
            Change::Range { .. } | Change::Partition(_) | Change::Increment(..) => {
                changes.push(older_change(change, timestamp));
                continue;
            }
        };
        let known = rows.get(&row).copied();
        match known.and_then(|at| changes.get_mut(at)) {
            Some(Change::Row(before) | Change::Static(before)) => {
                if let Some(merged) = merge(layout, Some(before.row()), packed.row(), None) {
                    *before = merged;
                }
            }
            _ => {
                rows.insert(row, changes.len());
                changes.push(change);
            }
        }
    }
    for change in &mut changes {
        if let Change::Row(packed) | Change::Static(packed) = change
            && let Some(older) = older_row(packed, timestamp)
        {
            *packed = older;
        }
    }
    Mutation { key, changes }
}

fn older_change(change: Change, timestamp: i64) -> Change {
    match change {
        Change::Range { from, to, deletion } => Change::Range { from, to, deletion: older(deletion, timestamp) },
        Change::Partition(deletion) => Change::Partition(older(deletion, timestamp)),
        Change::Row(_) | Change::Static(_) | Change::Increment(..) => change,
    }
}

fn older(deletion: Deletion, timestamp: i64) -> Deletion {
    Deletion { timestamp: deletion.timestamp.min(timestamp.saturating_sub(1)), ..deletion }
}

fn older_row(packed: &Packed, timestamp: i64) -> Option<Packed> {
    let row = packed.row();
    let deletion = row.deletion.map(|deletion| older(deletion, timestamp));
    let mut builder = RowBuilder::new(row.clustering, row.liveness, deletion, timestamp);
    for item in row.items() {
        builder.push(&match item {
            Item::Deletion(column, deletion) => Item::Deletion(column, older(deletion, timestamp)),
            Item::Cell(_) => item,
        });
    }
    builder.finish()
}
