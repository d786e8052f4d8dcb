//! The manifest as it runs here: with the servers of this process in the place of its own, and without what these lack.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use veltrix_host::control;
use veltrix_host::kafka::embedded;
use veltrix_manifest::{DeadLetter, Delivery, FILE_NAME, Manifest, Options, Start, is_pattern, load_with};

/// Where the servers are that a manifest is to run on.
#[derive(Debug, Clone)]
pub(crate) struct Servers {
    /// `host:port` of brokers.
    pub(crate) kafka: Vec<String>,
    /// Kafka is in this process.
    pub(crate) embedded: bool,
    /// `host:port` of nodes; empty before the embedded Cassandra has begun.
    pub(crate) cassandra: Vec<String>,
}

/// Largest event that the embedded Kafka is given: a partition keeps 5 MiB.
const MOST_EVENT: u64 = 4_000_000;
/// Stands for a Cassandra that is begun when a manifest asks for one.
const LATER: &str = "127.0.0.1:1";

/// The manifest's file, and the folder that it lies in.
pub(crate) fn place(file: &Path) -> (PathBuf, PathBuf) {
    let file = if file.is_dir() { file.join(FILE_NAME) } else { file.to_owned() };
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let dir = dir.to_owned();
    (file, dir)
}

/// Loads a manifest to run on these servers; `files`: what it names has to be there.
///
/// # Errors
/// All that is wrong with it, or can't be done with these servers.
pub(crate) fn load(file: &Path, servers: &Servers, files: bool) -> Result<Manifest, String> {
    let cassandra = match &servers.cassandra[..] {
        [] => vec![LATER.to_owned()],
        nodes => nodes.to_vec(),
    };
    let options = Options { files, kafka: servers.kafka.clone(), cassandra };
    let mut manifest = load_with(file, &options).map_err(|problems| problems.to_string())?;
    if servers.embedded {
        let problems = beyond(&manifest);
        if !problems.is_empty() {
            return Err(problems.join("\n"));
        }
        settle(&mut manifest);
    }
    for binding in &mut manifest.bindings {
        // Who develops sees each dead letter, and would rather see the next than a pause.
        binding.dead_letter_limit.percent = std::num::NonZeroU32::MIN.saturating_add(99);
    }
    Ok(manifest)
}

/// What the embedded Kafka can't do.
fn beyond(manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    for binding in &manifest.bindings {
        let (name, group) = (&binding.function, &binding.group);
        if binding.delivery == Delivery::ExactlyOnce {
            problems.push(format!(
                "the binding of `{name}` (group {group}) is exactly-once: the embedded Kafka has no transactions that isolate; name a real one with --kafka HOST:PORT"
            ));
        }
        if matches!(binding.start, Start::Time(_)) {
            problems.push(format!(
                "the binding of `{name}` (group {group}) starts at a time: the embedded Kafka looks nothing up by time, and it is empty at the start; write \"earliest\" or \"latest\", or name a real one with --kafka HOST:PORT"
            ));
        }
    }
    problems
}

/// How clients talk to the embedded Kafka: the operator's properties are for another one.
fn settle(manifest: &mut Manifest) {
    let largest = manifest.kafka.properties.get("message.max.bytes").and_then(|bytes| bytes.trim().parse::<u64>().ok());
    let mut properties = std::collections::BTreeMap::new();
    if let Some(largest) = largest {
        properties.insert("message.max.bytes".to_owned(), largest.min(MOST_EVENT).to_string());
    }
    manifest.kafka.properties = properties;
}

/// Topics that have to be there, with their numbers of partitions.
pub(crate) fn topics(manifest: &Manifest) -> Vec<(String, i32)> {
    let mut names = BTreeSet::new();
    for binding in &manifest.bindings {
        names.extend(binding.topics.iter().filter(|topic| !is_pattern(topic)).cloned());
        if let DeadLetter::Topic(topic) = &binding.dead_letter {
            names.insert(topic.clone());
        }
    }
    names.extend(manifest.functions.values().flat_map(|function| function.emits.iter().cloned()));
    let mut topics: Vec<_> = names.into_iter().map(|name| (name, embedded::PARTITIONS)).collect();
    // So that `veltrix pause` and `resume` find it.
    topics.push((control::topic(&manifest.name), 1));
    topics
}

