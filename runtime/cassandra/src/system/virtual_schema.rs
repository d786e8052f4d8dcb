//! `system_virtual_schema`: the schema of the keyspaces that are computed.

use super::define::Define;
use super::schema::{column_rows, columns_table};
use super::value::text;
use super::{Row, is_virtual};
use crate::schema::Catalog;
use crate::types::CqlType::Text;

pub(super) const KEYSPACE: &str = "system_virtual_schema";

pub(super) fn tables() -> Vec<Define> {
    vec![
        Define::new("keyspaces", 0x6b1d3bd4_02b2_4b0e_8f4c_000000000001, "virtual keyspace definitions", 0)
            .partition(&[("keyspace_name", Text)]),
        Define::new("tables", 0x6b1d3bd4_02b2_4b0e_8f4c_000000000002, "virtual table definitions", 0)
            .partition(&[("keyspace_name", Text)])
            .clustering(&[("table_name", Text)])
            .columns(&[("comment", Text)]),
        columns_table(0x6b1d3bd4_02b2_4b0e_8f4c_000000000003, "virtual column definitions", 0),
    ]
}

pub(super) fn rows(table: &str, catalog: &Catalog) -> Option<Vec<Row>> {
    let keyspaces = || catalog.keyspaces.values().filter(|keyspace| is_virtual(&keyspace.name));
    let tables = || keyspaces().flat_map(|keyspace| keyspace.tables.values());
    Some(match table {
        "keyspaces" => keyspaces().map(|keyspace| vec![text(&keyspace.name)]).collect(),
        "tables" => {
            let row = |table: &crate::schema::Table| {
                vec![text(&table.keyspace), text(&table.name), text(&table.options.comment)]
            };
            tables().map(|table| row(table)).collect()
        }
        "columns" => tables().flat_map(|table| column_rows(table)).collect(),
        _ => return None,
    })
}
