//! `CREATE TABLE`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;
use veltrix_cql::{ColumnDefinition, CreateTable, Name, Order, PrimaryKey};

use super::apply::{Applied, Effect, Work, change, configuration, invalid, is_word};
use super::options::Options;
use super::options::read::read;
use super::{Column, Keyspace, Kind, Table};
use crate::api::Error;
use crate::types::{CqlType, resolve};

pub(super) fn create_table(work: &Work<'_>, keyspace: &str, statement: &CreateTable) -> Result<Applied, Error> {
    let name = statement.table.name.as_str();
    let key = well_formed(statement)?;
    let options = read(&statement.options, &Options::default());
    // What is no syntax goes before all, what is no configuration after the table's own existence.
    if let Err(Error::Syntax(message)) = options {
        return Err(Error::Syntax(message));
    }
    let keyspace = work.keyspace(keyspace)?;
    if keyspace.tables.contains_key(name) {
        if statement.if_not_exists {
            return Ok(Applied::nothing());
        }
        let message = format!("Cannot add already existing table \"{name}\" to keyspace \"{}\"", keyspace.name);
        return Err(Error::AlreadyExists { keyspace: keyspace.name.to_string(), table: name.to_owned(), message });
    }
    let (options, id) = options?;
    if statement.compact_storage {
        return invalid("COMPACT STORAGE is not supported");
    }
    let id = match id {
        Some(id) => Uuid::try_parse(&id).or_else(|_| configuration("Invalid table id"))?,
        None => Uuid::new_v4(),
    };
    if !is_word(name) || name.len() > 48 {
        return configuration(format!(
            "{}.{name}: Table name must not be empty, more than 48 characters long, or contain \
             non-alphanumeric-underscore characters (got \"{name}\")",
            keyspace.name
        ));
    }
    let table = Arc::new(table(keyspace, name, id, options, statement, key)?);
    Ok(Applied {
        catalog: Some(work.with_table(keyspace, &table)),
        change: change("CREATED", "TABLE", &keyspace.name, Some(name)),
        effects: vec![Effect::TableCreated(table)],
        warnings: Vec::new(),
    })
}

/// What is wrong with a statement whatever the keyspace has; else its primary key.
fn well_formed(statement: &CreateTable) -> Result<&PrimaryKey, Error> {
    // As it was written.
    let name = statement.table.name.as_str();
    let keyspace = statement.table.keyspace.as_ref();
    let table = keyspace.map_or_else(|| name.to_owned(), |keyspace| format!("{}.{name}", keyspace.as_str()));
    let mut names = BTreeSet::new();
    if let Some(twice) = statement.columns.iter().find(|column| !names.insert(&column.name)) {
        return invalid(format!("Duplicate column '{}' declaration for table '{table}'", twice.name.as_str()));
    }
    let mut ordered = BTreeSet::new();
    if let Some((twice, _)) = statement.clustering_order.iter().find(|(column, _)| !ordered.insert(column)) {
        return invalid(format!(
            "Duplicate column '{}' in CLUSTERING ORDER BY clause for table '{table}'",
            twice.as_str()
        ));
    }
    match statement.primary_keys.as_slice() {
        [key] => Ok(key),
        [] => invalid(format!("No PRIMARY KEY specifed for table '{table}' (exactly one required)")),
        _ => invalid(format!("Multiple PRIMARY KEY specified for table '{table}' (exactly one required)")),
    }
}

