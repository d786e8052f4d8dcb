//! `system_traces`: for clients that ask for traces. Nothing is traced, so nothing is there.

use super::Row;
use super::define::{Define, map};
use crate::types::CqlType::{Inet, Int, Text, Timestamp, Timeuuid, Uuid};

pub(super) const KEYSPACE: &str = "system_traces";

pub(super) fn tables() -> Vec<Define> {
    vec![
        Define::new("sessions", 0xc5e99f16_8677_3914_b17e_960613512345, "tracing sessions", 0)
            .partition(&[("session_id", Uuid)])
            .columns(&[
                ("client", Inet),
                ("command", Text),
                ("coordinator", Inet),
                ("coordinator_port", Int),
                ("duration", Int),
                ("parameters", map(Text, Text, false)),
                ("request", Text),
                ("started_at", Timestamp),
            ]),
        Define::new("events", 0x8826e8e9_e16a_3728_8753_3bc1fc713c25, "tracing events", 0)
            .partition(&[("session_id", Uuid)])
            .clustering(&[("event_id", Timeuuid)])
            .columns(&[
                ("activity", Text),
                ("source", Inet),
                ("source_elapsed", Int),
                ("source_port", Int),
                ("thread", Text),
            ]),
    ]
}

pub(super) fn rows(table: &str) -> Option<Vec<Row>> {
    matches!(table, "sessions" | "events").then(Vec::new)
}
