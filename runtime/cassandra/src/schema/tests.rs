//! DDL as sessions send it: what becomes of the catalog, and what is refused in which words.

use veltrix_cql::{Command, parse_any};

use super::*;
use crate::api::Error;
use crate::types::CqlType;

/// A session in keyspace `ks`.
struct Session(Catalog);

impl Session {
    fn new() -> Self {
        let mut session = Self(Catalog::default());
        session.run("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        session
    }

    fn try_run(&mut self, text: &str) -> Result<Applied, Error> {
        let Command::Schema(ddl) = parse_any(text).unwrap() else { panic!("{text} is no DDL") };
        let applied = apply(&self.0, &ddl, Some("ks"), 1000)?;
        if let Some(catalog) = &applied.catalog {
            self.0 = catalog.clone();
        }
        Ok(applied)
    }

    fn run(&mut self, text: &str) -> Applied {
        self.try_run(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refuses(&mut self, text: &str, message: &str) {
        let error = self.try_run(text).expect_err(text);
        assert_eq!(error.to_string(), message, "{text}");
    }

    fn table(&self, name: &str) -> &Table {
        self.0.table("ks", name).unwrap()
    }
}

#[test]
fn orders_columns_as_select_shows_them() {
    let mut session = Session::new();
    session.run(
        "CREATE TABLE t (z int, a text, s int STATIC, k int, c int, d int, PRIMARY KEY ((k), d, c)) \
         WITH CLUSTERING ORDER BY (d DESC, c ASC) AND comment = 'x'",
    );
    let table = session.table("t");
    let names: Vec<_> = table.columns.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["k", "d", "c", "s", "a", "z"]);
    assert!(matches!(table.columns[1].kind, Kind::Clustering { place: 0, descending: true }));
    assert_eq!(table.options.comment, "x");
}

#[test]
fn if_exists_and_if_not_exists_do_nothing() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (k int PRIMARY KEY)");
    for text in [
        "CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {'class': 'SimpleStrategy'}",
        "CREATE TABLE IF NOT EXISTS t (k int PRIMARY KEY)",
        "DROP TABLE IF EXISTS nope",
        "DROP TYPE IF EXISTS nope.nope",
        "DROP INDEX IF EXISTS nope",
        "DROP KEYSPACE IF EXISTS nope",
        "ALTER TABLE IF EXISTS nope ADD a int",
        "ALTER TYPE IF EXISTS nope ADD a int",
        "ALTER KEYSPACE IF EXISTS nope WITH durable_writes = false",
    ] {
        let applied = session.run(text);
        assert!(applied.catalog.is_none() && applied.change.is_none(), "{text}");
    }
    assert!(matches!(session.try_run("CREATE TABLE t (k int PRIMARY KEY)"), Err(Error::AlreadyExists { .. })));
}

#[test]
fn refuses_tables_in_cassandras_words() {
    let mut session = Session::new();
    for (text, message) in [
        ("CREATE TABLE t (a int)", "No PRIMARY KEY specifed for table 't' (exactly one required)"),
        (
            "CREATE TABLE t (a list<int> PRIMARY KEY)",
            "Invalid non-frozen collection type list<int> for PRIMARY KEY column 'a'",
        ),
        ("CREATE TABLE t (a duration PRIMARY KEY)", "duration type is not supported for PRIMARY KEY column 'a'"),
        ("CREATE TABLE t (a int PRIMARY KEY) WITH foo = 1", "Unknown property 'foo'"),
        (
            "CREATE TABLE t (a int PRIMARY KEY, b counter, c int)",
            "Cannot mix counter and non counter columns in the same table",
        ),
        (
            "CREATE TABLE t (a int, b int, c int, PRIMARY KEY (a, b, c)) WITH CLUSTERING ORDER BY (c ASC)",
            "Missing CLUSTERING ORDER for column b",
        ),
        ("CREATE TABLE nope.t (a int PRIMARY KEY)", "Keyspace 'nope' doesn't exist"),
        ("CREATE TABLE t (a nope PRIMARY KEY)", "Unknown type ks.nope"),
    ] {
        session.refuses(text, message);
    }
}

#[test]
fn a_dropped_column_comes_back_with_its_id() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (k int PRIMARY KEY, a int, b int)");
    let id = session.table("t").column("a").unwrap().id;
    let applied = session.run("ALTER TABLE t DROP a");
    assert!(matches!(&applied.effects[..], [Effect::ColumnDropped(_), Effect::TableAltered(_)]));
    assert_eq!((session.table("t").dropped["a"].id, session.table("t").dropped["a"].at), (id, 1000));
    session.refuses(
        "ALTER TABLE t ADD a text",
        "Cannot re-add previously dropped column 'a' of type text, incompatible with previous type int",
    );
    session.run("ALTER TABLE t ADD (a int, c text)");
    let table = session.table("t");
    assert_eq!(table.column("a").unwrap().id, id);
    assert!(table.column("c").unwrap().id > 2);
}

