//! `ALTER TABLE`

use std::sync::Arc;

use veltrix_cql::{AlterTable, ColumnDefinition, Expr, Literal, Name, Options};

use super::apply::{Applied, Effect, Work, change, configuration, invalid};
use super::create::has_nested_cells;
use super::options::read::read;
use super::{Column, Dropped, Keyspace, Kind, Table};
use crate::api::Error;
use crate::types::{CqlType, resolve};

pub(super) fn alter_table(
    work: &Work<'_>,
    keyspace: &str,
    name: &str,
    if_exists: bool,
    alter: &AlterTable,
) -> Result<Applied, Error> {
    let Some(old) = work.catalog.table(keyspace, name) else {
        if if_exists {
            return Ok(Applied::nothing());
        }
        return invalid(format!("Table '{keyspace}.{name}' doesn't exist"));
    };
    let keyspace = work.keyspace(keyspace)?;
    let mut table = Table::clone(old);
    let mut effects = Vec::new();
    match alter {
        AlterTable::Add { if_not_exists, columns } => {
            for column in columns {
                add(keyspace, &mut table, *if_not_exists, column)?;
            }
        }
        AlterTable::Drop { if_exists, columns, timestamp } => {
            let at = timestamp.as_ref().and_then(micros).unwrap_or(work.now);
            for column in columns {
                effects.extend(drop_column(&mut table, *if_exists, column.as_str(), at)?);
            }
        }
        AlterTable::Rename { if_exists: _, names } => {
            for (from, to) in names {
                rename(&mut table, from.as_str(), to)?;
            }
        }
        AlterTable::Retype(..) => return invalid("Altering column types is no longer supported"),
        AlterTable::Options(given) => set_options(&mut table, given)?,
    }
    if table == **old {
        return Ok(Applied::nothing());
    }
    // Drops before the table itself: its data is cleaned by the columns it had.
    let table = Arc::new(table);
    effects.push(Effect::TableAltered(Arc::clone(&table)));
    Ok(Applied {
        catalog: Some(work.with_table(keyspace, &table)),
        change: change("UPDATED", "TABLE", &keyspace.name, Some(name)),
        effects,
        warnings: Vec::new(),
    })
}

fn add(keyspace: &Keyspace, table: &mut Table, if_not_exists: bool, column: &ColumnDefinition) -> Result<(), Error> {
    let name = column.name.as_str();
    let of = resolve(&column.of, keyspace)?;
    if table.column(name).is_some() {
        return match if_not_exists {
            true => Ok(()),
            false => invalid(format!("Column with name '{name}' already exists")),
        };
    }
    if column.is_static && table.clustering_keys == 0 {
        return invalid(
            "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
        );
    }
    if has_nested_cells(&of) {
        return invalid(format!(
            "Non-frozen UDTs with nested non-frozen collections are not supported for column {name}"
        ));
    }
    let id = match table.dropped.get(name) {
        Some(dropped) => readd(table, name, &of, column.is_static, dropped)?,
        None => {
            table.next_column += 1;
            table.next_column - 1
        }
    };
    let full = format!("{}.{}", table.keyspace, table.name);
    match (table.counter, &of) {
        (true, CqlType::Counter) => {}
        (true, _) => {
            return configuration(format!("{full}: Cannot have a non counter column (\"{name}\") in a counter table"));
        }
        (false, CqlType::Counter) => {
            return configuration(format!("{full}: Cannot have a counter column (\"{name}\") in a non counter table"));
        }
        (false, _) => {}
    }
    let kind = if column.is_static { Kind::Static } else { Kind::Regular };
    let at = table.partition_keys + table.clustering_keys;
    let order = |kind: Kind, name: &str| (kind != Kind::Static, name.to_owned());
    let place = at + table.rest().partition_point(|other| order(other.kind, &other.name) < order(kind, name));
    table.columns.insert(place, Column { id, name: name.into(), of, kind });
    Ok(())
}

