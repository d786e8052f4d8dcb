//! [`Outcome`]: what came of a write.

use std::sync::Arc;

use super::decode::FromCql;
use super::error::{CqlError, CqlErrorKind};
use super::row::{ColumnIndex, Row, read_rows};
use super::types::Column;
use crate::host;

/// The column that tells whether a conditional write was applied.
pub(super) const APPLIED: &str = "[applied]";

/// What came of a write.
///
/// ```no_run
/// # use veltrix_sdk::cql::{CqlError, cql};
/// # async fn run(sku: &str, order: &str) -> Result<(), CqlError> {
/// let outcome = cql("UPDATE stock SET left = ? WHERE sku = ? IF left = ?").bind(4).bind(sku).bind(5).run().await?;
/// if !outcome.applied {
///     let left: i32 = outcome.get("left")?;
///     // …
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether it was applied; always so for writes without a condition.
    pub applied: bool,
    /// Of a condition that was not met, the row as it is, where there is one; of a batch, a row for each that its conditions
    /// read.
    pub rows: Vec<Row>,
}

impl Outcome {
    /// The row that the condition was not met by.
    pub fn row(&self) -> Option<&Row> {
        self.rows.first()
    }

    /// A column of [`row`](Self::row).
    ///
    /// # Errors
    /// There is no row, no such column, or it can't be read as a `T`.
    pub fn get<T: FromCql>(&self, column: impl ColumnIndex) -> Result<T, CqlError> {
        match self.row() {
            Some(row) => row.get(column),
            None => Err(CqlError::new(CqlErrorKind::NoRow, "the write came back without a row").unknown_outcome()),
        }
    }

    pub(super) fn plain() -> Self {
        Self { applied: true, rows: Vec::new() }
    }

    pub(super) fn conditional(columns: Arc<[Column]>, page: host::Page) -> Result<Self, CqlError> {
        let rows: Vec<Row> = read_rows(columns, page.count, page.rows)?;
        let Some(first) = rows.first() else {
            return Err(CqlError::new(CqlErrorKind::Type, "a conditional write was answered without a row"));
        };
        let applied = first.get(APPLIED)?;
        Ok(Self { applied, rows: rows.into_iter().filter_map(Row::without_first).collect() })
    }
}
