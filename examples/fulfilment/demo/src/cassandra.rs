//! Tables, read and seeded by a client of Cassandra's own.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::deserialize::row::DeserializeRow;
use tokio::runtime::Runtime;

use crate::catalogue::CATALOGUE;

/// How long a worker may take to make the tables.
const TABLES: Duration = Duration::from_secs(30);

/// A session with a node.
pub(crate) struct Cassandra {
    session: Session,
    runtime: Runtime,
}

impl Cassandra {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let session = runtime.block_on(SessionBuilder::new().known_node(address).build());
        Ok(Self { session: session.with_context(|| format!("connecting to Cassandra at {address}"))?, runtime })
    }

    /// Puts the goods into stock. Conditional, as all writes to this table are: the two kinds must not be mixed.
    pub(crate) fn seed(&self) -> Result<()> {
        self.runtime.block_on(async {
            let insert = "INSERT INTO fulfilment.stock (sku, left) VALUES (?, ?) IF NOT EXISTS";
            let until = Instant::now() + TABLES;
            let insert = loop {
                match self.session.prepare(insert).await {
                    Ok(insert) => break insert,
                    // A worker is ready before it has made the tables.
                    Err(_) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
                    Err(error) => return Err(error).context("the table of the stock is not there"),
                }
            };
            for product in CATALOGUE {
                self.session.execute_unpaged(&insert, (product.sku, product.stock)).await.context("seeding stock")?;
            }
            Ok(())
        })
    }

    /// All rows of a query.
    pub(crate) fn rows<T>(&self, query: &str) -> Result<Vec<T>>
    where
        T: for<'f, 'm> DeserializeRow<'f, 'm>,
    {
        let result = self.runtime.block_on(self.session.query_unpaged(query, ())).with_context(|| query.to_owned())?;
        let result = result.into_rows_result()?;
        Ok(result.rows::<T>()?.collect::<Result<_, _>>()?)
    }
}