/// The id of a column that comes back.
fn readd(table: &Table, name: &str, of: &CqlType, is_static: bool, dropped: &Dropped) -> Result<u32, Error> {
    if !is_compatible(of, &dropped.of) {
        return invalid(format!(
            "Cannot re-add previously dropped column '{name}' of type {of}, incompatible with previous type {}",
            dropped.of
        ));
    }
    if is_static != dropped.is_static {
        let kind = |is_static| if is_static { "STATIC" } else { "REGULAR" };
        return invalid(format!(
            "Cannot re-add previously dropped column '{name}' of kind {}, incompatible with previous kind {}",
            kind(is_static),
            kind(dropped.is_static)
        ));
    }
    match table.counter {
        true => invalid(format!("Cannot re-add previously dropped counter column {name}")),
        false => Ok(dropped.id),
    }
}

/// Whether bytes of the old type, as they were stored, are bytes of the new one.
fn is_compatible(new: &CqlType, old: &CqlType) -> bool {
    let variable = |of: &CqlType| matches!(of, CqlType::Text | CqlType::Ascii | CqlType::Blob | CqlType::Varint);
    match (new, old) {
        (CqlType::Udt { frozen: a, .. }, CqlType::Udt { frozen: b, .. }) => a == b && new.takes(old),
        (CqlType::Text, CqlType::Ascii) | (CqlType::Uuid, CqlType::Timeuuid) => true,
        (CqlType::Bigint, CqlType::Timestamp) => true,
        (CqlType::Blob, old) => variable(old) || old == new,
        (new, old) => new == old,
    }
}

fn drop_column(table: &mut Table, if_exists: bool, name: &str, at: i64) -> Result<Option<Effect>, Error> {
    let Some(position) = table.position(name) else {
        return match if_exists {
            true => Ok(None),
            false => invalid(format!("Column {name} was not found in table '{}.{}'", table.keyspace, table.name)),
        };
    };
    let column = &table.columns[position];
    if column.is_key() {
        return invalid(format!("Cannot drop PRIMARY KEY column {name}"));
    }
    if let CqlType::Udt { definition, frozen: false } = &column.of {
        return invalid(format!("Cannot drop non-frozen column {name} of user type {}", definition.name));
    }
    let indexes = indexes_of(table, column.id);
    if !indexes.is_empty() {
        return invalid(format!("Cannot drop column {name} because it has dependent secondary indexes ({indexes})"));
    }
    let column = table.columns.remove(position);
    let dropped = Dropped { id: column.id, of: column.of, is_static: column.kind == Kind::Static, at };
    table.dropped.insert(name.to_owned(), dropped);
    Ok(Some(Effect::ColumnDropped(table.id)))
}

fn indexes_of(table: &Table, column: u32) -> String {
    let names = table.indexes.values().filter(|index| index.column == column).map(|index| index.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn rename(table: &mut Table, from: &str, to: &Name) -> Result<(), Error> {
    let full = format!("{}.{}", table.keyspace, table.name);
    let Some(position) = table.position(from) else {
        // Cassandra looks the column up before it looks whether it is there, so that `IF EXISTS` is no help.
        return invalid(format!("Undefined column name {from} in table {full}"));
    };
    let column = &table.columns[position];
    let indexes = indexes_of(table, column.id);
    if !column.is_key() {
        return invalid(format!("Cannot rename non PRIMARY KEY column {from}"));
    }
    if table.column(to.as_str()).is_some() {
        return invalid(format!(
            "Cannot rename column {from} to {} in table '{full}'; another column with that name already exists",
            to.as_str()
        ));
    }
    if !indexes.is_empty() {
        return invalid(format!("Can't rename column {from} because it has dependent secondary indexes ({indexes})"));
    }
    table.columns[position].name = to.as_str().into();
    Ok(())
}

fn set_options(table: &mut Table, given: &Options) -> Result<(), Error> {
    let (options, id) = read(given, &table.options)?;
    if let Some(id) = id {
        return match uuid::Uuid::try_parse(&id) {
            Ok(_) => configuration("Cannot alter table id."),
            Err(_) => configuration("Invalid table id"),
        };
    }
    if table.counter && options.default_time_to_live > 0 {
        return invalid("Cannot set default_time_to_live on a table with counters");
    }
    table.options = options;
    Ok(())
}

fn micros(timestamp: &Expr) -> Option<i64> {
    match timestamp {
        Expr::Literal(Literal::Integer(digits)) => digits.parse().ok(),
        _ => None,
    }
}
