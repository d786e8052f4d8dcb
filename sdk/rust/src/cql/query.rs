//! The builder of one statement, from its text to its rows.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::encode::ToCql;
use super::error::{CqlError, CqlErrorKind};
use super::options::{Consistency, SerialConsistency, option_methods};
use super::outcome::Outcome;
use super::page::{Page, PageToken, Pages};
use super::row::{FromRow, read_rows};
use super::statement::{Bound, Statement, prepare};
use super::types::Column;
use crate::{host, task};

/// A CQL statement: one SELECT, INSERT, UPDATE or DELETE, with `?` or `:name` where values go.
///
/// Values are bound in the order of the parameters; then [`run`](Cql::run), [`one`](Cql::one),
/// [`optional`](Cql::optional), [`all`](Cql::all), [`page`](Cql::page) or [`pages`](Cql::pages) executes it.
/// Use few and constant texts: each is prepared once, and kept as long as the instance lives.
pub fn cql<'a>(text: impl Into<Cow<'a, str>>) -> Cql<'a> {
    Cql { text: text.into(), values: Vec::new(), options: host::Options::default() }
}

/// A statement being put together: see [`cql()`].
#[must_use = "nothing happens before run, one, optional, all, page or pages"]
pub struct Cql<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) values: Vec<Bound<'a>>,
    pub(super) options: host::Options,
}

impl<'a> Cql<'a> {
    /// Binds the next parameter, to a value or a reference. `None` is null, which deletes; `Unset` leaves what is there.
    pub fn bind(mut self, value: impl ToCql + 'a) -> Self {
        self.values.push(Bound { name: None, value: Box::new(value) });
        self
    }

    /// Binds the parameters of this name: of `:name`, or of the column that a `?` goes to.
    pub fn bind_named(mut self, name: &'a str, value: impl ToCql + 'a) -> Self {
        self.values.push(Bound { name: Some(name), value: Box::new(value) });
        self
    }

    option_methods!();

    /// How many rows to fetch at a time; default: the host's.
    pub fn page_size(mut self, rows: u32) -> Self {
        self.options.page_size = rows;
        self
    }

    /// Executes a write; a conditional one tells whether it applied. Rows of a SELECT are dropped.
    ///
    /// # Errors
    /// The host, the server or a type says no. [`CqlError::applied`] tells whether it may have been applied.
    pub async fn run(self) -> Result<Outcome, CqlError> {
        let text = self.text.clone();
        let run = async {
            let ready = self.ready().await?;
            let page = ready.fetch(Vec::new()).await?;
            if !ready.statement.is_conditional() {
                return Ok(Outcome::plain());
            }
            let columns = page.columns(&ready.statement)?;
            Outcome::conditional(columns, page.page).map_err(|error| ready.statement.after_answer(error))
        };
        run.await.map_err(|error| error.of_statement(&text))
    }

    /// Prepares the statement and does not execute it: the names and types of its parameters.
    ///
    /// # Errors
    /// The host or the server says no: it is not granted, a table or column is not there.
    pub async fn parameters(self) -> Result<Vec<Column>, CqlError> {
        let prepared = prepare(&self.text).await.map_err(|error| error.of_statement(&self.text))?;
        Ok(prepared.parameters().to_vec())
    }

    /// The first row; none is an error of kind [`NoRow`](CqlErrorKind::NoRow).
    ///
    /// # Errors
    /// No row, or as [`all`](Self::all).
    pub async fn one<T: FromRow>(self) -> Result<T, CqlError> {
        let text = self.text.clone();
        let first = self.optional().await?;
        first.ok_or_else(|| CqlError::new(CqlErrorKind::NoRow, "nothing matches").of_statement(&text))
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn optional<T: FromRow>(self) -> Result<Option<T>, CqlError> {
        let mut pages = self.pages::<T>();
        while let Some(rows) = pages.next().await? {
            // A page may be empty, and the next one not: deleted rows leave such gaps.
            if let Some(row) = rows.into_iter().next() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// All rows, page after page. For more than fit into memory take [`pages`](Self::pages).
    ///
    /// # Errors
    /// The host or the server says no, a value doesn't go with its parameter, or a row can't be read as a `T`.
    pub async fn all<T: FromRow>(self) -> Result<Vec<T>, CqlError> {
        let mut pages = self.pages::<T>();
        let mut all = Vec::new();
        while let Some(mut rows) = pages.next().await? {
            match all.is_empty() {
                true => all = rows,
                false => all.append(&mut rows),
            }
        }
        Ok(all)
    }

    /// One page of rows: the first, or the one after `from`.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub async fn page<T: FromRow>(self, from: Option<PageToken>) -> Result<Page<T>, CqlError> {
        let text = self.text.clone();
        let page = async {
            let ready = self.ready().await?;
            ready.fetch(from.map(PageToken::into_bytes).unwrap_or_default()).await?.read(&ready.statement)
        };
        page.await.map_err(|error| error.of_statement(&text))
    }

    /// The rows, a page at a time.
    pub fn pages<T: FromRow>(self) -> Pages<'a, T> {
        Pages::new(self)
    }

    /// Prepares the statement and encodes its values.
    pub(super) async fn ready(self) -> Result<Ready, CqlError> {
        self.options.check()?;
        let statement = prepare(&self.text).await?;
        let mut values = Vec::new();
        statement.encode(&self.values, &mut values)?;
        Ok(Ready { statement, values, options: self.options })
    }
}

impl fmt::Debug for Cql<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cql").field("text", &self.text).field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A statement that can be executed.
pub(super) struct Ready {
    pub(super) statement: Rc<Statement>,
    pub(super) values: Vec<u8>,
    options: host::Options,
}

impl Ready {
    pub(super) async fn fetch(&self, next: Vec<u8>) -> Result<Answer, CqlError> {
        let page = host::execute(task::current(), self.statement.id, &self.values, &next, &self.options).await?;
        Ok(Answer { page })
    }
}

/// What the host answers.
pub(super) struct Answer {
    pub(super) page: host::Page,
}

impl Answer {
    /// The page's own columns, or else those of the statement.
    fn columns(&self, statement: &Statement) -> Result<Arc<[Column]>, CqlError> {
        if self.page.columns.is_empty() {
            return Ok(statement.results.clone());
        }
        super::statement::columns(&self.page.columns).map(Into::into).map_err(|error| statement.after_answer(error))
    }

    pub(super) fn read<T: FromRow>(self, statement: &Statement) -> Result<Page<T>, CqlError> {
        let columns = self.columns(statement)?;
        let rows = read_rows(columns, self.page.count, self.page.rows);
        let rows = rows.map_err(|error| statement.after_answer(error))?;
        Ok(Page { rows, next: PageToken::new(self.page.next) })
    }
}
