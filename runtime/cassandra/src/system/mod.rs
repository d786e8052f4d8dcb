//! The tables a Cassandra has about itself: what they are and what stands in them. Drivers read them when they connect.

mod define;
mod describe;
mod local;
mod schema;
mod traces;
mod value;
mod views;
mod virtual_schema;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uuid::Uuid;

use crate::schema::{Catalog, Keyspace, Table};
use define::Define;

/// The version of Cassandra that this server behaves as.
pub(crate) const RELEASE_VERSION: &str = "5.0.5";
/// Its version of CQL.
pub(crate) const CQL_VERSION: &str = "3.4.7";
/// Its partitioner.
pub(crate) const PARTITIONER: &str = "org.apache.cassandra.dht.Murmur3Partitioner";
/// Name of the cluster of one.
pub(crate) const CLUSTER: &str = "veltrix";

/// One row: cells in the order of the table's columns.
type Row = Vec<Option<Bytes>>;

/// What the server tells about itself.
#[derive(Debug, Clone)]
pub struct System {
    /// Where clients reach it.
    address: SocketAddr,
    /// Another one with every start, as all data is then new.
    host_id: Uuid,
    /// Seconds since the epoch.
    started: i32,
}

impl Default for System {
    /// On the usual port of this machine.
    fn default() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 9042)))
    }
}

impl System {
    /// A server that listens at `address`; if that is any address, clients are told the loopback one.
    pub fn at(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self {
            address: SocketAddr::new(ip, address.port()),
            host_id: Uuid::new_v4(),
            started: i32::try_from(started).unwrap_or(i32::MAX),
        }
    }

    /// The keyspaces every catalog begins with.
    pub(crate) fn keyspaces(&self) -> Vec<Keyspace> {
        let local = [("class", "org.apache.cassandra.locator.LocalStrategy")];
        let traces = [("class", "org.apache.cassandra.locator.SimpleStrategy"), ("replication_factor", "2")];
        vec![
            keyspace(local::KEYSPACE, &local, local::tables()),
            keyspace(schema::KEYSPACE, &local, schema::tables()),
            keyspace(traces::KEYSPACE, &traces, traces::tables()),
            keyspace(virtual_schema::KEYSPACE, &local, virtual_schema::tables()),
            keyspace(views::KEYSPACE, &local, views::tables()),
        ]
    }

    /// All rows of a system table, in any order; `None` if it isn't one.
    pub(crate) fn rows(&self, table: &Table, catalog: &Catalog) -> Option<Vec<Row>> {
        match &*table.keyspace {
            local::KEYSPACE => local::rows(&table.name, self, catalog),
            schema::KEYSPACE => schema::rows(&table.name, catalog),
            traces::KEYSPACE => traces::rows(&table.name),
            virtual_schema::KEYSPACE => virtual_schema::rows(&table.name, catalog),
            views::KEYSPACE => views::rows(&table.name, self),
            _ => None,
        }
    }
}

/// Computed keyspaces have a schema of their own and are in no order of tokens.
pub(crate) fn is_virtual(keyspace: &str) -> bool {
    matches!(keyspace, virtual_schema::KEYSPACE | views::KEYSPACE)
}

fn keyspace(name: &str, replication: &[(&str, &str)], tables: Vec<Define>) -> Keyspace {
    Keyspace {
        name: name.into(),
        replication: replication.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        durable_writes: true,
        system: true,
        tables: tables
            .into_iter()
            .map(|table| table.build(name))
            .map(|table| (table.name.to_string(), Arc::new(table)))
            .collect(),
        types: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests;
