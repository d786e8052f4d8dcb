//! `CREATE INDEX`

use std::sync::Arc;

use veltrix_cql::{CreateIndex, IndexTarget as Target, Property};

use super::apply::{Applied, Effect, Work, change, configuration, invalid, is_word};
use super::{Column, Index, IndexTarget, Keyspace, Kind, Table};
use crate::api::Error;
use crate::types::CqlType;
use crate::types::name::identifier;

/// The class of the indexes that there are, besides none.
const LEGACY: &str = "legacy_local_table";

pub(super) fn create(work: &Work<'_>, keyspace: &str, statement: &CreateIndex) -> Result<Applied, Error> {
    let table = statement.table.name.as_str();
    let keyspace = work.keyspace(keyspace)?;
    let Some(old) = keyspace.tables.get(table) else { return invalid(format!("Table '{table}' doesn't exist")) };
    let given = statement.name.as_ref().map(|name| name.as_str());
    if given.is_some_and(|name| find(keyspace, name).is_some()) {
        return match statement.if_not_exists {
            true => Ok(Applied::nothing()),
            false => invalid(format!("Index '{}' already exists", given.unwrap_or_default())),
        };
    }
    if old.counter {
        return invalid("Secondary indexes on counter tables aren't supported");
    }
    let (target, column) = target(old, statement)?;
    if statement.custom && statement.using.is_none() {
        return invalid("Must specify index implementation via USING");
    }
    check_class(statement)?;
    if let Some(name) = given.filter(|name| !is_word(name)) {
        return configuration(format!("Illegal index name {name}"));
    }
    let name = given.map_or_else(|| free_name(keyspace, table, &column.name), str::to_owned);
    let same = |index: &&Index| index.column == column.id && index.target == target;
    if let Some(existing) = old.indexes.values().find(same) {
        return match statement.if_not_exists {
            true => Ok(Applied::nothing()),
            false => invalid(format!("Index {name} is a duplicate of existing index {}", existing.name)),
        };
    }
    let mut new = Table::clone(old);
    new.indexes.insert(name.clone(), Index { name: name.clone(), column: column.id, target });
    let new = Arc::new(new);
    Ok(Applied {
        catalog: Some(work.with_table(keyspace, &new)),
        change: change("UPDATED", "TABLE", &keyspace.name, Some(table)),
        effects: vec![Effect::TableAltered(new)],
        warnings: Vec::new(),
    })
}

/// The table of an index.
pub(super) fn find<'a>(keyspace: &'a Keyspace, name: &str) -> Option<&'a Arc<Table>> {
    keyspace.tables.values().find(|table| table.indexes.contains_key(name))
}

/// Only the indexes that Cassandra has had from the start.
fn check_class(statement: &CreateIndex) -> Result<(), Error> {
    let class = statement.using.as_deref().unwrap_or(LEGACY);
    let short = class.rsplit('.').next().unwrap_or(class);
    match short {
        LEGACY if !statement.custom => {}
        _ if short.eq_ignore_ascii_case("sai") || short == "StorageAttachedIndex" => {
            return invalid("Storage-attached indexes (SAI) are not supported");
        }
        "SASIIndex" => return invalid("SASI indexes are disabled. Enable in cassandra.yaml to use."),
        _ => return invalid(format!("Custom indexes are not supported: {class}")),
    }
    match statement.options.first() {
        None => Ok(()),
        Some((name, Property::Map(entries))) if name.as_str() == "options" && entries.is_empty() => Ok(()),
        Some((name, _)) if name.as_str() == "options" => invalid("Cannot specify options for a non-CUSTOM index"),
        Some((name, _)) => Err(Error::Syntax(format!("Unknown property '{}'", name.as_str()))),
    }
}

fn free_name(keyspace: &Keyspace, table: &str, column: &str) -> String {
    let word: String = column.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let base = format!("{table}_{word}_idx");
    let names = std::iter::once(base.clone()).chain((1..).map(|n| format!("{base}_{n}")));
    let mut free = names.filter(|name| find(keyspace, name).is_none());
    free.next().unwrap_or(base)
}

fn target<'a>(table: &'a Table, statement: &CreateIndex) -> Result<(IndexTarget, &'a Column), Error> {
    if statement.targets.is_empty() {
        return invalid("Only CUSTOM indexes can be created without specifying a target column");
    }
    for (_, name) in &statement.targets {
        if table.column(name.as_str()).is_none() {
            return undefined(table, name.as_str());
        }
    }
    match statement.targets.as_slice() {
        [(kind, name)] => one_target(table, *kind, name.as_str()),
        _ => invalid("Only CUSTOM indexes support multiple columns"),
    }
}

fn undefined<T>(table: &Table, column: &str) -> Result<T, Error> {
    let [column, keyspace, table] = [column, &table.keyspace, &table.name].map(identifier);
    invalid(format!("Undefined column name {column} in table {keyspace}.{table}"))
}

fn one_target<'a>(table: &'a Table, kind: Target, name: &str) -> Result<(IndexTarget, &'a Column), Error> {
    let Some(column) = table.column(name) else {
        return undefined(table, name);
    };
    if column.of.has_duration() {
        return invalid(match column.of {
            CqlType::Duration => "Secondary indexes are not supported on duration columns",
            CqlType::Tuple(_) => "Secondary indexes are not supported on tuples containing durations",
            CqlType::Udt { .. } => "Secondary indexes are not supported on UDTs containing durations",
            _ => "Secondary indexes are not supported on collections containing durations",
        });
    }
    if matches!(column.kind, Kind::Partition(_)) && table.partition_keys == 1 {
        return invalid(format!("Cannot create secondary index on the only partition key column {name}"));
    }
    let written = match kind {
        Target::Plain | Target::Values => "values",
        Target::Keys => "keys",
        Target::Entries => "entries",
        Target::Full => "full",
    };
    let (collection, cells) = (column.of.is_collection(), column.of.is_multicell());
    let resolved = match kind {
        Target::Full if collection && !cells => IndexTarget::Full,
        Target::Full => return invalid("full() indexes can only be created on frozen collections"),
        _ if collection && !cells => {
            return invalid(format!(
                "Cannot create {written}() index on frozen column {name}. Frozen collections are immutable and must be \
                 fully indexed by using the 'full({name})' modifier"
            ));
        }
        Target::Keys | Target::Entries if !collection => {
            return invalid(format!(
                "Cannot create {written}() index on {name}. Non-collection columns only support simple indexes"
            ));
        }
        Target::Values if !collection => {
            return invalid(format!(
                "Cannot create {written}() index on {name}. Non-collection columns only support simple indexes"
            ));
        }
        Target::Keys | Target::Entries if !matches!(column.of, CqlType::Map { .. }) => {
            return invalid(format!("Cannot create index on {written} of column {name} with non-map type"));
        }
        Target::Keys => IndexTarget::Keys,
        Target::Entries => IndexTarget::Entries,
        Target::Plain | Target::Values if cells && !collection => {
            return invalid(format!("Cannot create index on non-frozen UDT column {name}"));
        }
        Target::Plain | Target::Values => IndexTarget::Values,
    };
    Ok((resolved, column))
}
