//! `CREATE TYPE` and `ALTER TYPE`.

use std::collections::BTreeSet;
use std::sync::Arc;

use veltrix_cql::{AlterType, Name, Type};

use super::apply::{Applied, Effect, Work, change, invalid};
use super::{Keyspace, Table};
use crate::api::Error;
use crate::types::{CqlType, Udt, resolve};

pub(super) fn create(
    work: &Work<'_>,
    keyspace: &str,
    name: &str,
    if_not_exists: bool,
    fields: &[(Name, Type)],
) -> Result<Applied, Error> {
    let keyspace = work.keyspace(keyspace)?;
    if keyspace.types.contains_key(name) {
        return match if_not_exists {
            true => Ok(Applied::nothing()),
            false => invalid(format!("A user type with name '{name}' already exists")),
        };
    }
    let mut names = BTreeSet::new();
    if let Some((twice, _)) = fields.iter().find(|(field, _)| !names.insert(field)) {
        return invalid(format!("Duplicate field name '{}' in type '{name}'", twice.as_str()));
    }
    let mut resolved = Vec::new();
    for (_, of) in fields {
        check_thawed(of)?;
    }
    for (field, of) in fields {
        resolved.push((field.as_str().to_owned(), part(resolve(of, keyspace)?)?));
    }
    let mut changed = Keyspace::clone(keyspace);
    let udt = Udt { keyspace: keyspace.name.to_string(), name: name.to_owned(), fields: resolved };
    changed.types.insert(name.to_owned(), Arc::new(udt));
    Ok(Applied {
        catalog: Some(work.with(&keyspace.name, Some(changed))),
        change: change("CREATED", "TYPE", &keyspace.name, Some(name)),
        effects: Vec::new(),
        warnings: Vec::new(),
    })
}

pub(super) fn alter(
    work: &Work<'_>,
    keyspace: &str,
    name: &str,
    if_exists: bool,
    alter: &AlterType,
) -> Result<Applied, Error> {
    let found = work.catalog.keyspace(keyspace).and_then(|keyspace| Some((keyspace, keyspace.types.get(name)?)));
    let Some((keyspace, old)) = found else {
        return match if_exists {
            true => Ok(Applied::nothing()),
            false => invalid(format!("Type {keyspace}.{name} doesn't exist")),
        };
    };
    let mut new = Udt::clone(old);
    let full = format!("{}.{name}", keyspace.name);
    match alter {
        AlterType::Add { if_not_exists, field, of } => {
            let field = field.as_str();
            if new.fields.iter().any(|(known, _)| known == field) {
                return match if_not_exists {
                    true => Ok(Applied::nothing()),
                    false => invalid(format!(
                        "Cannot add field {field} to type {full}: a field with name {field} already exists"
                    )),
                };
            }
            check_thawed(of)?;
            let resolved = part(resolve(of, keyspace)?)?;
            check_new_field(keyspace, name, &full, field, &resolved)?;
            new.fields.push((field.to_owned(), resolved));
        }
        AlterType::Rename { if_exists, names } => rename(&mut new, *if_exists, names, &full)?,
        AlterType::Retype(..) => return invalid("Altering field types is no longer supported"),
    }
    let (changed, effects) = replaced(keyspace, Arc::new(new));
    Ok(Applied {
        catalog: Some(work.with(&keyspace.name, Some(changed))),
        change: change("UPDATED", "TYPE", &keyspace.name, Some(name)),
        effects,
        warnings: Vec::new(),
    })
}

/// Refuses user-defined types that are not frozen, also those that don't exist.
fn check_thawed(of: &Type) -> Result<(), Error> {
    match of {
        Type::Udt(_) | Type::UdtOf(..) => invalid("A user type cannot contain non-frozen UDTs"),
        _ => Ok(()),
    }
}

/// What a field may be of.
fn part(of: CqlType) -> Result<CqlType, Error> {
    match of {
        CqlType::Counter => invalid("A user type cannot contain counters"),
        CqlType::Udt { frozen: false, .. } => invalid("A user type cannot contain non-frozen UDTs"),
        of => Ok(of),
    }
}

fn check_new_field(keyspace: &Keyspace, name: &str, full: &str, field: &str, of: &CqlType) -> Result<(), Error> {
    if of.uses(&keyspace.name, name) {
        // Here Cassandra shows types with their keyspace.
        let shown = match of {
            CqlType::Udt { definition, .. } => format!("frozen<{}.{}>", definition.keyspace, definition.name),
            other => other.to_string(),
        };
        return invalid(format!(
            "Cannot add new field {field} of type {shown} to user type {full} as it would create a circular reference"
        ));
    }
    let in_key = |table: &&Arc<Table>| table.partition_key().iter().any(|column| column.of.uses(&keyspace.name, name));
    let tables: Vec<_> =
        keyspace.tables.values().filter(in_key).map(|table| format!("{}.{}", table.keyspace, table.name)).collect();
    match tables.is_empty() {
        true => Ok(()),
        false => invalid(format!(
            "Cannot add new field {field} of type {of} to user type {full} as the type is being used in partition key \
             by the following tables: {}",
            tables.join(", ")
        )),
    }
}

fn rename(udt: &mut Udt, if_exists: bool, names: &[(Name, Name)], full: &str) -> Result<(), Error> {
    let mut fields = udt.fields.clone();
    for (from, to) in names {
        match udt.fields.iter().position(|(field, _)| field == from.as_str()) {
            Some(at) => fields[at].0 = to.as_str().to_owned(),
            None if if_exists => {}
            None => return invalid(format!("Unkown field {} in user type {full}", from.as_str())),
        }
    }
    let mut seen = BTreeSet::new();
    if let Some((twice, _)) = fields.iter().find(|(field, _)| !seen.insert(field)) {
        // Cassandra names the keyspace here.
        return invalid(format!("Duplicate field name {twice} in type {}", udt.keyspace));
    }
    udt.fields = fields;
    Ok(())
}

/// A keyspace where a type is a new one, also inside of other types and of tables; and the tables.
fn replaced(keyspace: &Keyspace, new: Arc<Udt>) -> (Keyspace, Vec<Effect>) {
    fn with(new: &Arc<Udt>, old: &Arc<Udt>) -> Arc<Udt> {
        if old.keyspace == new.keyspace && old.name == new.name {
            return Arc::clone(new);
        }
        let fields = old.fields.iter().map(|(name, of)| (name.clone(), of.replace(&|udt| with(new, udt)))).collect();
        Arc::new(Udt { keyspace: old.keyspace.clone(), name: old.name.clone(), fields })
    }
    let mut changed = keyspace.clone();
    for udt in changed.types.values_mut() {
        *udt = with(&new, udt);
    }
    let mut effects = Vec::new();
    for table in changed.tables.values_mut() {
        if table.columns.iter().any(|column| column.of.uses(&new.keyspace, &new.name)) {
            let mut other = Table::clone(table);
            for column in &mut other.columns {
                column.of = column.of.replace(&|udt| with(&new, udt));
            }
            *table = Arc::new(other);
            effects.push(Effect::TableAltered(Arc::clone(table)));
        }
    }
    (changed, effects)
}
