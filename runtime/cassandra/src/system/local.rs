//! `system`: the node itself. It has no peers, and never will.

use super::define::{Define, map, set};
use super::value::{inet, int, list, text, uuid};
use super::{CLUSTER, CQL_VERSION, PARTITIONER, RELEASE_VERSION, Row, System};
use crate::schema::Catalog;
use crate::types::CqlType::{Bigint, Blob, Boolean, Inet, Int, Text, Uuid};

pub(super) const KEYSPACE: &str = "system";

/// The only token of the ring.
pub(super) const TOKEN: &str = "0";
/// What a node listens on for others; nobody is there.
const STORAGE_PORT: i32 = 7000;

pub(super) fn tables() -> Vec<Define> {
    let peers = "information about known peers in the cluster";
    vec![
        Define::new("local", 0x7ad54392_bcdd_35a6_8417_4e047860b377, "information about the local node", 0)
            .partition(&[("key", Text)])
            .columns(&[
                ("bootstrapped", Text),
                ("broadcast_address", Inet),
                ("broadcast_port", Int),
                ("cluster_name", Text),
                ("cql_version", Text),
                ("data_center", Text),
                ("gossip_generation", Int),
                ("host_id", Uuid),
                ("listen_address", Inet),
                ("listen_port", Int),
                ("native_protocol_version", Text),
                ("partitioner", Text),
                ("rack", Text),
                ("release_version", Text),
                ("rpc_address", Inet),
                ("rpc_port", Int),
                ("schema_version", Uuid),
                ("tokens", set(Text, false)),
                ("truncated_at", map(Uuid, Blob, false)),
            ]),
        Define::new("peers", 0x37f71aca_7dc2_383b_a706_72528af04d4f, peers, 0).partition(&[("peer", Inet)]).columns(&[
            ("data_center", Text),
            ("host_id", Uuid),
            ("preferred_ip", Inet),
            ("rack", Text),
            ("release_version", Text),
            ("rpc_address", Inet),
            ("schema_version", Uuid),
            ("tokens", set(Text, false)),
        ]),
        Define::new("peers_v2", 0xc4325fbb_8e5e_3baf_bd07_0f9250ed818e, peers, 0)
            .partition(&[("peer", Inet)])
            .clustering(&[("peer_port", Int)])
            .columns(&[
                ("data_center", Text),
                ("host_id", Uuid),
                ("native_address", Inet),
                ("native_port", Int),
                ("preferred_ip", Inet),
                ("preferred_port", Int),
                ("rack", Text),
                ("release_version", Text),
                ("schema_version", Uuid),
                ("tokens", set(Text, false)),
            ]),
        Define::new("IndexInfo", 0x9f5c6374_d485_3229_9a0a_5094af9ad1e3, "built column indexes", 0)
            .partition(&[("table_name", Text)])
            .clustering(&[("index_name", Text)])
            .columns(&[("value", Blob)]),
        Define::new("built_views", 0x4b3c50a9_ea87_3d76_9101_6dbc9c38494a, "built views", 0)
            .partition(&[("keyspace_name", Text)])
            .clustering(&[("view_name", Text)])
            .columns(&[("status_replicated", Boolean)]),
        Define::new(
            "size_estimates",
            0x618f817b_005f_3678_b8a4_53f3930b8e86,
            "per-table primary range size estimates, table is deprecated in favor of table_estimates",
            0,
        )
        .partition(&[("keyspace_name", Text)])
        .clustering(&[("table_name", Text), ("range_start", Text), ("range_end", Text)])
        .columns(&[("mean_partition_size", Bigint), ("partitions_count", Bigint)]),
        Define::new("table_estimates", 0x176c39cd_b93d_33a5_a218_8eb06a56f66e, "per-table range size estimates", 0)
            .partition(&[("keyspace_name", Text)])
            .clustering(&[("table_name", Text), ("range_type", Text), ("range_start", Text), ("range_end", Text)])
            .columns(&[("mean_partition_size", Bigint), ("partitions_count", Bigint)]),
    ]
}

pub(super) fn rows(table: &str, system: &System, catalog: &Catalog) -> Option<Vec<Row>> {
    match table {
        "local" => Some(vec![local(system, catalog)]),
        // Sizes are estimated from files, of which there are none.
        "peers" | "peers_v2" | "built_views" | "size_estimates" | "table_estimates" => Some(Vec::new()),
        "IndexInfo" => Some(indexes(catalog)),
        _ => None,
    }
}

fn local(system: &System, catalog: &Catalog) -> Row {
    let ip = system.address.ip();
    vec![
        text("local"),
        text("COMPLETED"),
        inet(ip),
        int(STORAGE_PORT),
        text(CLUSTER),
        text(CQL_VERSION),
        text("datacenter1"),
        int(system.started),
        uuid(system.host_id),
        inet(ip),
        int(STORAGE_PORT),
        text("5"),
        text(PARTITIONER),
        text("rack1"),
        text(RELEASE_VERSION),
        inet(ip),
        int(i32::from(system.address.port())),
        uuid(catalog.version),
        list([TOKEN]),
        None,
    ]
}

/// In memory an index is built as soon as it is there.
fn indexes(catalog: &Catalog) -> Vec<Row> {
    let tables = catalog.keyspaces.values().flat_map(|keyspace| keyspace.tables.values());
    tables
        .flat_map(|table| table.indexes.values().map(|index| vec![text(&table.keyspace), text(&index.name), None]))
        .collect()
}
