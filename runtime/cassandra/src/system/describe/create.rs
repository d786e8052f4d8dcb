//! Statements that would make what there is, laid out as Cassandra does it.

use std::fmt::Write;

use super::super::schema::target;
use crate::schema::{Index, Keyspace, Kind, Table};
use crate::types::name::identifier;
use crate::types::{CqlType, Udt};

pub(super) fn keyspace(keyspace: &Keyspace, computed: bool) -> String {
    let name = identifier(&keyspace.name);
    if computed {
        return for_reference("Keyspace", &name, &format!("VIRTUAL KEYSPACE {name};"));
    }
    let class = keyspace.replication.get("class").map_or("", String::as_str);
    let class = class.strip_prefix("org.apache.cassandra.locator.").unwrap_or(class);
    let options = keyspace
        .replication
        .iter()
        .filter(|(key, _)| *key != "class")
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let replication = map(std::iter::once(("class", class)).chain(options));
    let durable = keyspace.durable_writes;
    format!("CREATE KEYSPACE {name} WITH replication = {replication}  AND durable_writes = {durable};")
}

pub(super) fn udt(of: &Udt) -> String {
    let fields: Vec<_> = of.fields.iter().map(|(name, of)| format!("    {} {of}", identifier(name))).collect();
    format!("CREATE TYPE {}.{} (\n{}\n);", identifier(&of.keyspace), identifier(&of.name), fields.join(",\n"))
}

pub(super) fn index(table: &Table, index: &Index) -> Option<String> {
    let column = table.columns.iter().find(|column| column.id == index.column)?;
    Some(format!("CREATE INDEX {} ON {} ({});", identifier(&index.name), full_name(table), target(index, column)))
}

/// `internals` adds what only a copy to the last bit needs: the id, and what was dropped.
pub(super) fn table(table: &Table, internals: bool) -> String {
    let mut out = format!("CREATE TABLE {} (\n{}) WITH ", full_name(table), columns(table, internals));
    if internals {
        let _ = write!(out, "ID = {}\n    AND ", table.id);
    }
    out.push_str(&clustering_order(table));
    out.push_str(&options(table));
    out.push(';');
    if internals {
        for (name, dropped) in &table.dropped {
            let (table_name, name) = (full_name(table), identifier(name));
            let _ = write!(out, "\nALTER TABLE {table_name} DROP {name} USING TIMESTAMP {};", dropped.at);
            if let Some(column) = table.columns.iter().find(|column| column.id == dropped.id) {
                let kind = if column.kind == Kind::Static { " static" } else { "" };
                let _ = write!(out, "\nALTER TABLE {table_name} ADD {name} {}{kind};", column.of);
            }
        }
    }
    out
}

pub(super) fn virtual_table(table: &Table) -> String {
    let name = full_name(table);
    let (columns, order, comment) = (columns(table, false), clustering_order(table), quoted(&table.options.comment));
    for_reference("Table", &name, &format!("VIRTUAL TABLE {name} (\n{columns}) WITH {order}comment = {comment};"))
}

fn for_reference(kind: &str, name: &str, structure: &str) -> String {
    let computed = kind.to_lowercase();
    format!(
        "/*\nWarning: {kind} {name} is a virtual {computed} and cannot be recreated with CQL.\nStructure, for reference:\n{structure}\n*/"
    )
}

fn full_name(table: &Table) -> String {
    format!("{}.{}", identifier(&table.keyspace), identifier(&table.name))
}

/// Keys, then static columns, then the others; in both collections and the like last.
fn columns(table: &Table, internals: bool) -> String {
    let keys = table.partition_keys + table.clustering_keys;
    let mut others: Vec<_> = table.columns[keys..].iter().collect();
    others.sort_by_key(|column| (column.kind != Kind::Static, multicell(&column.of)));
    let mut lines: Vec<String> = Vec::new();
    for column in table.columns[..keys].iter().chain(others) {
        let suffix = match column.kind {
            Kind::Partition(_) if keys == 1 => " PRIMARY KEY",
            Kind::Static => " static",
            Kind::Partition(_) | Kind::Clustering { .. } | Kind::Regular => "",
        };
        lines.push(format!("    {} {}{suffix}", identifier(&column.name), column.of));
    }
    if internals {
        let gone =
            table.dropped.iter().filter(|(_, dropped)| table.columns.iter().all(|column| column.id != dropped.id));
        lines.extend(gone.map(|(name, dropped)| {
            let suffix = if dropped.is_static { " static" } else { "" };
            format!("    {} {}{suffix}", identifier(name), dropped.of)
        }));
    }
    if keys > 1 {
        let names = |columns: &[crate::schema::Column]| -> Vec<_> {
            columns.iter().map(|column| identifier(&column.name)).collect()
        };
        let partition = names(&table.columns[..table.partition_keys]);
        let partition = if partition.len() > 1 { format!("({})", partition.join(", ")) } else { partition.concat() };
        let clustering = names(&table.columns[table.partition_keys..keys]);
        lines.push(format!("    PRIMARY KEY ({})", [vec![partition], clustering].concat().join(", ")));
    }
    lines.join(",\n") + "\n"
}

fn multicell(of: &CqlType) -> bool {
    matches!(
        of,
        CqlType::List { frozen: false, .. }
            | CqlType::Set { frozen: false, .. }
            | CqlType::Map { frozen: false, .. }
            | CqlType::Udt { frozen: false, .. }
    )
}

fn clustering_order(table: &Table) -> String {
    let order = table.columns.iter().filter_map(|column| match column.kind {
        Kind::Clustering { descending, .. } => {
            Some(format!("{} {}", identifier(&column.name), if descending { "DESC" } else { "ASC" }))
        }
        Kind::Partition(_) | Kind::Static | Kind::Regular => None,
    });
    let order = order.collect::<Vec<_>>().join(", ");
    if order.is_empty() { order } else { format!("CLUSTERING ORDER BY ({order})\n    AND ") }
}

fn options(table: &Table) -> String {
    let options = &table.options;
    let pairs = |map_of: &std::collections::BTreeMap<String, String>| {
        map(map_of.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    };
    let extensions = options.extensions.iter().map(|(key, value)| {
        let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}: 0x{hex}", quoted(key))
    });
    let extensions: Vec<_> = extensions.collect();
    [
        ("additional_write_policy", quoted(&options.additional_write_policy)),
        ("allow_auto_snapshot", options.allow_auto_snapshot.to_string()),
        ("bloom_filter_fp_chance", format!("{:?}", options.false_positives())),
        ("caching", pairs(&options.caching)),
        ("cdc", options.cdc.to_string()),
        ("comment", quoted(&options.comment)),
        ("compaction", pairs(&options.compaction)),
        ("compression", pairs(&options.compression)),
        ("memtable", quoted(&options.memtable)),
        ("crc_check_chance", format!("{:?}", options.crc_check_chance)),
        ("default_time_to_live", options.default_time_to_live.to_string()),
        ("extensions", format!("{{{}}}", extensions.join(", "))),
        ("gc_grace_seconds", options.gc_grace_seconds.to_string()),
        ("incremental_backups", options.incremental_backups.to_string()),
        ("max_index_interval", options.max_index_interval.to_string()),
        ("memtable_flush_period_in_ms", options.memtable_flush_period_in_ms.to_string()),
        ("min_index_interval", options.min_index_interval.to_string()),
        ("read_repair", quoted(&options.read_repair)),
        ("speculative_retry", quoted(&options.speculative_retry)),
    ]
    .map(|(name, value)| format!("{name} = {value}"))
    .join("\n    AND ")
}

fn map<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
