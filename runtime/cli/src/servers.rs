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
    pub(crate) embedded: bool,
    pub(crate) cassandra: Option<String>,
    #[serde(default)]
    pub(crate) pid: u32,
}

impl Dev {
    /// Its brokers, if it tells them.
    pub(crate) fn brokers(&self) -> Vec<String> {
        self.kafka.as_deref().map_or_else(Vec::new, split)
    }

    /// Its Cassandra, if it has one.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.cassandra.as_deref().map_or_else(Vec::new, split)
    }
}

/// Brokers for a client that runs in `here`.
pub(crate) fn kafka(flag: &KafkaArg, here: &Path) -> Result<Kafka, Failure> {
    let mut given = flag.given();
    if given.is_empty()
        && let Some(dev) = dev(here)?
    {
        given = dev.brokers();
        if dev.embedded && !given.is_empty() {
            return Ok(Kafka { brokers: given, properties: BTreeMap::new(), embedded: true });
        }
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
        given = dev(here)?.map_or_else(Vec::new, |dev| dev.nodes());
    }
    let manifest = manifest(here, &[], &given)?.and_then(|manifest| manifest.cassandra);
    Ok(match manifest {
        Some(cassandra) => Cassandra { nodes: cassandra.nodes, keyspace: Some(cassandra.keyspace) },
        None => Cassandra { nodes: or_local(given, "localhost:9042"), keyspace: None },
    })
}

/// What the `dev` tells that runs in this folder, if one does.
pub(crate) fn dev(here: &Path) -> Result<Option<Dev>, Failure> {
    let file = here.join(DEV_FILE);
    let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
    let file = file.display();
    let dev: Dev = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(format!("{file} is not what `veltrix dev` writes: {error}; remove it, or name the servers"))
    })?;
    // Its servers are gone with it, and what is meant for them is not for those that a manifest names.
    if !veltrix_dev::is_taken(here) {
        return Err(Failure::usage(format!(
            "{file} is left over from a `veltrix dev` (process {}) that has ended without a chance to remove it: start it again, remove the file, or name the servers with --kafka, --cassandra",
            dev.pid
        )));
    }
    Ok(Some(dev))
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
        let tell = |embedded: bool| {
            let told = format!(r#"{{"kafka": "dev:1", "embedded": {embedded}, "cassandra": "dev:2", "pid": 7}}"#);
            std::fs::write(here.join(DEV_FILE), told).unwrap();
        };
        tell(true);
        let lock = std::fs::File::create(here.join(".veltrix/dev.lock")).unwrap();
        let stale = kafka(&KafkaArg::of(&[]), here).unwrap_err();
        assert!(format!("{stale:?}").contains("process 7) that has ended"), "{stale:?}");
        assert!(cassandra(&CassandraArg::of(&[]), here).is_err());
        assert_eq!(brokers(&["flag:1"], here), ["flag:1"], "it does not matter who has left what");
        lock.try_lock().unwrap();
        assert_eq!(kafka(&KafkaArg::of(&[]), here).unwrap().properties, BTreeMap::new());
        tell(false);
        let real = kafka(&KafkaArg::of(&[]), here).unwrap();
        assert_eq!((real.brokers, real.properties.len()), (vec!["dev:1".to_owned()], 1), "the properties are for it");
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
