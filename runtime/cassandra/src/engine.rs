//! The one entry point: statements in, results out.

use std::sync::Arc;

use crate::api::{Batch, Error, Parameters, Prepared, Response};

/// The whole server without its wire: catalog, data and prepared statements.
#[derive(Debug, Default)]
pub struct Engine {
    system: crate::system::System,
}

impl Engine {
    /// An empty server that tells of itself what `system` says.
    pub fn new(system: crate::system::System) -> Arc<Self> {
        Arc::new(Self { system })
    }

    /// Analyses a statement and keeps it under its id.
    ///
    /// # Errors
    /// What Cassandra refuses when it prepares: syntax, unknown tables and columns, wrong types.
    pub fn prepare(&self, text: &str, keyspace: Option<&str>) -> Result<Arc<Prepared>, Error> {
        let _ = keyspace;
        Err(Error::Invalid(format!("not supported yet: {text}")))
    }

    /// A statement prepared before, if it is still valid.
    pub fn prepared(&self, id: [u8; 16]) -> Option<Arc<Prepared>> {
        let _ = id;
        None
    }

    /// Runs a prepared statement.
    ///
    /// # Errors
    /// `Unprepared` if it isn't known, else what the statement itself meets.
    pub fn execute(&self, id: [u8; 16], parameters: &Parameters) -> Result<Response, Error> {
        let _ = parameters;
        Err(Error::Unprepared(id))
    }

    /// Runs a statement from its text.
    ///
    /// # Errors
    /// As `prepare` and `execute`.
    pub fn query(&self, text: &str, parameters: &Parameters) -> Result<Response, Error> {
        let _ = parameters;
        Err(Error::Invalid(format!("not supported yet: {text}")))
    }

    /// Runs a batch.
    ///
    /// # Errors
    /// As `execute`; nothing of a refused batch is applied.
    pub fn batch(&self, batch: &Batch, parameters: &Parameters) -> Result<Response, Error> {
        let _ = parameters;
        Err(Error::Invalid(format!("not supported yet: a batch of {}", batch.statements.len())))
    }
}
