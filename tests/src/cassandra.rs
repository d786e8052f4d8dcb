//! A client of Cassandra that blocks, so that tests are plain functions.

use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::deserialize::row::DeserializeRow;
use scylla::serialize::row::SerializeRow;
use tokio::runtime::Runtime;

/// A session with a node.
#[derive(Debug)]
pub struct Cassandra {
    session: Session,
    runtime: Runtime,
}

impl Cassandra {
    /// Connects to `host:port`.
    pub fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let session = runtime.block_on(SessionBuilder::new().known_node(address).build());
        Self { session: session.unwrap_or_else(|e| panic!("connecting to Cassandra at {address}: {e}")), runtime }
    }

    /// Creates a keyspace of this test's own; returns its name.
    pub fn keyspace(&self, prefix: &str) -> String {
        let name = crate::unique(prefix);
        self.execute(&format!(
            "CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        ));
        name
    }

    /// Executes one statement without values.
    #[track_caller]
    pub fn execute(&self, cql: &str) {
        self.execute_with(cql, ());
    }

    /// Executes one statement.
    #[track_caller]
    pub fn execute_with(&self, cql: &str, values: impl SerializeRow) {
        if let Err(error) = self.runtime.block_on(self.session.query_unpaged(cql, values)) {
            panic!("{cql}: {error}");
        }
    }

    /// The rows of a query without values.
    #[track_caller]
    pub fn rows<T>(&self, cql: &str) -> Vec<T>
    where
        T: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let result = self.runtime.block_on(self.session.query_unpaged(cql, ()));
        let result = result.unwrap_or_else(|error| panic!("{cql}: {error}"));
        let rows = result.into_rows_result().unwrap_or_else(|error| panic!("{cql}: {error}"));
        let rows = rows.rows::<T>().unwrap_or_else(|error| panic!("{cql}: {error}"));
        rows.map(|row| row.unwrap_or_else(|error| panic!("{cql}: {error}"))).collect()
    }

    /// The one value of a query such as `SELECT count(*) …`.
    #[track_caller]
    pub fn count(&self, cql: &str) -> i64 {
        self.rows::<(i64,)>(cql)[0].0
    }
}
