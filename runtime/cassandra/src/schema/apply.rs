//! DDL: a catalog and a statement give a new catalog, in Cassandra's words where they don't.

use std::sync::Arc;

use uuid::Uuid;
use veltrix_cql::{Ddl, Dropped as What, Table as Named};

use super::{Catalog, Keyspace, Table, alter, create, drop, index, keyspace, udt};
use crate::api::{Error, SchemaChange};

/// What a statement did.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The new catalog; `None` if there was nothing to do, as with `IF NOT EXISTS`.
    pub(crate) catalog: Option<Catalog>,
    /// What clients are told of it.
    pub(crate) change: Option<SchemaChange>,
    /// What becomes of data.
    pub(crate) effects: Vec<Effect>,
    /// Warnings for the client.
    pub(crate) warnings: Vec<String>,
}

/// What becomes of data.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A table is new.
    TableCreated(Arc<Table>),
    /// A table has changed, and maybe the types of its columns.
    TableAltered(Arc<Table>),
    /// A table is gone.
    TableDropped(Uuid),
    /// A column of the table is gone; which, and what of it stays invisible, `Table.dropped` says. The table itself
    /// follows as altered.
    ColumnDropped(Uuid),
}

/// A statement at work.
pub(super) struct Work<'a> {
    pub(super) catalog: &'a Catalog,
    /// Microseconds.
    pub(super) now: i64,
}

/// Applies a statement of a session, `now` in microseconds.
///
/// # Errors
/// Of all classes, as Cassandra has them; the catalog is as it was.
pub(crate) fn apply(catalog: &Catalog, ddl: &Ddl, session: Option<&str>, now: i64) -> Result<Applied, Error> {
    let work = Work { catalog, now };
    let at = |name: &Named| located(name, session);
    match ddl {
        Ddl::CreateKeyspace { name, if_not_exists, options } => {
            guard_name(name.as_str())?;
            keyspace::create(&work, name.as_str(), *if_not_exists, options)
        }
        Ddl::AlterKeyspace { name, if_exists, options } => {
            guard(catalog, name.as_str(), "ALTER", None)?;
            keyspace::alter(&work, name.as_str(), *if_exists, options)
        }
        Ddl::CreateTable(statement) => {
            let keyspace = at(&statement.table)?;
            let everything = format!("all tables in {keyspace}");
            guard(catalog, &keyspace, "CREATE", Some(&everything))?;
            create::create_table(&work, &keyspace, statement)
        }
        Ddl::AlterTable { table, if_exists, change } => {
            let keyspace = at(table)?;
            let this = format!("table {keyspace}.{}", table.name.as_str());
            guard(catalog, &keyspace, "ALTER", Some(&this))?;
            alter::alter_table(&work, &keyspace, table.name.as_str(), *if_exists, change)
        }
        Ddl::CreateType { name, if_not_exists, fields } => {
            let keyspace = at(name)?;
            guard(catalog, &keyspace, "CREATE", None)?;
            udt::create(&work, &keyspace, name.name.as_str(), *if_not_exists, fields)
        }
        Ddl::AlterType { name, if_exists, change } => {
            let keyspace = at(name)?;
            guard(catalog, &keyspace, "ALTER", None)?;
            udt::alter(&work, &keyspace, name.name.as_str(), *if_exists, change)
        }
        Ddl::CreateIndex(statement) => {
            let keyspace = at(&statement.table)?;
            let this = format!("table {keyspace}.{}", statement.table.name.as_str());
            guard(catalog, &keyspace, "ALTER", Some(&this))?;
            index::create(&work, &keyspace, statement)
        }
        Ddl::Drop { what: What::Keyspace, name, if_exists } => {
            guard(catalog, name.name.as_str(), "DROP", None)?;
            keyspace::drop(&work, name.name.as_str(), *if_exists)
        }
        Ddl::Drop { what, name, if_exists } => {
            let keyspace = at(name)?;
            let this = format!("table {keyspace}.{}", name.name.as_str());
            guard(catalog, &keyspace, "DROP", (*what == What::Table).then_some(&this))?;
            drop::drop(&work, *what, &keyspace, name.name.as_str(), *if_exists)
        }
    }
}

