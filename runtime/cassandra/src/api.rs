//! What the wire and the engine say to each other. Neither knows more of the other than this.

use std::sync::Arc;

use bytes::Bytes;

use crate::types::CqlType;

/// A value as a client binds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Binary form of the column's type; may be empty.
    Value(Bytes),
    /// Null: deletes.
    Null,
    /// Leaves the column as it is.
    Unset,
}

/// Consistency levels by their number in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consistency(pub u16);

/// What a client sends beside the statement.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Keyspace of the session, or of the request (v5).
    pub keyspace: Option<String>,
    /// Values by position; with `names`, by name.
    pub values: Vec<Bound>,
    /// Names of `values`, as long as `values`, where the client names them.
    pub names: Option<Vec<String>>,
    /// Consistency level.
    pub consistency: Consistency,
    /// Consistency of the conditional part.
    pub serial_consistency: Option<Consistency>,
    /// Rows of a page; `None` and numbers below 1 mean all.
    pub page_size: Option<i32>,
    /// Where the last page ended, as this engine said it.
    pub paging_state: Option<Bytes>,
    /// Default write timestamp, microseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Replaces the clock, seconds since the epoch (v5).
    pub now_in_seconds: Option<i32>,
}

impl Parameters {
    /// No values, no keyspace, no paging.
    pub fn new(consistency: Consistency) -> Self {
        Self {
            keyspace: None,
            values: Vec::new(),
            names: None,
            consistency,
            serial_consistency: None,
            page_size: None,
            paging_state: None,
            timestamp: None,
            now_in_seconds: None,
        }
    }
}

/// A column of a result, or a bind marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Keyspace of its table.
    pub keyspace: Arc<str>,
    /// Its table.
    pub table: Arc<str>,
    /// Its name, alias or printed selector.
    pub name: String,
    /// Its type.
    pub of: CqlType,
}

/// A statement that was prepared; kept by the engine under its id, shared between connections.
#[derive(Debug)]
pub struct Prepared {
    /// Digest of keyspace and text.
    pub id: [u8; 16],
    /// The text.
    pub text: String,
    /// Keyspace of the session at that time.
    pub keyspace: Option<String>,
    /// Bind markers in order.
    pub markers: Vec<Column>,
    /// For each column of the partition key the index of its marker; empty if not all are bound.
    pub partition_key: Vec<u16>,
    /// Columns of its result; empty if it has none (or if they vary: conditional statements).
    pub columns: Vec<Column>,
    /// Digest of `columns`; a client that knows another one is told the new columns (v5).
    pub columns_id: [u8; 16],
}

/// Kinds of batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum BatchKind {
    Logged,
    Unlogged,
    Counter,
}

/// A batch of the protocol.
#[derive(Debug)]
pub struct Batch {
    /// Its kind.
    pub kind: BatchKind,
    /// Statements, as text or prepared, with their values by position (or name: `names`).
    pub statements: Vec<(BatchStatement, Vec<Bound>)>,
}

/// One statement of a batch.
#[derive(Debug, Clone)]
pub enum BatchStatement {
    /// CQL text.
    Text(String),
    /// Id of a prepared statement.
    Prepared([u8; 16]),
}

/// A result.
#[derive(Debug, Clone)]
pub enum Response {
    /// Nothing to tell.
    Void,
    /// Rows.
    Rows(Rows),
    /// `USE`
    Keyspace(String),
    /// The schema has changed.
    Schema(SchemaChange),
    /// Any of the others, with warnings for the client (rows have theirs themselves).
    Warned {
        /// The result.
        response: Box<Response>,
        /// Such as a batch over many partitions.
        warnings: Vec<String>,
    },
}

/// A page of rows.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Columns in order.
    pub columns: Arc<[Column]>,
    /// Row after row, each as many cells as there are columns; `None` is null.
    pub cells: Vec<Option<Bytes>>,
    /// Where the next page begins; `None` at the end.
    pub paging_state: Option<Bytes>,
    /// Warnings for the client (such as an aggregation without a partition key).
    pub warnings: Vec<String>,
}

/// A change of the schema, in the protocol's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// `CREATED`, `UPDATED` or `DROPPED`.
    pub change: &'static str,
    /// `KEYSPACE`, `TABLE` or `TYPE`.
    pub target: &'static str,
    /// Keyspace.
    pub keyspace: String,
    /// Table or type, unless the keyspace itself changed.
    pub name: Option<String>,
}

/// Why a request failed, by the classes of the protocol. Texts are Cassandra's where users see them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    /// 0x2000
    #[error("{0}")]
    Syntax(String),
    /// 0x2200
    #[error("{0}")]
    Invalid(String),
    /// 0x2100
    #[error("{0}")]
    Unauthorized(String),
    /// 0x2300
    #[error("{0}")]
    Configuration(String),
    /// 0x2400
    #[error("{message}")]
    AlreadyExists { keyspace: String, table: String, message: String },
    /// 0x2500
    #[error("Prepared query with ID {} not found", hex(.0))]
    Unprepared([u8; 16]),
    /// 0x1400
    #[error("{message}")]
    FunctionFailure { keyspace: String, function: String, arguments: Vec<String>, message: String },
    /// 0x000A
    #[error("{0}")]
    Protocol(String),
    /// 0x0000
    #[error("{0}")]
    Server(String),
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
