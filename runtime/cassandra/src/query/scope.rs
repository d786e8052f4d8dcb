//! What every analysis of a statement needs: its table, and the bind markers met so far.

use std::sync::Arc;

use veltrix_cql::{Expr, Marker, Name};

use crate::api::{Column as Named, Error};
use crate::schema::{Catalog, Column, Keyspace, Kind, Table};
use crate::terms::{self, Aggregate, Input, Selectors, Term};
use crate::types::CqlType;

/// Looks up names and collects bind markers while one statement is analysed.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Keyspace of the table.
    pub(crate) keyspace: Arc<Keyspace>,
    /// Its table.
    pub(crate) table: Arc<Table>,
    /// Bind markers in the order of the text.
    pub(crate) markers: Vec<Named>,
    /// For each column of the partition key the last marker that is a value for it.
    pub(crate) key_markers: Vec<Option<u16>>,
}

impl Scope {
    /// For a statement on that table; `markers` are those of statements before it in a batch.
    pub(crate) fn new(
        catalog: &Catalog,
        session: Option<&str>,
        table: &veltrix_cql::Table,
        markers: Vec<Named>,
    ) -> Result<Self, Error> {
        let (keyspace, table) = find_table(catalog, session, table)?;
        let key_markers = vec![None; table.partition_keys];
        Ok(Self { keyspace: keyspace.clone(), table: table.clone(), markers, key_markers })
    }

    /// Place of a column in the table.
    pub(crate) fn position(&self, name: &Name) -> Result<usize, Error> {
        self.table.position(name.as_str()).ok_or_else(|| self.undefined(name))
    }

    pub(crate) fn undefined(&self, name: &Name) -> Error {
        Error::Invalid(format!(
            "Undefined column name {} in table {}.{}",
            identifier(name.as_str()),
            identifier(&self.table.keyspace),
            identifier(&self.table.name)
        ))
    }

    pub(crate) fn column(&self, position: usize) -> &Column {
        &self.table.columns[position]
    }

    /// What a value is for.
    pub(crate) fn receiver(&self, name: impl Into<String>, of: CqlType) -> Named {
        Named { keyspace: self.table.keyspace.clone(), table: self.table.name.clone(), name: name.into(), of }
    }

    /// What a value of the column is for.
    pub(crate) fn receiver_of(&self, position: usize) -> Named {
        let column = self.column(position);
        self.receiver(&*column.name, column.of.clone())
    }

    /// A value for a receiver.
    pub(crate) fn compile(&mut self, expr: &Expr, receiver: &Named) -> Result<Term, Error> {
        let mut scope = terms::Scope { keyspace: &self.keyspace, table: &self.table, markers: &mut self.markers };
        terms::compile(expr, receiver, &mut scope)
    }

    /// Runs an analysis of selectors, which finds inputs and aggregates beside what it returns.
    pub(crate) fn with_selectors<T>(
        &mut self,
        inputs: Vec<Input>,
        aggregates: Vec<Aggregate>,
        analyse: impl FnOnce(&mut Selectors<'_>) -> Result<T, Error>,
    ) -> Result<(T, Vec<Input>, Vec<Aggregate>), Error> {
        let scope = terms::Scope { keyspace: &self.keyspace, table: &self.table, markers: &mut self.markers };
        let mut selectors = Selectors { scope, inputs, aggregates };
        let found = analyse(&mut selectors)?;
        Ok((found, selectors.inputs, selectors.aggregates))
    }

    /// A value for a column.
    pub(crate) fn compile_for(&mut self, position: usize, expr: &Expr) -> Result<Term, Error> {
        if let (Expr::Marker(_), Kind::Partition(place)) = (expr, self.column(position).kind) {
            self.key_markers[place] = u16::try_from(self.markers.len()).ok();
        }
        let receiver = self.receiver_of(position);
        self.compile(expr, &receiver)
    }

    /// An expression as Cassandra's messages show it.
    pub(crate) fn text(&self, expr: &Expr) -> String {
        terms::term_text(expr, &self.keyspace)
    }

    /// A bound value for a receiver.
    pub(crate) fn compile_marker(&mut self, marker: &Marker, receiver: &Named) -> Result<Term, Error> {
        self.compile(&Expr::Marker(marker.clone()), receiver)
    }

    /// Markers that make up the partition key, as drivers route by them; empty if they don't.
    pub(crate) fn partition_markers(&self) -> Vec<u16> {
        self.key_markers.iter().copied().collect::<Option<_>>().unwrap_or_default()
    }
}

/// A table and its keyspace, by name.
pub(crate) fn find_table<'c>(
    catalog: &'c Catalog,
    session: Option<&str>,
    table: &veltrix_cql::Table,
) -> Result<(&'c Arc<Keyspace>, &'c Arc<Table>), Error> {
    let name = match (&table.keyspace, session) {
        (Some(keyspace), _) => keyspace.as_str(),
        (None, Some(keyspace)) => keyspace,
        (None, None) => {
            let message = "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename";
            return Err(Error::Invalid(message.into()));
        }
    };
    let Some(keyspace) = catalog.keyspace(name) else {
        return Err(Error::Invalid(format!("keyspace {name} does not exist")));
    };
    match catalog.table(name, table.name.as_str()) {
        Some(table) => Ok((keyspace, table)),
        None => Err(Error::Invalid(format!("table {} does not exist", table.name.as_str()))),
    }
}

/// A name as Cassandra shows it in messages: in quotes if it needs them.
pub(crate) fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Names of columns, joined for a message.
pub(crate) fn names<'a>(columns: impl IntoIterator<Item = &'a Column>) -> String {
    columns.into_iter().map(|column| &*column.name).collect::<Vec<_>>().join(", ")
}
