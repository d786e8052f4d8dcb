//! Statements besides data statements.

use std::fmt::{self, Display, Formatter};

use super::statement::clause;
use crate::tree::{BatchKind, BatchText, Command, Describe, Described, Name, Table};

impl Display for Command {
    /// Canonical text; [`Command::Refused`] and [`Command::Invalid`] have none and say what they say.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(statement) => statement.fmt(f),
            Self::Schema(ddl) => ddl.fmt(f),
            Self::Truncate(table) => write!(f, "TRUNCATE TABLE {table}"),
            Self::Use(keyspace) => write!(f, "USE {keyspace}"),
            Self::Batch(batch) => batch.fmt(f),
            Self::Describe(describe) => describe.fmt(f),
            Self::Refused(what) => f.write_str(what),
            Self::Invalid(message) => f.write_str(message),
        }
    }
}

impl Display for BatchText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            BatchKind::Logged => "BEGIN BATCH",
            BatchKind::Unlogged => "BEGIN UNLOGGED BATCH",
            BatchKind::Counter => "BEGIN COUNTER BATCH",
        })?;
        clause(f, " USING ", &self.using, " AND ")?;
        for statement in &self.statements {
            write!(f, " {statement};")?;
        }
        f.write_str(" APPLY BATCH")
    }
}

impl Display for Describe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let named = |f: &mut Formatter<'_>, what: &str, name: &Table| write!(f, "DESCRIBE {what} {name}");
        match &self.what {
            Described::Cluster => f.write_str("DESCRIBE CLUSTER"),
            Described::Schema { full: false } => f.write_str("DESCRIBE SCHEMA"),
            Described::Schema { full: true } => f.write_str("DESCRIBE FULL SCHEMA"),
            Described::Keyspaces => f.write_str("DESCRIBE KEYSPACES"),
            Described::Keyspace { only, name } => keyspace(f, *only, name.as_ref()),
            Described::Tables => f.write_str("DESCRIBE TABLES"),
            Described::Table(name) => named(f, "TABLE", name),
            Described::Index(name) => named(f, "INDEX", name),
            Described::View(name) => named(f, "MATERIALIZED VIEW", name),
            Described::Types => f.write_str("DESCRIBE TYPES"),
            Described::Type(name) => named(f, "TYPE", name),
            Described::Functions => f.write_str("DESCRIBE FUNCTIONS"),
            Described::Function(name) => named(f, "FUNCTION", name),
            Described::Aggregates => f.write_str("DESCRIBE AGGREGATES"),
            Described::Aggregate(name) => named(f, "AGGREGATE", name),
            Described::Anything(name) => write!(f, "DESCRIBE {name}"),
        }?;
        f.write_str(if self.internals { " WITH INTERNALS" } else { "" })
    }
}

fn keyspace(f: &mut Formatter<'_>, only: bool, name: Option<&Name>) -> fmt::Result {
    f.write_str(if only { "DESCRIBE ONLY KEYSPACE" } else { "DESCRIBE KEYSPACE" })?;
    match name {
        Some(name) => write!(f, " {name}"),
        None => Ok(()),
    }
}
