//! What keyspaces, tables and types there are. A catalog is a value: DDL makes a new one from it.

mod alter;
mod apply;
mod create;
mod drop;
mod index;
mod keyspace;
mod lookup;
pub(crate) mod options;
#[cfg(test)]
mod tests;
mod udt;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use apply::{Applied, Effect, apply};
use uuid::Uuid;

use crate::types::{CqlType, Udt};

/// All keyspaces. Cloning is cheap enough for DDL: what is below a keyspace is shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// By name.
    pub(crate) keyspaces: BTreeMap<String, Arc<Keyspace>>,
    /// Changes with every change, as `schema_version` of `system.local`.
    pub(crate) version: Uuid,
}

/// A keyspace.
#[derive(Debug, Clone)]
pub(crate) struct Keyspace {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// `class` and its options.
    pub(crate) replication: BTreeMap<String, String>,
    /// `durable_writes`
    pub(crate) durable_writes: bool,
    /// Kept by the server, so that clients can't change it.
    pub(crate) system: bool,
    /// By name.
    pub(crate) tables: BTreeMap<String, Arc<Table>>,
    /// By name.
    pub(crate) types: BTreeMap<String, Arc<Udt>>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// Stays as long as the table.
    pub(crate) id: Uuid,
    /// Its keyspace.
    pub(crate) keyspace: Arc<str>,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// As `SELECT *` has them: partition key, clustering columns, static ones by name, all others by name.
    pub(crate) columns: Vec<Column>,
    /// How many of `columns` are the partition key.
    pub(crate) partition_keys: usize,
    /// How many of `columns`, after the partition key, are clustering columns.
    pub(crate) clustering_keys: usize,
    /// All columns outside of the key are counters.
    pub(crate) counter: bool,
    /// By name.
    pub(crate) indexes: BTreeMap<String, Index>,
    /// Columns that were dropped, by name, also if there is such a column again.
    pub(crate) dropped: BTreeMap<String, Dropped>,
    /// Options.
    pub(crate) options: options::Options,
    /// The next column's id.
    pub(crate) next_column: u32,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The same as long as the column lives, also if it is renamed. A column that is added again after it was
    /// dropped has the id it had: what was written after the drop, by its timestamp, is then visible again.
    pub(crate) id: u32,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its type.
    pub(crate) of: CqlType,
    /// Its part in the table.
    pub(crate) kind: Kind,
}

/// What a column is to its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of the partition key, at this place.
    Partition(usize),
    /// A clustering column, at this place.
    Clustering {
        /// Place, from 0.
        place: usize,
        /// `DESC`
        descending: bool,
    },
    /// One value for a partition.
    Static,
    /// Any other.
    Regular,
}

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    /// Its name, unique in the keyspace.
    pub(crate) name: String,
    /// The column's id.
    pub(crate) column: u32,
    /// What of the column.
    pub(crate) target: IndexTarget,
}

/// What of a column is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexTarget {
    /// The value itself (of a list or set: each element; of a map: each value).
    Values,
    /// `keys(map)`
    Keys,
    /// `entries(map)`
    Entries,
    /// `full(frozen collection)`
    Full,
}

/// A column that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Its id; a column of that name has it again.
    pub(crate) id: u32,
    /// Its type.
    pub(crate) of: CqlType,
    /// It was static.
    pub(crate) is_static: bool,
    /// When, in microseconds: what has a timestamp up to this one stays invisible.
    pub(crate) at: i64,
}