fn table(
    keyspace: &Keyspace,
    name: &str,
    id: Uuid,
    options: Options,
    statement: &CreateTable,
    key: &PrimaryKey,
) -> Result<Table, Error> {
    let mut columns: BTreeMap<&str, (CqlType, bool)> = BTreeMap::new();
    for ColumnDefinition { name, of, is_static } in &statement.columns {
        columns.insert(name.as_str(), (resolve(of, keyspace)?, *is_static));
    }
    if columns.values().any(|(of, _)| has_nested_cells(of)) {
        return invalid("Non-frozen UDTs with nested non-frozen collections are not supported");
    }
    check_key(name, key, &columns)?;
    check_order(&key.clustering, &statement.clustering_order)?;
    if key.clustering.is_empty() && columns.values().any(|(_, is_static)| *is_static) {
        return invalid(
            "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
        );
    }
    let counter = columns.values().any(|(of, _)| *of == CqlType::Counter);
    let mut built = Vec::new();
    for (place, column) in key.partition.iter().enumerate() {
        built.extend(columns.remove(column.as_str()).map(|(of, _)| (column.as_str(), of, Kind::Partition(place))));
    }
    for (place, column) in key.clustering.iter().enumerate() {
        let descending = matches!(statement.clustering_order.get(place), Some((_, Order::Descending)));
        let kind = Kind::Clustering { place, descending };
        built.extend(columns.remove(column.as_str()).map(|(of, _)| (column.as_str(), of, kind)));
    }
    if counter {
        if columns.values().any(|(of, _)| *of != CqlType::Counter) {
            return invalid("Cannot mix counter and non counter columns in the same table");
        }
        if options.default_time_to_live > 0 {
            return invalid("Cannot set default_time_to_live on a table with counters");
        }
    }
    // Names are in their order already, which is that of their bytes.
    let (statics, regulars): (Vec<_>, Vec<_>) = columns.into_iter().partition(|(_, (_, is_static))| *is_static);
    built.extend(statics.into_iter().map(|(name, (of, _))| (name, of, Kind::Static)));
    built.extend(regulars.into_iter().map(|(name, (of, _))| (name, of, Kind::Regular)));
    let columns: Vec<_> = (0..)
        .zip(built)
        .map(|(id, (name, of, kind))| Column { id, name: name.into(), of: in_key(of, kind), kind })
        .collect();
    Ok(Table {
        id,
        keyspace: Arc::clone(&keyspace.name),
        name: name.into(),
        partition_keys: key.partition.len(),
        clustering_keys: key.clustering.len(),
        counter,
        indexes: BTreeMap::new(),
        dropped: BTreeMap::new(),
        options,
        next_column: columns.len() as u32,
        columns,
    })
}

/// Parts of the key are frozen, whether or not they say so.
fn in_key(of: CqlType, kind: Kind) -> CqlType {
    match kind {
        Kind::Partition(_) | Kind::Clustering { .. } => of.freeze(),
        Kind::Static | Kind::Regular => of,
    }
}

/// A user-defined type that is not frozen, with a collection in it that is not.
pub(super) fn has_nested_cells(of: &CqlType) -> bool {
    match of {
        CqlType::Udt { definition, frozen: false } => definition.fields.iter().any(|(_, of)| of.is_multicell()),
        _ => false,
    }
}

fn check_key(table: &str, key: &PrimaryKey, columns: &BTreeMap<&str, (CqlType, bool)>) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for column in key.partition.iter().chain(&key.clustering).map(Name::as_str) {
        let Some((of, is_static)) = columns.get(column) else {
            return invalid(format!("Unknown column '{column}' referenced in PRIMARY KEY for table '{table}'"));
        };
        if !names.insert(column) {
            return invalid(format!("Duplicate column '{column}' in PRIMARY KEY clause for table '{table}'"));
        }
        if of.is_multicell() {
            return match of {
                CqlType::Udt { definition, .. } => invalid(format!(
                    "Invalid non-frozen user-defined type \"{}.{}\" for PRIMARY KEY column '{column}'",
                    definition.keyspace, definition.name
                )),
                of => invalid(format!("Invalid non-frozen collection type {of} for PRIMARY KEY column '{column}'")),
            };
        }
        if *of == CqlType::Counter {
            return invalid(format!("counter type is not supported for PRIMARY KEY column '{column}'"));
        }
        if of.has_duration() {
            return invalid(format!("duration type is not supported for PRIMARY KEY column '{column}'"));
        }
        if *is_static {
            return invalid(format!("Static column '{column}' cannot be part of the PRIMARY KEY"));
        }
    }
    Ok(())
}

/// The order must name the first clustering columns, as they stand in the key.
fn check_order(clustering: &[Name], order: &[(Name, Order)]) -> Result<(), Error> {
    let strangers: Vec<_> =
        order.iter().map(|(name, _)| name).filter(|name| !clustering.contains(name)).map(Name::as_str).collect();
    if !strangers.is_empty() {
        return invalid(format!(
            "Only clustering key columns can be defined in CLUSTERING ORDER directive: [{}] are not clustering columns",
            strangers.join(", ")
        ));
    }
    for (column, (named, _)) in clustering.iter().zip(order) {
        if column != named {
            let (column, named) = (column.as_str(), named.as_str());
            return match order.iter().any(|(name, _)| name.as_str() == column) {
                true => invalid(format!(
                    "The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns \
                     ({column} must appear before {named})"
                )),
                false => invalid(format!("Missing CLUSTERING ORDER for column {column}")),
            };
        }
    }
    match clustering.get(order.len()) {
        Some(missing) if !order.is_empty() => {
            invalid(format!("Missing CLUSTERING ORDER for column {}", missing.as_str()))
        }
        _ => Ok(()),
    }
}
