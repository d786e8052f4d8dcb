//! The servers of the manifest, or of flags and variables: whether they answer.

use std::path::Path;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::Subject;
use super::check::{Check, quoted};
use crate::failure::Failure;
use crate::{clients, servers};

/// Starts real servers on this machine, in the clone that this command was built in.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/local/servers");

pub(crate) fn look(subject: &Subject) -> Vec<Check> {
    std::thread::scope(|scope| {
        let cassandra = scope.spawn(|| (!subject.nodes.is_empty()).then(|| cassandra(&subject.nodes)));
        let kafka = (!subject.brokers.is_empty()).then(|| kafka(subject));
        kafka.into_iter().chain(cassandra.join().expect("a look does not panic")).collect()
    })
}

fn kafka(subject: &Subject) -> Check {
    let properties = subject.manifest.as_ref().map(|manifest| manifest.kafka.properties.clone()).unwrap_or_default();
    let kafka = servers::Kafka { brokers: subject.brokers.clone(), properties, embedded: false };
    let found = clients::kafka(&kafka)
        .create::<BaseConsumer>()
        .map_err(|error| Failure::usage(format!("[kafka] properties: {error}")))
        .and_then(|consumer| clients::metadata(consumer.client(), None, &kafka));
    match found {
        Ok(metadata) => {
            let (at, brokers) = (kafka.brokers.join(","), metadata.brokers().len());
            Check::good("kafka", format!("answers at {at}: {brokers} brokers, {} topics", metadata.topics().len()))
        }
        Err(failure) => absent("kafka", failure),
    }
}

fn cassandra(nodes: &[String]) -> Check {
    let servers = servers::Cassandra { nodes: nodes.to_vec(), keyspace: None };
    match clients::runtime().and_then(|runtime| runtime.block_on(clients::cassandra(&servers)).map(drop)) {
        Ok(()) => Check::good("cassandra", format!("answers at {}", nodes.join(","))),
        Err(failure) => absent("cassandra", failure),
    }
}

fn absent(name: &'static str, failure: Failure) -> Check {
    let message = match failure {
        Failure::Run(error) | Failure::Usage(error) => format!("{error:#}"),
        Failure::Said | Failure::SaidUsage | Failure::Closed => "can't be asked".to_owned(),
    };
    let check = Check::problem(name, format!("{message}; `veltrix dev` needs none"));
    match Path::new(SCRIPT).canonicalize() {
        Ok(script) => check.fix(format!("export $({} up --output env)", quoted(&script))),
        Err(_) => check,
    }
}
