//! Several writes at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::{CqlError, CqlErrorKind};
use super::options::{Consistency, SerialConsistency, option_methods};
use super::outcome::Outcome;
use super::query::Cql;
use super::statement::{columns, prepare};
use super::types::Column;
use crate::{host, task};

const LOGGED: u8 = 0;
const UNLOGGED: u8 = 1;
const COUNTER: u8 = 2;

/// Several writes at once: all of them are applied, or none.
///
/// ```no_run
/// # use veltrix_sdk::cql::{CqlError, batch, cql};
/// # async fn run(order: &str, sku: &str) -> Result<(), CqlError> {
/// batch()
///     .add(cql("INSERT INTO orders (id, sku) VALUES (?, ?)").bind(order).bind(sku))
///     .add(cql("INSERT INTO orders_by_sku (sku, id) VALUES (?, ?)").bind(sku).bind(order))
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn batch<'a>() -> Batch<'a> {
    Batch { kind: LOGGED, statements: Vec::new(), options: host::Options::default() }
}

/// A batch being put together: see [`batch()`].
#[must_use = "nothing happens before run"]
pub struct Batch<'a> {
    kind: u8,
    statements: Vec<Cql<'a>>,
    options: host::Options,
}

impl<'a> Batch<'a> {
    /// Without the log that makes it all or nothing across partitions: cheaper, and as good within one partition.
    pub fn unlogged(mut self) -> Self {
        self.kind = UNLOGGED;
        self
    }

    /// For updates of counters, which don't mix with other writes.
    pub fn counter(mut self) -> Self {
        self.kind = COUNTER;
        self
    }

    /// Adds an INSERT, UPDATE or DELETE. Its options are the batch's: set them there.
    #[expect(clippy::should_implement_trait, reason = "a batch is no number")]
    pub fn add(mut self, statement: Cql<'a>) -> Self {
        self.statements.push(statement);
        self
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    option_methods!();

    /// Executes the batch. An empty one is applied at once. If one of the statements has a condition, the outcome tells
    /// whether all conditions were met.
    ///
    /// # Errors
    /// A statement has options of its own; or as [`Cql::run`].
    pub async fn run(self) -> Result<Outcome, CqlError> {
        self.options.check()?;
        let mut writes = Writes { kind: self.kind, ..Writes::default() };
        for cql in &self.statements {
            writes.add(cql).await?;
        }
        writes.run(&self.options).await
    }
}

/// Writes that are prepared and have their values; they can be executed several times.
#[derive(Default)]
pub(crate) struct Writes {
    kind: u8,
    ids: Vec<u32>,
    values: Vec<u8>,
    /// Of the first one with a condition.
    results: Option<Arc<[Column]>>,
}

impl Writes {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) async fn add(&mut self, cql: &Cql<'_>) -> Result<(), CqlError> {
        let of_statement = |error: CqlError| error.of_statement(&cql.text);
        if cql.options != host::Options::default() {
            let message = "options of a statement in a batch: set them on the batch";
            return Err(of_statement(CqlError::new(CqlErrorKind::Invalid, message)));
        }
        let statement = prepare(&cql.text).await.map_err(of_statement)?;
        statement.encode(&cql.values, &mut self.values).map_err(of_statement)?;
        self.ids.push(statement.id);
        if statement.is_conditional() && self.results.is_none() {
            self.results = Some(statement.results.clone());
        }
        Ok(())
    }

    pub(crate) async fn run(&self, options: &host::Options) -> Result<Outcome, CqlError> {
        if self.ids.is_empty() {
            return Ok(Outcome::plain());
        }
        let page = host::batch(task::current(), self.kind, &self.ids, &self.values, options).await?;
        let Some(results) = &self.results else { return Ok(Outcome::plain()) };
        let columns = match page.columns.is_empty() {
            true => results.clone(),
            false => columns(&page.columns).map_err(CqlError::unknown_outcome)?.into(),
        };
        Outcome::conditional(columns, page).map_err(CqlError::unknown_outcome)
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("statements", &self.statements).finish_non_exhaustive()
    }
}
