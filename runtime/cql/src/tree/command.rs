//! Everything a server of CQL is told, besides data statements.

use super::{Ddl, Name, Statement, Table, Using};

/// One statement of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `SELECT`, `INSERT`, `UPDATE` or `DELETE`
    Data(Statement),
    /// `CREATE`, `ALTER` or `DROP`
    Schema(Ddl),
    /// `TRUNCATE`
    Truncate(Table),
    /// `USE`
    Use(Name),
    /// `BEGIN … BATCH … APPLY BATCH`
    Batch(BatchText),
    /// `DESCRIBE`
    Describe(Describe),
    /// Well known, but not part of this server; says what. What follows in the text was not read.
    Refused(&'static str),
    /// Cassandra's grammar takes it, and refuses it in these words.
    Invalid(String),
}

/// `BEGIN [UNLOGGED | COUNTER] BATCH [USING …] … APPLY BATCH`
#[derive(Debug, Clone, PartialEq)]
pub struct BatchText {
    /// Its kind.
    pub kind: BatchKind,
    /// `USING …`; may be empty.
    pub using: Vec<Using>,
    /// `INSERT`, `UPDATE` and `DELETE`; may be empty.
    pub statements: Vec<Statement>,
}

/// Kinds of batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// The default.
    Logged,
    /// `UNLOGGED`
    Unlogged,
    /// `COUNTER`
    Counter,
}

/// `DESCRIBE … [WITH INTERNALS]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Describe {
    /// What.
    pub what: Described,
    /// `WITH INTERNALS`
    pub internals: bool,
}

/// What is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Described {
    /// `CLUSTER`
    Cluster,
    /// `[FULL] SCHEMA`
    Schema {
        /// `FULL`: with the server's own keyspaces.
        full: bool,
    },
    /// `KEYSPACES`
    Keyspaces,
    /// `[ONLY] KEYSPACE [name]`
    Keyspace {
        /// `ONLY`: without what is in it.
        only: bool,
        /// `None` means the session's.
        name: Option<Name>,
    },
    /// `TABLES`
    Tables,
    /// `TABLE name`
    Table(Table),
    /// `INDEX name`
    Index(Table),
    /// `MATERIALIZED VIEW name`
    View(Table),
    /// `TYPES`
    Types,
    /// `TYPE name`
    Type(Table),
    /// `FUNCTIONS`
    Functions,
    /// `FUNCTION name`
    Function(Table),
    /// `AGGREGATES`
    Aggregates,
    /// `AGGREGATE name`
    Aggregate(Table),
    /// `name` or `keyspace.name`: a keyspace, table, type or index.
    Anything(Table),
}
