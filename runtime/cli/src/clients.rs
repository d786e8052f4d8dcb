//! Short-lived clients of Kafka and Cassandra, which say soon when nothing answers.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::metadata::Metadata;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use crate::failure::Failure;
use crate::servers::{Cassandra, Kafka};

/// How long servers may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// What every Kafka client here has in common.
pub(crate) fn kafka(servers: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "veltrix-cli");
    for (name, value) in &servers.properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", servers.brokers.join(","));
    config
}

/// What the cluster says of a topic, or of all topics.
pub(crate) fn metadata<C: ClientContext>(
    client: &Client<C>,
    topic: Option<&str>,
    servers: &Kafka,
) -> Result<Metadata, Failure> {
    client.fetch_metadata(topic, PATIENCE).map_err(|error| {
        let brokers = servers.brokers.join(",");
        let reason = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string());
        Failure::run(format!("no Kafka broker answers at {brokers}: {reason}; name others with --kafka"))
    })
}

/// A session, in no keyspace.
pub(crate) async fn cassandra(servers: &Cassandra) -> Result<Session, Failure> {
    let builder = SessionBuilder::new().known_nodes(&servers.nodes).connection_timeout(PATIENCE / 2);
    let reason = match tokio::time::timeout(PATIENCE, builder.build()).await {
        Ok(Ok(session)) => return Ok(session),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    let nodes = servers.nodes.join(",");
    Err(Failure::run(format!("no Cassandra node answers at {nodes}: {reason}; name others with --cassandra")))
}

/// A runtime for verbs that wait for servers.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::run(format!("the I/O runtime can't start: {error}")))
}
