//! What a function may do with which tables. Nothing else is reachable.

use std::collections::BTreeMap;

use veltrix_cql::{Access, is_system_keyspace};
use veltrix_manifest::Grant;
use veltrix_wasm::CqlError;

use super::error::{Kind, refused};

/// The tables that a function may use: of the application's keyspace, by the name Cassandra stores.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants {
    function: String,
    keyspace: String,
    tables: BTreeMap<String, Grant>,
}

impl Grants {
    /// Grants on tables of `keyspace`.
    pub(super) fn new(keyspace: &str, tables: BTreeMap<String, Grant>) -> Self {
        Self { function: "NAME".to_owned(), keyspace: keyspace.to_owned(), tables }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The same, of a function of that name.
    pub(super) fn named(self, function: &str) -> Self {
        Self { function: function.to_owned(), ..self }
    }

    /// The keyspace of statements that name none.
    pub(super) fn keyspace(&self) -> &str {
        &self.keyspace
    }

    /// Refuses what is not granted, and says what to write into the manifest.
    pub(super) fn check(&self, access: &Access) -> Result<(), CqlError> {
        let keyspace = access.keyspace.as_deref().unwrap_or(&self.keyspace);
        let table = &access.table;
        if is_system_keyspace(keyspace) {
            return Err(not_granted(format!("{keyspace}.{table} is the server's own and can't be granted")));
        }
        if keyspace != self.keyspace {
            return Err(not_granted(format!(
                "{keyspace}.{table} is outside of keyspace {}: functions reach the application's keyspace alone",
                self.keyspace
            )));
        }
        let granted = self.tables.get(table).copied();
        let reads = granted.is_some_and(Grant::reads);
        let writes = granted.is_some_and(Grant::writes);
        if reads >= access.reads && writes >= access.writes {
            return Ok(());
        }
        let needed = match (access.reads || reads, access.writes || writes) {
            (true, false) => "read",
            (false, _) => "write",
            (true, true) => "read-write",
        };
        let attempted = match (access.conditional, access.writes) {
            (true, _) => "a conditional write to",
            (false, true) => "writing to",
            (false, false) => "reading",
        };
        Err(not_granted(format!(
            "{attempted} {keyspace}.{table} is not granted: set cassandra = {{ {} = \"{needed}\" }} in [function.{}]",
            key(table),
            self.function
        )))
    }
}

fn not_granted(message: String) -> CqlError {
    refused(Kind::NotGranted, message)
}

/// The table as a key of TOML.
fn key(table: &str) -> String {
    let bare = !table.is_empty() && table.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { table.to_owned() } else { format!("{table:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        let tables =
            [("stock", Grant::ReadWrite), ("orders", Grant::Read), ("log", Grant::Write), ("Odd", Grant::Read)];
        let tables = tables.map(|(name, grant)| (name.to_owned(), grant)).into();
        let grants = Grants::new("shop", tables).named("inventory");
        let mut statement = veltrix_cql::parse(text).unwrap();
        statement.qualify(grants.keyspace());
        grants.check(&statement.access()).map_err(|error| {
            assert_eq!((error.kind, error.applied), (2, 0));
            error.message
        })
    }

    #[test]
    fn grants_what_the_manifest_says() {
        for text in [
            "SELECT * FROM stock",
            "SELECT * FROM shop.orders",
            "SELECT * FROM \"Odd\"",
            "INSERT INTO log (a) VALUES (1)",
            "UPDATE stock SET a = 1 WHERE k = 1 IF a = 2",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn names_the_table_and_the_grant_that_is_missing() {
        for (text, part) in [
            ("INSERT INTO orders (a) VALUES (1)", "orders = \"read-write\""),
            ("SELECT * FROM log", "log = \"read-write\""),
            ("INSERT INTO log (a) VALUES (1) IF NOT EXISTS", "a conditional write to shop.log is not granted"),
            ("SELECT * FROM secret", "{ secret = \"read\" } in [function.inventory]"),
            ("DELETE FROM secret WHERE k = 1", "secret = \"write\""),
            ("SELECT * FROM odd", "odd = \"read\""),
            ("SELECT * FROM \"Sto ck\"", "\"Sto ck\" = \"read\""),
            ("SELECT * FROM other.stock", "outside of keyspace shop"),
            ("SELECT * FROM \"SHOP\".stock", "outside of keyspace shop"),
        ] {
            let message = check(text).unwrap_err();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn system_keyspaces_can_not_be_granted() {
        for text in
            ["SELECT * FROM system.local", "SELECT * FROM \"system_auth\".\"roles\"", "SELECT * FROM \"System\".x"]
        {
            let message = check(text).unwrap_err();
            assert!(message.contains("can't be granted"), "{text}: {message}");
        }
        let own = Grants::new("system", [("local".to_owned(), Grant::Read)].into());
        assert!(own.check(&veltrix_cql::parse("SELECT * FROM local").unwrap().access()).is_err());
    }
}
