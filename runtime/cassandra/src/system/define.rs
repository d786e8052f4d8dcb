//! How system tables are written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::schema::options::Options;
use crate::schema::{Column, Kind, Table};
use crate::types::CqlType;

/// A table in the making. Its id is Cassandra's own, where that shows it.
pub(super) struct Define {
    id: u128,
    name: &'static str,
    options: Options,
    partition: Vec<(&'static str, CqlType)>,
    clustering: Vec<(&'static str, CqlType)>,
    others: Vec<(&'static str, CqlType)>,
}

impl Define {
    pub(super) fn new(name: &'static str, id: u128, comment: &str, gc_grace_seconds: i32) -> Self {
        let options = Options {
            comment: comment.to_owned(),
            gc_grace_seconds,
            memtable_flush_period_in_ms: 3_600_000,
            ..Options::default()
        };
        Self { id, name, options, partition: Vec::new(), clustering: Vec::new(), others: Vec::new() }
    }

    pub(super) fn partition(mut self, columns: &[(&'static str, CqlType)]) -> Self {
        self.partition.extend_from_slice(columns);
        self
    }

    pub(super) fn clustering(mut self, columns: &[(&'static str, CqlType)]) -> Self {
        self.clustering.extend_from_slice(columns);
        self
    }

    pub(super) fn columns(mut self, columns: &[(&'static str, CqlType)]) -> Self {
        self.others.extend_from_slice(columns);
        self
    }

    pub(super) fn build(self, keyspace: &str) -> Table {
        let mut columns = Vec::new();
        let mut add =
            |name: &str, of, kind| columns.push(Column { id: columns.len() as u32, name: name.into(), of, kind });
        let (partition_keys, clustering_keys) = (self.partition.len(), self.clustering.len());
        for (place, (name, of)) in self.partition.into_iter().enumerate() {
            add(name, of, Kind::Partition(place));
        }
        for (place, (name, of)) in self.clustering.into_iter().enumerate() {
            add(name, of, Kind::Clustering { place, descending: false });
        }
        for (name, of) in self.others {
            add(name, of, Kind::Regular);
        }
        let next_column = columns.len() as u32;
        Table {
            id: Uuid::from_u128(self.id),
            keyspace: keyspace.into(),
            name: self.name.into(),
            columns,
            partition_keys,
            clustering_keys,
            counter: false,
            indexes: BTreeMap::new(),
            dropped: BTreeMap::new(),
            options: self.options,
            next_column,
        }
    }
}

pub(super) fn list(element: CqlType) -> CqlType {
    CqlType::List { element: Arc::new(element), frozen: true }
}

pub(super) fn set(element: CqlType, frozen: bool) -> CqlType {
    CqlType::Set { element: Arc::new(element), frozen }
}

pub(super) fn map(key: CqlType, value: CqlType, frozen: bool) -> CqlType {
    CqlType::Map { key: Arc::new(key), value: Arc::new(value), frozen }
}
