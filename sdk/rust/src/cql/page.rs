//! Rows a page at a time.

use std::fmt;
use std::marker::PhantomData;

use super::error::CqlError;
use super::query::{Cql, Ready};
use super::row::FromRow;

/// A page of rows.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows; there may be none although more pages follow.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<PageToken>,
}

/// Where a page begins. Good for the same statement with the same values only.
#[derive(Clone, PartialEq, Eq)]
pub struct PageToken(Vec<u8>);

impl PageToken {
    pub(super) fn new(bytes: Vec<u8>) -> Option<Self> {
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// From bytes that were kept; none at all mean the first page.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        Self::new(bytes.into())
    }

    /// The bytes, to be kept as they are.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Debug for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageToken({} bytes)", self.0.len())
    }
}

/// The pages of a statement, fetched when asked for: see [`Cql::pages`].
///
/// ```no_run
/// # use veltrix_sdk::cql::{CqlError, cql};
/// # async fn run() -> Result<(), CqlError> {
/// let mut pages = cql("SELECT sku, left FROM stock").page_size(500).pages::<(String, i32)>();
/// while let Some(rows) = pages.next().await? {
///     for (sku, left) in rows {
///         // …
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is fetched before next"]
pub struct Pages<'a, T> {
    text: String,
    state: State<'a>,
    rows: PhantomData<fn() -> T>,
}

enum State<'a> {
    New(Cql<'a>),
    /// Before a page; empty bytes before the first one.
    Before(Ready, Vec<u8>),
    End,
}

impl<'a, T: FromRow> Pages<'a, T> {
    pub(super) fn new(cql: Cql<'a>) -> Self {
        Self { text: cql.text.clone().into_owned(), state: State::New(cql), rows: PhantomData }
    }

    /// The rows of the next page, perhaps none; `None` at the end, and after an error.
    ///
    /// # Errors
    /// As [`Cql::all`].
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, CqlError> {
        let state = std::mem::replace(&mut self.state, State::End);
        let next = async {
            let (ready, token) = match state {
                State::New(cql) => (cql.ready().await?, Vec::new()),
                State::Before(ready, token) => (ready, token),
                State::End => return Ok(None),
            };
            let page = ready.fetch(token).await?.read(&ready.statement)?;
            if let Some(token) = page.next {
                self.state = State::Before(ready, token.into_bytes());
            }
            Ok(Some(page.rows))
        };
        next.await.map_err(|error: CqlError| error.of_statement(&self.text))
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New(_) => "New",
            Self::Before(..) => "Before",
            Self::End => "End",
        })
    }
}
