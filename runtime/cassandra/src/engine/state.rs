//! The catalog and the data of its tables, as they are together at one time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use uuid::Uuid;

use crate::schema::{Applied, Catalog, Effect, Keyspace, Table};
use crate::storage::{Layout, Store};

/// Data of a table, shared by those who read and write it.
#[derive(Debug, Clone, Default)]
pub(super) struct Data(Arc<RwLock<Store>>);

impl Data {
    fn new(table: &Table) -> Self {
        Self(Arc::new(RwLock::new(Store::new(Layout::new(table)))))
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All there is.
#[derive(Debug)]
pub(super) struct State {
    pub(super) catalog: Arc<Catalog>,
    /// By id of the table; system tables have none.
    pub(super) data: HashMap<Uuid, Data>,
}

/// The state; whoever has got it keeps what was true then.
#[derive(Debug)]
pub(super) struct Shared(RwLock<Arc<State>>);

impl Shared {
    pub(super) fn new(keyspaces: Vec<Keyspace>) -> Self {
        let keyspaces: BTreeMap<_, _> =
            keyspaces.into_iter().map(|keyspace| (keyspace.name.to_string(), Arc::new(keyspace))).collect();
        let catalog = Catalog { keyspaces, version: Uuid::new_v4() };
        Self(RwLock::new(Arc::new(State { catalog: Arc::new(catalog), data: HashMap::new() })))
    }

    pub(super) fn get(&self) -> Arc<State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The schema has changed. Whoever calls sees to it that it is the only one.
    pub(super) fn apply(&self, catalog: Catalog, applied: &[Effect]) {
        let mut data = self.get().data.clone();
        for effect in applied {
            match effect {
                Effect::TableCreated(table) => {
                    data.insert(table.id, Data::new(table));
                }
                Effect::TableAltered(table) => {
                    if let Some(data) = data.get(&table.id) {
                        let dropped =
                            applied.iter().any(|effect| matches!(effect, Effect::ColumnDropped(id) if *id == table.id));
                        data.write().set_layout(Layout::new(table), dropped);
                    }
                }
                Effect::TableDropped(id) => {
                    data.remove(id);
                }
                // Cells go when their table is altered.
                Effect::ColumnDropped(_) => {}
            }
        }
        let state = Arc::new(State { catalog: Arc::new(catalog), data });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Ids of the tables that are not what they were.
pub(super) fn touched(applied: &Applied) -> Vec<Uuid> {
    applied
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::TableCreated(table) | Effect::TableAltered(table) => table.id,
            Effect::TableDropped(table) | Effect::ColumnDropped(table) => *table,
        })
        .collect()
}
