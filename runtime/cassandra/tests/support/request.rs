//! What a client is asked to send.

/// A statement, or a batch of the protocol.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// One, or those of the batch.
    pub(crate) statements: Vec<Statement>,
    /// Makes it a batch.
    pub(crate) batch: Option<Kind>,
    /// Rows of a page; all pages are read.
    pub(crate) page: Option<i32>,
    /// Default write timestamp.
    pub(crate) timestamp: Option<i64>,
    /// By its number in the protocol.
    pub(crate) consistency: Option<u16>,
    /// By its number in the protocol.
    pub(crate) serial: Option<u16>,
}

/// Kinds of batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Logged,
    Unlogged,
    Counter,
}

/// One statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Statement {
    pub(crate) text: String,
    /// Literals of bound values; with these it is prepared, without it is sent as text.
    pub(crate) values: Option<Vec<String>>,
}

impl Request {
    /// A statement as text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { statements: vec![Statement { text: text.into(), values: None }], ..Self::default() }
    }
}
