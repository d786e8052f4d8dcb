//! Short-lived clients of Kafka and Cassandra, which say soon when nothing answers.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{Client, ClientContext, DefaultClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use crate::failure::Failure;
use crate::servers::{Cassandra, Kafka};

/// How long servers may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a new topic may take to have leaders.
const SETTLE: Duration = Duration::from_secs(10);

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

/// The partitions of a topic, which must be there, or else is created first.
pub(crate) fn topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    create: bool,
    servers: &Kafka,
) -> Result<Vec<i32>, Failure> {
    let until = Instant::now() + SETTLE;
    let mut created = false;
    loop {
        let metadata = metadata(client, Some(topic), servers)?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let error = found.and_then(|found| found.error()).map(RDKafkaErrorCode::from);
        let partitions: Vec<i32> =
            found.map_or_else(Vec::new, |topic| topic.partitions().iter().map(|p| p.id()).collect());
        let missing =
            matches!(error, None | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic));
        match error {
            None if !partitions.is_empty() => return Ok(partitions),
            _ if missing && create && !created => {
                self::create(topic, servers)?;
                created = true;
            }
            _ if missing && !created => {
                let fix = "`publish --create` makes it";
                return Err(Failure::run(format!("there is no topic {topic}; {fix}")));
            }
            _ if Instant::now() >= until => {
                let reason = error.map_or_else(|| "it has no partitions".to_owned(), |error| error.to_string());
                return Err(Failure::run(format!("topic {topic} can't be used: {reason}")));
            }
            // New, or its leader is moving.
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// The largest batch that a topic takes, bytes; `None` if the broker does not tell.
pub(crate) fn largest_batch(admin: &AdminClient<DefaultClientContext>, topic: &str) -> Result<Option<String>, Failure> {
    // A broker that answered a moment ago answers at once, or is no broker that can.
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(2)));
    let topic = ResourceSpecifier::Topic(topic);
    let described = runtime()?.block_on(admin.describe_configs([&topic], &options));
    let resource = described.ok().and_then(|resources| resources.into_iter().next()?.ok());
    Ok(resource.and_then(|resource| resource.get("max.message.bytes")?.value.clone()))
}

fn create(topic: &str, servers: &Kafka) -> Result<(), Failure> {
    let failed = |reason: String| Failure::run(format!("topic {topic} can't be created: {reason}"));
    let admin: AdminClient<DefaultClientContext> =
        kafka(servers).create().map_err(|error| failed(error.to_string()))?;
    let new = NewTopic::new(topic, -1, TopicReplication::Fixed(-1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let results = runtime()?.block_on(admin.create_topics([&new], &options));
    for result in results.map_err(|error| failed(error.to_string()))? {
        match result {
            // Somebody was faster.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, error)) => return Err(failed(error.to_string())),
        }
    }
    Ok(())
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
