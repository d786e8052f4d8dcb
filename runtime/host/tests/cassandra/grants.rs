//! What is not granted is not reachable, however it is written.

use veltrix_manifest::Grant;

use crate::world::World;

#[test]
fn tables_that_are_not_granted_are_out_of_reach() {
    let world =
        World::new(&["t (k text PRIMARY KEY)", "secret (k text PRIMARY KEY)", "\"Secret\" (k text PRIMARY KEY)"]);
    let other = World::new(&["t (k text PRIMARY KEY)"]);
    let function = world.access(&[("t", Grant::Read)]);
    function.prepared("SELECT k FROM t");
    let keyspace = &world.keyspace;
    for text in [
        "SELECT * FROM secret".to_owned(),
        "SELECT * FROM \"secret\"".to_owned(),
        "SELECT * FROM \"Secret\"".to_owned(),
        format!("SELECT * FROM {keyspace}.secret"),
        format!("SELECT * FROM \"{keyspace}\".\"secret\""),
        format!("SELECT * FROM {}.t", other.keyspace),
        "INSERT INTO t (k) VALUES ('x')".to_owned(),
        "DELETE FROM t WHERE k = 'x' IF EXISTS".to_owned(),
        "SELECT * FROM system.local".to_owned(),
        "SELECT * FROM \"system\".\"peers_v2\"".to_owned(),
        "SELECT * FROM system_schema.tables".to_owned(),
        "SELECT * FROM SYSTEM_AUTH.roles".to_owned(),
        "SELECT * FROM system_views.clients".to_owned(),
    ] {
        let error = function.prepare(&text).unwrap_err();
        assert_eq!((error.kind, error.applied), (2, 0), "{text}: {error:?}");
    }
    for text in [
        "BEGIN BATCH INSERT INTO secret (k) VALUES ('x') APPLY BATCH".to_owned(),
        "SELECT k FROM t; SELECT k FROM secret".to_owned(),
        format!("USE {}", other.keyspace),
        "TRUNCATE t".to_owned(),
        "DROP TABLE t".to_owned(),
        "SELECT k, evil(k) FROM t".to_owned(),
    ] {
        let error = function.prepare(&text).unwrap_err();
        assert_eq!((error.kind, error.applied), (1, 0), "{text}: {error:?}");
    }
    let error = world.access(&[]).prepare("SELECT k FROM t").unwrap_err();
    assert!(error.message.contains("set cassandra = { t = \"read\" } in [function.tested]"), "{}", error.message);
}
