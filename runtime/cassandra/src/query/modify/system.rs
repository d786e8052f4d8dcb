//! System tables are computed: their rows become a table of the moment.

use bytes::Bytes;

use super::lists::Clock;
use super::write::Writer;
use crate::api::Error;
use crate::query::context::Context;
use crate::query::restrictions::key_of;
use crate::schema::{Kind, Table};
use crate::storage::{Change, Key, Layout, Life, Liveness, Mutation, Store, Update, push_component};
use crate::system::is_virtual;

/// A table with these rows; cells are in the order of the table's columns.
pub(crate) fn system_store(table: &Table, rows: Vec<Vec<Option<Bytes>>>) -> Result<Store, Error> {
    let mut store = Store::new(Layout::new(table));
    let clock = Clock::default();
    let context = Context { bound: &[], timestamp: 0, now: 0, millis: 0 };
    let writer = || Writer { table, context: &context, clock: &clock, timestamp: 1, ttl: 0, update: Update::default() };
    for row in rows {
        let mut key = Vec::new();
        let mut clustering = Vec::new();
        let (mut regular, mut fixed) = (writer(), writer());
        for (column, cell) in table.columns.iter().zip(row) {
            match (column.kind, cell) {
                (Kind::Partition(_), cell) => key.push(cell.unwrap_or_default()),
                (Kind::Clustering { .. }, cell) => push_component(&mut clustering, &cell.unwrap_or_default()),
                (Kind::Static, Some(cell)) => fixed.set(column, Some(&cell))?,
                (Kind::Regular, Some(cell)) => regular.set(column, Some(&cell))?,
                (Kind::Static | Kind::Regular, None) => {}
            }
        }
        let marker = Liveness { timestamp: 0, life: Life::Live };
        let changes = [
            regular.update.pack(store.layout(), &clustering, Some(marker)).map(Change::Row),
            fixed.update.pack(store.layout(), &[], None).map(Change::Static),
        ];
        let key = system_key(table, key_of(&key));
        store.apply(Mutation { key, changes: changes.into_iter().flatten().collect() }, 0);
    }
    Ok(store)
}

/// Computed keyspaces are ordered by key alone.
pub(crate) fn system_key(table: &Table, key: Key) -> Key {
    if is_virtual(&table.keyspace) { Key { token: 0, ..key } } else { key }
}
