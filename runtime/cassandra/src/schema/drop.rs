//! `DROP TABLE`, `DROP TYPE` and `DROP INDEX`.

use std::sync::Arc;

use veltrix_cql::Dropped as What;

use super::apply::{Applied, Effect, Work, change, invalid};
use super::{Keyspace, Table, index, keyspace};
use crate::api::Error;

pub(super) fn drop(work: &Work<'_>, what: What, keyspace: &str, name: &str, if_exists: bool) -> Result<Applied, Error> {
    let found = work.catalog.keyspace(keyspace);
    let gone = match what {
        What::Table => match found.and_then(|found| Some((found, found.tables.get(name)?))) {
            Some((found, old)) => return Ok(table(work, found, old)),
            None => format!("Table '{keyspace}.{name}' doesn't exist"),
        },
        What::Type => match found.filter(|found| found.types.contains_key(name)) {
            Some(found) => return udt(work, found, name),
            None => format!("Type '{keyspace}.{name}' doesn't exist"),
        },
        What::Index => match found.and_then(|found| Some((found, index::find(found, name)?))) {
            Some((found, old)) => return Ok(drop_index(work, found, old, name)),
            None => format!("Index '{keyspace}.{name}' doesn't exist'"),
        },
        What::Keyspace => return keyspace::drop(work, name, if_exists),
    };
    if if_exists { Ok(Applied::nothing()) } else { invalid(gone) }
}

fn table(work: &Work<'_>, keyspace: &Keyspace, old: &Table) -> Applied {
    let mut changed = keyspace.clone();
    changed.tables.remove(&*old.name);
    Applied {
        catalog: Some(work.with(&keyspace.name, Some(changed))),
        change: change("DROPPED", "TABLE", &keyspace.name, Some(&old.name)),
        effects: vec![Effect::TableDropped(old.id)],
        warnings: Vec::new(),
    }
}

fn udt(work: &Work<'_>, keyspace: &Keyspace, name: &str) -> Result<Applied, Error> {
    let used_by = |what: &str, users: Vec<&str>| match users.is_empty() {
        true => Ok(()),
        false => invalid(format!(
            "Cannot drop user type '{}.{name}' as it is still used by {what} {}",
            keyspace.name,
            users.join(", ")
        )),
    };
    let uses = |udt: &&Arc<crate::types::Udt>| {
        udt.name != name && udt.fields.iter().any(|(_, of)| of.uses(&keyspace.name, name))
    };
    used_by("user types", keyspace.types.values().filter(uses).map(|udt| udt.name.as_str()).collect())?;
    let holds = |table: &&Arc<Table>| table.columns.iter().any(|column| column.of.uses(&keyspace.name, name));
    used_by("tables", keyspace.tables.values().filter(holds).map(|table| &*table.name).collect())?;
    let mut changed = keyspace.clone();
    changed.types.remove(name);
    Ok(Applied {
        catalog: Some(work.with(&keyspace.name, Some(changed))),
        change: change("DROPPED", "TYPE", &keyspace.name, Some(name)),
        effects: Vec::new(),
        warnings: Vec::new(),
    })
}

fn drop_index(work: &Work<'_>, keyspace: &Keyspace, old: &Table, name: &str) -> Applied {
    let mut new = old.clone();
    new.indexes.remove(name);
    let new = Arc::new(new);
    Applied {
        catalog: Some(work.with_table(keyspace, &new)),
        change: change("UPDATED", "TABLE", &keyspace.name, Some(&new.name)),
        effects: vec![Effect::TableAltered(new)],
        warnings: Vec::new(),
    }
}
