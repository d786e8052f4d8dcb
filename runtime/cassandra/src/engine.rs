//! The one entry point: statements in, results out.

mod batch;
mod levels;
mod plan;
mod prepared;
mod run;
mod state;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use crate::api::{Batch, Error, Parameters, Prepared, Response};
use crate::query::Clock;
use crate::schema::Catalog;
use crate::system::System;
use plan::Analysed;
use prepared::Statements;
use state::Shared;

/// The whole server without its wire: catalog, data and prepared statements.
#[derive(Debug)]
pub struct Engine {
    system: System,
    shared: Shared,
    statements: Statements,
    clock: Clock,
    /// One change of the schema at a time.
    changing: Mutex<()>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::of(System::default())
    }
}

impl Engine {
    /// An empty server that tells of itself what `system` says.
    pub fn new(system: System) -> Arc<Self> {
        Arc::new(Self::of(system))
    }

    fn of(system: System) -> Self {
        let shared = Shared::new(system.keyspaces());
        Self { system, shared, statements: Statements::default(), clock: Clock::default(), changing: Mutex::new(()) }
    }

    /// What keyspaces, tables and types there are now.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.shared.get().catalog.clone()
    }

    /// Analyses a statement and keeps it under its id.
    ///
    /// # Errors
    /// What Cassandra refuses when it prepares: syntax, unknown tables and columns, wrong types.
    pub fn prepare(&self, text: &str, keyspace: Option<&str>) -> Result<Arc<Prepared>, Error> {
        let analysed = Analysed::new(&self.catalog(), text, keyspace)?;
        Ok(self.statements.add(text, keyspace, analysed))
    }

    /// A statement prepared before, if it is still valid.
    pub fn prepared(&self, id: [u8; 16]) -> Option<Arc<Prepared>> {
        self.statements.get(id).map(|statement| statement.prepared.clone())
    }

    /// Runs a prepared statement.
    ///
    /// # Errors
    /// `Unprepared` if it isn't known, else what the statement itself meets.
    pub fn execute(&self, id: [u8; 16], parameters: &Parameters) -> Result<Response, Error> {
        let statement = self.statements.get(id).ok_or(Error::Unprepared(id))?;
        let bound = run::bound(&statement.prepared.markers, &parameters.values, parameters.names.as_deref()).map_err(
            |(wanted, given)| {
                Error::Invalid(format!("there were {wanted} markers(?) in CQL but {given} bound variables"))
            },
        )?;
        self.run(&statement.plan, &bound, parameters)
    }

    /// Runs a statement from its text.
    ///
    /// # Errors
    /// As `prepare` and `execute`.
    pub fn query(&self, text: &str, parameters: &Parameters) -> Result<Response, Error> {
        let analysed = Analysed::new(&self.catalog(), text, parameters.keyspace.as_deref())?;
        let bound = run::bound(&analysed.markers, &parameters.values, parameters.names.as_deref())
            .map_err(|_| Error::Invalid("Invalid amount of bind variables".into()))?;
        self.run(&analysed.plan, &bound, parameters)
    }

    /// Runs a batch.
    ///
    /// # Errors
    /// As `execute`; nothing of a refused batch is applied.
    pub fn batch(&self, batch: &Batch, parameters: &Parameters) -> Result<Response, Error> {
        self.run_message(batch, parameters)
    }

    fn changing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