/// Topics that are known by name to be read by some binding.
pub(crate) fn bound(manifest: &Manifest, inputs: &[String]) -> BTreeSet<String> {
    let named = topics(manifest).into_iter().map(|(name, _)| name).chain(inputs.iter().cloned());
    named.filter(|topic| manifest.bindings.iter().any(|binding| binding.takes(topic))).collect()
}

/// Lines that say what is bound to what.
pub(crate) fn describe(manifest: &Manifest) -> Vec<String> {
    let each = manifest.bindings.iter().map(|binding| {
        let emits = manifest.functions.get(&binding.function).map(|function| function.emits.join(", "));
        let emits = emits.filter(|emits| !emits.is_empty()).map_or_else(String::new, |emits| format!(" ─► {emits}"));
        let dead = match &binding.dead_letter {
            DeadLetter::Topic(topic) => format!("dead letters go to {topic}"),
            DeadLetter::Pause => "what can't be handled stops its lane".to_owned(),
        };
        format!("  {} ─► {}{emits}   (group {}; {dead})", binding.topics.join(", "), binding.function, binding.group)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = 'shop'\n[kafka]\nbrokers = ['real:1']\nproperties = { 'security.protocol' = 'SSL', 'message.max.bytes' = 9000000 }\n\
        [[binding]]\ntopics = ['orders', '^x\\..*']\nfunction = 'stock'\ndead_letter = 'dead'\n\
        [function.stock]\nemits = ['reserved', 'x.one']\n";

    fn with(more: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE_NAME);
        std::fs::write(&file, MANIFEST.replace("dead_letter", &format!("{more}\ndead_letter"))).unwrap();
        (dir, file)
    }

    fn servers(embedded: bool) -> Servers {
        Servers { kafka: vec!["here:1".into()], embedded, cassandra: Vec::new() }
    }

    #[test]
    fn the_operators_properties_are_not_for_the_embedded_kafka() {
        // A topic that feeds itself by a pattern is another matter.
        let (_dir, file) = with("");
        let text = std::fs::read_to_string(&file).unwrap().replace(", 'x.one'", "");
        std::fs::write(&file, text).unwrap();
        let manifest = load(&file, &servers(true), false).unwrap();
        assert_eq!(manifest.kafka.brokers, ["here:1"]);
        assert_eq!(manifest.kafka.properties.get("message.max.bytes").map(String::as_str), Some("4000000"));
        assert!(!manifest.kafka.properties.contains_key("security.protocol"));
        assert_eq!(load(&file, &servers(false), false).unwrap().kafka.properties["security.protocol"], "SSL");
        let names: Vec<_> = topics(&manifest).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["dead", "orders", "reserved", "veltrix.control.shop"]);
        let bound: Vec<_> = bound(&manifest, &["x.two".into(), "y".into()]).into_iter().collect();
        assert_eq!(bound, ["orders", "x.two"]);
    }

    #[test]
    fn what_the_embedded_kafka_lacks_is_said_with_what_to_do() {
        for (more, word) in [("delivery = 'exactly-once'", "transactions"), ("start = '2024-05-01T00:00:00Z'", "time")]
        {
            let (_dir, file) = with(more);
            let text = std::fs::read_to_string(&file).unwrap().replace(", 'x.one'", "");
            std::fs::write(&file, text).unwrap();
            let told = load(&file, &servers(true), false).unwrap_err();
            assert!(told.contains(word) && told.contains("--kafka") && told.contains("shop.stock"), "{told}");
            load(&file, &servers(false), false).unwrap();
        }
    }
}
