//! The loop by hand: one read and one write at a time per key, so many keys at once. No Kafka.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::statement::prepared::PreparedStatement;

use crate::fill::{key, value};

/// The loop, connected and prepared.
pub(crate) struct Pairs {
    session: Arc<Session>,
    select: PreparedStatement,
    insert: PreparedStatement,
}

impl Pairs {
    /// Connects, and creates the table.
    ///
    /// # Errors
    /// Cassandra refuses.
    pub(crate) async fn connect(cassandra: &str, keyspace: &str) -> Result<Self> {
        let session = SessionBuilder::new().known_node(cassandra).build().await?;
        for statement in [
            format!(
                "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            ),
            format!("CREATE TABLE IF NOT EXISTS {keyspace}.pairs (k text PRIMARY KEY, v blob)"),
        ] {
            session.query_unpaged(statement, ()).await?;
        }
        let select = session.prepare(format!("SELECT v FROM {keyspace}.pairs WHERE k = ?")).await?;
        let insert = session.prepare(format!("INSERT INTO {keyspace}.pairs (k, v) VALUES (?, ?)")).await?;
        Ok(Self { session: Arc::new(session), select, insert })
    }

    /// Pairs per second over so many, with so many in flight.
    ///
    /// # Errors
    /// A request fails.
    pub(crate) async fn run(&self, pairs: usize, in_flight: usize) -> Result<f64> {
        let since = Instant::now();
        stream::iter(0..pairs)
            .map(|number| async move {
                let key = key(number);
                self.session.execute_unpaged(&self.select, (&key,)).await?;
                self.session.execute_unpaged(&self.insert, (&key, value())).await?;
                anyhow::Ok(())
            })
            .buffer_unordered(in_flight)
            .try_for_each(|()| async { Ok(()) })
            .await?;
        Ok(pairs as f64 / since.elapsed().as_secs_f64())
    }
}
