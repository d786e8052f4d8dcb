//! The servers of this process: a Kafka from the start, a Cassandra as soon as a manifest asks for one.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use tokio::task::JoinHandle;
use veltrix_host::kafka::{Embedded, KafkaConfig};
use veltrix_manifest::Manifest;

use crate::error::DevError;
use crate::plan::{self, Servers};

/// Where Cassandra's clients look first.
const USUAL_PORT: u16 = 9042;
/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(50);

/// What runs in this process; ends when dropped.
pub(crate) struct Here {
    pub(crate) servers: Servers,
    kafka: Option<Embedded>,
    cassandra: Option<Serving>,
    cassandra_is_real: bool,
    port: Option<u16>,
    /// Cassandra's usual port is another's.
    moved: bool,
}

/// A server's task.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Here {
    /// Starts the Kafka, unless a real one is named.
    ///
    /// # Errors
    /// The client library can't.
    pub(crate) fn start(kafka: &[String], cassandra: &[String], port: Option<u16>) -> Result<Self, DevError> {
        let embedded = if kafka.is_empty() { Some(Embedded::start()?) } else { None };
        let brokers = embedded.as_ref().map_or_else(|| kafka.to_vec(), |kafka| vec![kafka.address().to_owned()]);
        Ok(Self {
            servers: Servers { kafka: brokers, embedded: embedded.is_some(), cassandra: cassandra.to_vec() },
            kafka: embedded,
            cassandra: None,
            cassandra_is_real: !cassandra.is_empty(),
            port,
            moved: false,
        })
    }

    /// Why the embedded Cassandra is not where it is looked for.
    pub(crate) fn why_moved(&self) -> Option<String> {
        self.moved.then(|| format!("port {USUAL_PORT} is in use, so it took a free one; --cassandra-port chooses"))
    }

    /// Whether the Cassandra that is there is in this process.
    pub(crate) fn has_cassandra(&self) -> bool {
        self.cassandra.is_some()
    }

    /// Provides what a manifest needs: its topics, and a Cassandra.
    ///
    /// # Errors
    /// A topic's name is refused, or there is no port for Cassandra.
    pub(crate) async fn provide(&mut self, manifest: &Manifest, inputs: &[String]) -> Result<(), DevError> {
        if let Some(kafka) = &self.kafka {
            for (topic, partitions) in plan::topics(manifest) {
                kafka.create(&topic, partitions)?;
            }
            for topic in inputs {
                kafka.create(topic, veltrix_host::kafka::embedded::PARTITIONS)?;
            }
        }
        if manifest.cassandra.is_some() && !self.cassandra_is_real && self.cassandra.is_none() {
            let server = listen(self.port, USUAL_PORT).await?;
            self.moved = self.port.is_none() && server.address().port() != USUAL_PORT;
            self.servers.cassandra = vec![server.address().to_string()];
            self.cassandra = Some(Serving(tokio::spawn(server.run(std::future::pending()))));
        }
        Ok(())
    }
}

/// At that port; if nobody asked for one, at the usual one, or else at one that is free.
async fn listen(port: Option<u16>, usual: u16) -> Result<veltrix_cassandra::Server, DevError> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let address = at(port.unwrap_or(usual));
    match veltrix_cassandra::Server::bind(address).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse && port.is_none() => {
            veltrix_cassandra::Server::bind(at(0)).await.map_err(|error| DevError::Port { address: at(0), error })
        }
        bound => bound.map_err(|error| DevError::Port { address, error }),
    }
}

/// Looks where topics begin and end.
pub(crate) struct Ends {
    consumer: BaseConsumer,
}

/// Log start and end by topic and partition.
pub(crate) type Marks = HashMap<(String, i32), (i64, i64)>;

impl Ends {
    /// # Errors
    /// A property that the client refuses.
    pub(crate) fn new(kafka: &KafkaConfig) -> KafkaResult<Self> {
        let mut config = kafka.client();
        config.set("group.id", "veltrix-dev").set("enable.auto.commit", "false");
        config.set("allow.auto.create.topics", "false").remove("group.instance.id");
        Ok(Self { consumer: config.create()? })
    }

    /// Of these topics, as far as they are there. Waits for the broker.
    ///
    /// # Errors
    /// It does not answer.
    pub(crate) fn of<'a>(&self, topics: impl Iterator<Item = &'a str>) -> KafkaResult<Marks> {
        let mut marks = Marks::new();
        for topic in topics {
            let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER)?;
            for partition in metadata.topics().iter().filter(|found| found.name() == topic).flat_map(|t| t.partitions())
            {
                marks.insert((topic.to_owned(), partition.id()), self.one(topic, partition.id())?);
            }
        }
        Ok(marks)
    }

    fn one(&self, topic: &str, partition: i32) -> KafkaResult<(i64, i64)> {
        let until = Instant::now() + ANSWER;
        loop {
            match self.consumer.fetch_watermarks(topic, partition, ANSWER) {
                Err(error) if is_passing(&error) && Instant::now() < until => std::thread::sleep(AGAIN),
                answer => return answer,
            }
        }
    }
}

/// A partition that was made a moment ago, or whose leader has gone, soon has one.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| [LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition].contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_nobody_asked_for_may_be_another_and_one_that_was_asked_for_not() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(listen(None, port).await.unwrap().address().port(), port);
        let refused = listen(Some(port), USUAL_PORT).await.err().unwrap().to_string();
        assert!(refused.contains(&port.to_string()) && refused.contains("--cassandra-port"), "{refused}");
        let mut here = Here::start(&["b:1".to_owned()], &[], None).unwrap();
        assert_eq!(here.why_moved(), None);
        here.moved = true;
        assert!(here.why_moved().unwrap().contains("9042 is in use"));
    }
}
