//! Statements, analysed.

use std::sync::Arc;

use uuid::Uuid;
use veltrix_cql::{Command, Ddl, Describe, Statement};

use crate::api::{Column, Error};
use crate::query::{Batch, Modify, Scope, Select, find_table};
use crate::schema::{Catalog, Table};

/// What a statement means.
#[derive(Debug)]
pub(super) enum Plan {
    Select(Box<Select>),
    Modify(Box<Modify>),
    Batch(Batch),
    Schema(Box<Ddl>, Option<String>),
    Truncate(Arc<Table>),
    Use(String),
    Describe(Describe, Option<String>),
}

/// A statement with its bind markers.
#[derive(Debug)]
pub(super) struct Analysed {
    pub(super) plan: Plan,
    pub(super) markers: Vec<Column>,
    pub(super) partition_key: Vec<u16>,
}

impl Analysed {
    /// Analyses a text. `keyspace` is that of the session.
    pub(super) fn new(catalog: &Catalog, text: &str, keyspace: Option<&str>) -> Result<Self, Error> {
        let command = veltrix_cql::parse_any(text).map_err(|error| Error::Syntax(error.to_string()))?;
        let owned = keyspace.map(ToOwned::to_owned);
        let plan = match command {
            Command::Data(statement) => return Self::data(catalog, &statement, keyspace, Vec::new()),
            Command::Batch(said) => {
                let (batch, markers) = Batch::new(catalog, &said, keyspace)?;
                return Ok(Self { plan: Plan::Batch(batch), markers, partition_key: Vec::new() });
            }
            Command::Schema(ddl) => Plan::Schema(Box::new(ddl), owned),
            Command::Truncate(table) => {
                let (keyspace, table) = find_table(catalog, keyspace, &table)?;
                writable(keyspace.system, table)?;
                Plan::Truncate(table.clone())
            }
            Command::Use(name) => Plan::Use(name.0),
            Command::Describe(describe) => Plan::Describe(describe, owned),
            Command::Refused(what) => return Err(Error::Invalid(format!("{what} are not supported by this server"))),
            Command::Invalid(message) => return Err(Error::Invalid(message)),
        };
        Ok(Self { plan, markers: Vec::new(), partition_key: Vec::new() })
    }

    /// Analyses a data statement that comes after `markers`.
    pub(super) fn data(
        catalog: &Catalog,
        statement: &Statement,
        keyspace: Option<&str>,
        markers: Vec<Column>,
    ) -> Result<Self, Error> {
        let mut scope = Scope::new(catalog, keyspace, statement.table(), markers)?;
        let plan = match statement {
            Statement::Select(said) => Plan::Select(Box::new(Select::new(&mut scope, said)?)),
            Statement::Insert(_) | Statement::Update(_) | Statement::Delete(_) => {
                writable(scope.keyspace.system, &scope.table)?;
                Plan::Modify(Box::new(Modify::new(&mut scope, statement)?))
            }
        };
        Ok(Self { plan, partition_key: scope.partition_markers(), markers: scope.markers })
    }
}

fn writable(system: bool, table: &Table) -> Result<(), Error> {
    match system {
        true => {
            Err(Error::Invalid(format!("Modification is not supported by table {}.{}", table.keyspace, table.name)))
        }
        false => Ok(()),
    }
}

impl Plan {
    /// Columns of its result, if it always has the same.
    pub(super) fn columns(&self) -> &[Column] {
        match self {
            Self::Select(select) => &select.columns,
            Self::Modify(_)
            | Self::Batch(_)
            | Self::Schema(..)
            | Self::Truncate(_)
            | Self::Use(_)
            | Self::Describe(..) => &[],
        }
    }

    /// Ids of its tables.
    pub(super) fn tables(&self) -> Vec<Uuid> {
        match self {
            Self::Select(select) => vec![select.table.id],
            Self::Modify(modify) => vec![modify.table.id],
            Self::Truncate(table) => vec![table.id],
            Self::Batch(batch) => batch.statements.iter().map(|modify| modify.table.id).collect(),
            Self::Schema(..) | Self::Use(_) | Self::Describe(..) => Vec::new(),
        }
    }
}
