//! What stands in `system_schema`.

use std::sync::Arc;

use super::super::value::{bigint, boolean, double, int, list, map, text, uuid};
use super::super::{Row, is_virtual};
use crate::schema::{Catalog, Column, Index, IndexTarget, Keyspace, Kind, Table};
use crate::types::CqlType;
use crate::types::name::identifier;

pub(in crate::system) fn rows(table: &str, catalog: &Catalog) -> Option<Vec<Row>> {
    let keyspaces = || catalog.keyspaces.values().filter(|keyspace| !is_virtual(&keyspace.name));
    let tables = || keyspaces().flat_map(|keyspace| keyspace.tables.values());
    Some(match table {
        "keyspaces" => keyspaces().map(|keyspace| keyspace_row(keyspace)).collect(),
        "tables" => tables().map(|table| table_row(table)).collect(),
        "columns" => tables().flat_map(|table| column_rows(table)).collect(),
        "dropped_columns" => tables().flat_map(|table| dropped_rows(table)).collect(),
        "types" => keyspaces().flat_map(|keyspace| type_rows(keyspace)).collect(),
        "indexes" => tables().flat_map(|table| index_rows(table)).collect(),
        "column_masks" | "triggers" | "views" | "functions" | "aggregates" => Vec::new(),
        _ => return None,
    })
}

fn keyspace_row(keyspace: &Keyspace) -> Row {
    vec![text(&keyspace.name), boolean(keyspace.durable_writes), map(&keyspace.replication)]
}

/// What is as every table has it by default is null where Cassandra leaves it out.
fn table_row(table: &Table) -> Row {
    let options = &table.options;
    let unless_true = |value: bool| if value { None } else { boolean(false) };
    let flags: &[&str] = if table.counter { &["compound", "counter"] } else { &["compound"] };
    vec![
        text(&table.keyspace),
        text(&table.name),
        text(&options.additional_write_policy),
        unless_true(options.allow_auto_snapshot),
        double(options.false_positives()),
        map(&options.caching),
        // Told only by servers on which change data capture is switched on.
        None,
        text(&options.comment),
        map(&options.compaction),
        map(&options.compression),
        double(options.crc_check_chance),
        double(0.0),
        int(options.default_time_to_live),
        map(&options.extensions),
        list(flags),
        int(options.gc_grace_seconds),
        uuid(table.id),
        unless_true(options.incremental_backups),
        int(options.max_index_interval),
        if options.memtable == "default" { None } else { text(&options.memtable) },
        int(options.memtable_flush_period_in_ms),
        int(options.min_index_interval),
        text(&options.read_repair),
        double(0.0),
        text(&options.speculative_retry),
    ]
}

pub(in crate::system) fn column_rows(table: &Table) -> impl Iterator<Item = Row> {
    table.columns.iter().map(|column| {
        let (kind, place, order) = match column.kind {
            Kind::Partition(place) => ("partition_key", place as i32, "none"),
            Kind::Clustering { place, descending } => {
                ("clustering", place as i32, if descending { "desc" } else { "asc" })
            }
            Kind::Static => ("static", -1, "none"),
            Kind::Regular => ("regular", -1, "none"),
        };
        vec![
            text(&table.keyspace),
            text(&table.name),
            text(&column.name),
            text(order),
            text(&column.name),
            text(kind),
            int(place),
            text(column.of.to_string()),
        ]
    })
}

fn dropped_rows(table: &Table) -> impl Iterator<Item = Row> {
    table.dropped.iter().map(|(name, dropped)| {
        vec![
            text(&table.keyspace),
            text(&table.name),
            text(name),
            bigint(dropped.at / 1000),
            text(if dropped.is_static { "static" } else { "regular" }),
            text(without_names(&dropped.of).to_string()),
        ]
    })
}

/// A dropped column outlives the user-defined types it was made of: they are told as tuples.
fn without_names(of: &CqlType) -> CqlType {
    match of {
        CqlType::Udt { definition, .. } => {
            CqlType::Tuple(definition.fields.iter().map(|(_, of)| without_names(of)).collect())
        }
        CqlType::Tuple(elements) => CqlType::Tuple(elements.iter().map(without_names).collect()),
        CqlType::List { element, frozen } => {
            CqlType::List { element: Arc::new(without_names(element)), frozen: *frozen }
        }
        CqlType::Set { element, frozen } => CqlType::Set { element: Arc::new(without_names(element)), frozen: *frozen },
        CqlType::Map { key, value, frozen } => {
            CqlType::Map { key: Arc::new(without_names(key)), value: Arc::new(without_names(value)), frozen: *frozen }
        }
        CqlType::Vector { element, dimension } => {
            CqlType::Vector { element: Arc::new(without_names(element)), dimension: *dimension }
        }
        native => native.clone(),
    }
}

fn type_rows(keyspace: &Keyspace) -> impl Iterator<Item = Row> {
    keyspace.types.values().map(|of| {
        vec![
            text(&keyspace.name),
            text(&of.name),
            list(of.fields.iter().map(|(name, _)| name)),
            list(of.fields.iter().map(|(_, of)| of.to_string())),
        ]
    })
}

fn index_rows(table: &Table) -> impl Iterator<Item = Row> {
    table.indexes.values().filter_map(|index| {
        let column = table.columns.iter().find(|column| column.id == index.column)?;
        let options = map([("target", target(index, column))]);
        Some(vec![text(&table.keyspace), text(&table.name), text(&index.name), text("COMPOSITES"), options])
    })
}

/// As `CREATE INDEX` writes what it is on.
pub(in crate::system) fn target(index: &Index, column: &Column) -> String {
    let name = identifier(&column.name);
    match index.target {
        IndexTarget::Keys => format!("keys({name})"),
        IndexTarget::Entries => format!("entries({name})"),
        IndexTarget::Full => format!("full({name})"),
        IndexTarget::Values => match column.of {
            CqlType::List { frozen: false, .. }
            | CqlType::Set { frozen: false, .. }
            | CqlType::Map { frozen: false, .. } => {
                format!("values({name})")
            }
            _ => name,
        },
    }
}
