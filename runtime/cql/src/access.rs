//! What a statement touches, for grants.

use crate::tree::{Assignment, Name, Statement, Table, Using};

/// What a statement reads and writes. It is of one table, as every CQL data statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Keyspace; `None` if the statement names none and was not qualified.
    pub keyspace: Option<String>,
    /// Table.
    pub table: String,
    /// It shows what the table holds: a `SELECT`, or a conditional write, whose answer does.
    pub reads: bool,
    /// It may change the table.
    pub writes: bool,
    /// A write with `IF`.
    pub conditional: bool,
    /// It adds to or subtracts from a column, which may be a counter; the column's type decides.
    pub increments: bool,
    /// It has `USING TIMESTAMP`.
    pub timestamped: bool,
}

impl Statement {
    /// The table it is about.
    pub fn table(&self) -> &Table {
        match self {
            Self::Select(select) => &select.table,
            Self::Insert(insert) => &insert.table,
            Self::Update(update) => &update.table,
            Self::Delete(delete) => &delete.table,
        }
    }

    /// Names the keyspace, if the statement doesn't.
    pub fn qualify(&mut self, default_keyspace: &str) {
        let table = match self {
            Self::Select(select) => &mut select.table,
            Self::Insert(insert) => &mut insert.table,
            Self::Update(update) => &mut update.table,
            Self::Delete(delete) => &mut delete.table,
        };
        table.keyspace.get_or_insert_with(|| Name(default_keyspace.to_owned()));
    }

    /// What it touches.
    pub fn access(&self) -> Access {
        let (writes, conditional) = match self {
            Self::Select(_) => (false, false),
            Self::Insert(insert) => (true, insert.if_not_exists),
            Self::Update(update) => (true, update.condition.is_some()),
            Self::Delete(delete) => (true, delete.condition.is_some()),
        };
        let using = match self {
            Self::Select(_) => &[][..],
            Self::Insert(insert) => &insert.using,
            Self::Update(update) => &update.using,
            Self::Delete(delete) => &delete.using,
        };
        let timestamped = using.iter().any(|option| matches!(option, Using::Timestamp(_)));
        let increments = match self {
            Self::Update(update) => update.assignments.iter().any(|assignment| match assignment {
                Assignment::Add(..) | Assignment::Subtract(..) => true,
                Assignment::Set(..) | Assignment::Prepend(..) | Assignment::Element(..) | Assignment::Field(..) => {
                    false
                }
            }),
            Self::Select(_) | Self::Insert(_) | Self::Delete(_) => false,
        };
        let table = self.table();
        Access {
            keyspace: table.keyspace.as_ref().map(|keyspace| keyspace.0.clone()),
            table: table.name.0.clone(),
            reads: !writes || conditional,
            writes,
            conditional,
            increments,
            timestamped,
        }
    }
}

/// Whether a keyspace belongs to the server. Any name that begins so counts, in any case: new
/// releases add to them.
pub fn is_system_keyspace(keyspace: &str) -> bool {
    keyspace.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("system"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn access(text: &str) -> Access {
        parse(text).unwrap().access()
    }

    #[test]
    fn a_conditional_write_also_reads() {
        for text in [
            "INSERT INTO t (a) VALUES (1) IF NOT EXISTS",
            "UPDATE t SET a = 1 WHERE k = 1 IF a = 2",
            "UPDATE t SET a = 1 WHERE k = 1 IF EXISTS",
            "DELETE FROM t WHERE k = 1 IF EXISTS",
        ] {
            let access = access(text);
            assert!(access.reads && access.writes && access.conditional, "{text}");
        }
        let plain = access("INSERT INTO t (a) VALUES (1) USING TIMESTAMP 5");
        assert!(!plain.reads && plain.writes && !plain.conditional && plain.timestamped);
        let select = access("SELECT * FROM t");
        assert!(select.reads && !select.writes && !select.conditional);
    }

    #[test]
    fn keeps_a_named_keyspace_and_fills_in_a_missing_one() {
        let mut named = parse("SELECT a FROM \"Other\".t").unwrap();
        named.qualify("mine");
        assert_eq!(named.access().keyspace.as_deref(), Some("Other"));
        let mut bare = parse("SELECT a FROM t").unwrap();
        bare.qualify("mine");
        assert_eq!(bare.access().keyspace.as_deref(), Some("mine"));
    }

    #[test]
    fn sees_increments() {
        assert!(access("UPDATE t SET n = n + 1 WHERE k = 1").increments);
        assert!(access("UPDATE t SET n -= ? WHERE k = 1").increments);
        assert!(!access("UPDATE t SET n = ? WHERE k = 1").increments);
    }

    #[test]
    fn all_system_keyspaces_count() {
        for name in ["system", "system_schema", "SYSTEM_auth", "system_new"] {
            assert!(is_system_keyspace(name), "{name}");
        }
        assert!(!is_system_keyspace("shop") && !is_system_keyspace("syst"));
    }
}