#[test]
fn renames_key_columns_alone() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (k int PRIMARY KEY, a int)");
    session.refuses("ALTER TABLE t RENAME a TO b", "Cannot rename non PRIMARY KEY column a");
    let id = session.table("t").columns[0].id;
    session.run("ALTER TABLE t RENAME k TO key");
    assert_eq!(session.table("t").column("key").unwrap().id, id);
}

#[test]
fn an_altered_type_changes_what_uses_it() {
    let mut session = Session::new();
    session.run("CREATE TYPE a (x int)");
    session.run("CREATE TYPE b (a frozen<a>)");
    session.run("CREATE TABLE t (k int PRIMARY KEY, v list<frozen<b>>)");
    let applied = session.run("ALTER TYPE a ADD y text");
    assert!(matches!(&applied.effects[..], [Effect::TableAltered(_)]));
    let CqlType::List { element, .. } = &session.table("t").column("v").unwrap().of else { panic!("no list") };
    let CqlType::Udt { definition, .. } = &**element else { panic!("no type") };
    let CqlType::Udt { definition, .. } = &definition.fields[0].1 else { panic!("no type") };
    assert_eq!(definition.fields.len(), 2);
    session.refuses("DROP TYPE a", "Cannot drop user type 'ks.a' as it is still used by user types b");
    session.refuses("DROP TYPE b", "Cannot drop user type 'ks.b' as it is still used by tables t");
}

#[test]
fn indexes_get_names_and_hold_their_column() {
    let mut session = Session::new();
    session.run("CREATE TABLE t (k int PRIMARY KEY, v int, m map<text, int>)");
    session.run("CREATE INDEX ON t (v)");
    session.run("CREATE INDEX ON t (keys(m))");
    session.run("CREATE INDEX ON t (m)");
    let names: Vec<_> = session.table("t").indexes.keys().map(String::as_str).collect();
    assert_eq!(names, ["t_m_idx", "t_m_idx_1", "t_v_idx"]);
    session.refuses("CREATE INDEX x ON t (v)", "Index x is a duplicate of existing index t_v_idx");
    session
        .refuses("ALTER TABLE t DROP v", "Cannot drop column v because it has dependent secondary indexes (t_v_idx)");
    session.run("DROP INDEX t_v_idx");
    session.run("ALTER TABLE t DROP v");
    session.refuses("CREATE CUSTOM INDEX ON t (m) USING 'sai'", "Storage-attached indexes (SAI) are not supported");
}

#[test]
fn keeps_replication_as_cassandra_does() {
    let mut session = Session::new();
    session.run("CREATE KEYSPACE n WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}");
    assert_eq!(session.0.keyspace("n").unwrap().replication["datacenter1"], "1");
    let applied =
        session.run("ALTER KEYSPACE n WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}");
    assert_eq!(applied.warnings.len(), 1);
    session.refuses("CREATE KEYSPACE x WITH durable_writes = true", "Missing mandatory option 'replication'");
    let applied = session.run("DROP KEYSPACE n");
    assert_eq!(applied.change.unwrap().change, "DROPPED");
}
