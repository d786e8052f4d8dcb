//! `system_views`: of what Cassandra shows of its inside, that which means something here.

use super::define::Define;
use super::value::text;
use super::{CLUSTER, PARTITIONER, Row, System};
use crate::types::CqlType::Text;
use crate::wire::MAX_REQUEST;

pub(super) const KEYSPACE: &str = "system_views";

pub(super) fn tables() -> Vec<Define> {
    vec![
        Define::new("settings", 0x6b1d3bd4_02b2_4b0e_8f4c_000000000004, "current settings", 0)
            .partition(&[("name", Text)])
            .columns(&[("value", Text)]),
    ]
}

pub(super) fn rows(table: &str, system: &System) -> Option<Vec<Row>> {
    let settings = || {
        [
            ("authenticator", "AllowAllAuthenticator".to_owned()),
            ("authorizer", "AllowAllAuthorizer".to_owned()),
            ("cluster_name", CLUSTER.to_owned()),
            ("native_transport_max_frame_size", format!("{}MiB", MAX_REQUEST >> 20)),
            ("native_transport_port", system.address.port().to_string()),
            ("num_tokens", "1".to_owned()),
            ("partitioner", PARTITIONER.to_owned()),
            ("rpc_address", system.address.ip().to_string()),
        ]
    };
    (table == "settings").then(|| settings().into_iter().map(|(name, value)| vec![text(name), text(value)]).collect())
}
