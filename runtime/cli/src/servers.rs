//! Which servers `publish`, `tail` and `cql` talk to: flag or environment, the running `dev`, the manifest here, localhost.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use veltrix_manifest::{FILE_NAME, Manifest, Options, load_with};

use crate::args::{CassandraArg, KafkaArg};
use crate::failure::Failure;

/// What a running `veltrix dev` writes about itself.
pub(crate) const DEV_FILE: &str = ".veltrix/dev.json";

/// Kafka, as a client needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kafka {
    pub(crate) brokers: Vec<String>,
    /// The manifest's; none where `dev` runs or no manifest is here.
    pub(crate) properties: BTreeMap<String, String>,
    /// It is in the process of a `dev`, and answers no questions about settings.
    pub(crate) embedded: bool,
}

/// Cassandra, as a client needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cassandra {
    pub(crate) nodes: Vec<String>,
    /// The manifest's.
    pub(crate) keyspace: Option<String>,
}

/// `.veltrix/dev.json`: addresses of what `dev` runs. Unknown fields are `dev`'s own affair.
#[derive(Debug, Deserialize)]
pub(crate) struct Dev {
    pub(crate) kafka: Option<String>,
    #[serde(default)]
    embedded: bool,
    pub(crate) cassandra: Option<String>,
}

/// Brokers for a client that runs in `here`.
pub(crate) fn kafka(flag: &KafkaArg, here: &Path) -> Result<Kafka, Failure> {
    let given = flag.given();
    let dev = if given.is_empty() { dev(here)? } else { None };
    if let Some(Dev { kafka: Some(address), embedded, .. }) = dev {
        return Ok(Kafka { brokers: split(&address), properties: BTreeMap::new(), embedded });
    }
    Ok(match manifest(here, &given, &[])? {
        Some(manifest) => {
            Kafka { brokers: manifest.kafka.brokers, properties: manifest.kafka.properties, embedded: false }
        }
        None => Kafka { brokers: or_local(given, "localhost:9092"), properties: BTreeMap::new(), embedded: false },
    })
}

/// Cassandra nodes for a client that runs in `here`.
pub(crate) fn cassandra(flag: &CassandraArg, here: &Path) -> Result<Cassandra, Failure> {
    let mut given = flag.given();
    if given.is_empty() {
        given = dev(here)?.and_then(|dev| dev.cassandra).map_or_else(Vec::new, |address| split(&address));
    }
    let manifest = manifest(here, &[], &given)?.and_then(|manifest| manifest.cassandra);
    Ok(match manifest {
        Some(cassandra) => Cassandra { nodes: cassandra.nodes, keyspace: Some(cassandra.keyspace) },
        None => Cassandra { nodes: or_local(given, "localhost:9042"), keyspace: None },
    })
}

fn dev(here: &Path) -> Result<Option<Dev>, Failure> {
    let file = here.join(DEV_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
    let dev = serde_json::from_str(&text);
    dev.map(Some).map_err(|error| {
        let file = file.display();
        Failure::usage(format!("{file} is not what `veltrix dev` writes: {error}; remove it, or name the servers"))
    })
}

/// The manifest here, if there is one. With servers given, one that has problems is as good as none.
fn manifest(here: &Path, kafka: &[String], cassandra: &[String]) -> Result<Option<Manifest>, Failure> {
    let file = here.join(FILE_NAME);
    if !file.is_file() {
        return Ok(None);
    }
    let options = Options { files: false, kafka: kafka.to_vec(), cassandra: cassandra.to_vec() };
    match load_with(&file, &options) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(_) if !kafka.is_empty() || !cassandra.is_empty() => Ok(None),
        Err(problems) => Err(problems.into()),
    }
}

fn split(addresses: &str) -> Vec<String> {
    addresses.split(',').map(|address| address.trim().to_owned()).collect()
}

fn or_local(given: Vec<String>, local: &str) -> Vec<String> {
    if given.is_empty() { vec![local.to_owned()] } else { given }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = 'shop'\n[kafka]\nbrokers = ['manifest:1']\nproperties = { 'linger.ms' = 1 }\n\
        [cassandra]\nnodes = ['manifest:2']\nkeyspace = 'shop'\n\
        [[binding]]\ntopics = ['orders']\nfunction = 'stock'\n[function.stock]\n";

    fn brokers(flag: &[&str], here: &Path) -> Vec<String> {
        kafka(&KafkaArg::of(flag), here).unwrap().brokers
    }

    #[test]
    fn the_nearest_word_on_servers_wins() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        assert_eq!(brokers(&[], here), ["localhost:9092"]);
        std::fs::write(here.join(FILE_NAME), MANIFEST).unwrap();
        assert_eq!(brokers(&[], here), ["manifest:1"]);
        std::fs::create_dir(here.join(".veltrix")).unwrap();
        std::fs::write(here.join(DEV_FILE), r#"{"kafka": "dev:1", "cassandra": "dev:2", "pid": 7}"#).unwrap();
        assert_eq!(brokers(&[], here), ["dev:1"]);
        assert_eq!(brokers(&["flag:1", "flag:2"], here), ["flag:1", "flag:2"]);
        let found = cassandra(&CassandraArg::of(&[]), here).unwrap();
        assert_eq!(found, Cassandra { nodes: vec!["dev:2".to_owned()], keyspace: Some("shop".to_owned()) });
    }

    #[test]
    fn given_servers_do_not_need_a_good_manifest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "name = ").unwrap();
        assert_eq!(brokers(&["flag:1"], folder.path()), ["flag:1"]);
        assert!(kafka(&KafkaArg::of(&[""]), folder.path()).is_err());
    }
}