/// The keyspace of a name, or the session's.
fn located(name: &Named, session: Option<&str>) -> Result<String, Error> {
    let keyspace = name.keyspace.as_ref().map(|keyspace| keyspace.as_str()).or(session);
    let none = "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename";
    keyspace.map(str::to_owned).ok_or_else(|| Error::Invalid(none.to_owned()))
}

/// Refuses to change what the server keeps.
fn guard(catalog: &Catalog, keyspace: &str, verb: &str, resource: Option<&String>) -> Result<(), Error> {
    // Some that Cassandra has are not here.
    let absent = matches!(keyspace, "system_auth" | "system_distributed" | "system_traces");
    if !absent && !catalog.keyspace(keyspace).is_some_and(|keyspace| keyspace.system) {
        return Ok(());
    }
    if matches!(keyspace, "system" | "system_schema" | "system_views" | "system_virtual_schema") {
        return Err(Error::Unauthorized(format!("{keyspace} keyspace is not user-modifiable.")));
    }
    let whole = format!("keyspace {keyspace}");
    Err(Error::Unauthorized(format!("Cannot {verb} <{}>", resource.unwrap_or(&whole))))
}

/// Refuses to create a keyspace of such a name.
fn guard_name(name: &str) -> Result<(), Error> {
    if matches!(name, "system" | "system_schema") {
        return invalid(format!("System keyspace '{name}' is not user-modifiable"));
    }
    if matches!(name, "system_views" | "system_virtual_schema") {
        return invalid(format!("Virtual keyspace '{name}' is not user-modifiable"));
    }
    match is_word(name) && name.len() <= 48 {
        true => Ok(()),
        false => invalid(format!(
            "Keyspace name must not be empty, more than 48 characters long, or contain \
             non-alphanumeric-underscore characters (got '{name}')"
        )),
    }
}

/// Letters, digits and underscores, at least one of them.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}

pub(super) fn configuration<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Configuration(message.into()))
}

impl Applied {
    /// Nothing to do.
    pub(super) fn nothing() -> Self {
        Self { catalog: None, change: None, effects: Vec::new(), warnings: Vec::new() }
    }
}

impl Work<'_> {
    /// The keyspace that DDL needs.
    pub(super) fn keyspace(&self, name: &str) -> Result<&Arc<Keyspace>, Error> {
        self.catalog.keyspace(name).ok_or_else(|| Error::Invalid(format!("Keyspace '{name}' doesn't exist")))
    }

    /// The catalog with another keyspace of that name, or none.
    pub(super) fn with(&self, name: &str, keyspace: Option<Keyspace>) -> Catalog {
        let mut catalog = Catalog { keyspaces: self.catalog.keyspaces.clone(), version: Uuid::new_v4() };
        match keyspace {
            Some(keyspace) => catalog.keyspaces.insert(name.to_owned(), Arc::new(keyspace)),
            None => catalog.keyspaces.remove(name),
        };
        catalog
    }

    /// The catalog with a new or changed table.
    pub(super) fn with_table(&self, keyspace: &Keyspace, table: &Arc<Table>) -> Catalog {
        let mut changed = keyspace.clone();
        changed.tables.insert(table.name.to_string(), Arc::clone(table));
        self.with(&keyspace.name, Some(changed))
    }
}

/// What clients are told.
pub(super) fn change(
    change: &'static str,
    target: &'static str,
    keyspace: &str,
    name: Option<&str>,
) -> Option<SchemaChange> {
    Some(SchemaChange { change, target, keyspace: keyspace.to_owned(), name: name.map(str::to_owned) })
}
