//! Finding things in a catalog.

use std::sync::Arc;

use super::{Catalog, Column, Keyspace, Kind, Table};

impl Catalog {
    /// The keyspace of that name.
    pub(crate) fn keyspace(&self, name: &str) -> Option<&Arc<Keyspace>> {
        self.keyspaces.get(name)
    }

    /// The table of that name.
    pub(crate) fn table(&self, keyspace: &str, name: &str) -> Option<&Arc<Table>> {
        self.keyspace(keyspace)?.tables.get(name)
    }
}

impl Table {
    /// Columns of the partition key.
    pub(crate) fn partition_key(&self) -> &[Column] {
        &self.columns[..self.partition_keys]
    }

    /// All other columns: static ones by name, then regular ones by name.
    pub(crate) fn rest(&self) -> &[Column] {
        &self.columns[self.partition_keys + self.clustering_keys..]
    }

    /// The column of that name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.position(name).map(|at| &self.columns[at])
    }

    /// Where in `columns` the column of that name is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }
}

impl Column {
    /// Of the partition key or a clustering column.
    pub(crate) fn is_key(&self) -> bool {
        match self.kind {
            Kind::Partition(_) | Kind::Clustering { .. } => true,
            Kind::Static | Kind::Regular => false,
        }
    }
}
