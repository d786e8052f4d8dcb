//! Sections of the file → drafts: typed values, each with its default, and where those stand that are checked against
//! one another afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::model::{Cassandra, Kafka};
use crate::options::Options;
use crate::problem::{Report, Span};
use crate::read_binding::{self, DraftBinding};
use crate::read_function::{self, DraftFunction};
use crate::section::{At, Field, Section};
use crate::values;

/// A manifest whose parts were read, but not yet checked against one another.
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) kafka: Kafka,
    pub(crate) cassandra: Option<Cassandra>,
    /// Where the schema's path stands.
    pub(crate) schema_at: Span,
    pub(crate) bindings: Vec<DraftBinding>,
    pub(crate) functions: BTreeMap<String, DraftFunction>,
}

/// Properties that the runtime sets itself, because its guarantees rest on them, and what sets them instead.
const RESERVED_PROPERTIES: [(&str, &str); 12] = [
    ("auto.offset.reset", "use a binding's `start`"),
    ("bootstrap.servers", "use `brokers`"),
    ("enable.auto.commit", "remove it: the runtime commits what is done"),
    ("enable.auto.offset.store", "remove it: the runtime commits what is done"),
    ("enable.idempotence", "remove it: emits are always idempotent"),
    ("group.id", "use a binding's `group`"),
    ("message.timeout.ms", "remove it: emits are sent until they are acknowledged"),
    ("metadata.broker.list", "use `brokers`"),
    ("partition.assignment.strategy", "remove it: partitions move cooperatively"),
    ("partitioner", "remove it: keys go where Java's clients send them"),
    ("transaction.timeout.ms", "use a binding's `transaction`"),
    ("transactional.id", "use a binding's `delivery`"),
];

pub(crate) fn manifest<'t>(report: &mut Report<'_>, root: &'t DeTable<'t>, dir: &Path, options: &Options) -> Draft {
    let mut section = Section::new("the manifest", 0..0, Some(root));
    let name = section.need(report, "name", "\"shop\"", values::name("an application", "._-", 100, "\"shop\""));
    let name = name.unwrap_or_default();
    let kafka = kafka(report, &mut section, options);
    let (cassandra, schema_at) = cassandra(report, &mut section, dir, options);
    let bindings = read_binding::all(report, &mut section, &name);
    let functions = read_function::all(report, &mut section, dir);
    section.finish(report);
    Draft { name, kafka, cassandra, schema_at, bindings, functions }
}

fn kafka(report: &mut Report<'_>, root: &mut Section<'_>, options: &Options) -> Kafka {
    const EXAMPLE: &str = "[\"localhost:9092\"]";
    let section = root.table(report, "kafka", "{ brokers = [\"localhost:9092\"] }");
    let mut section = section.named("[kafka]");
    let read = values::some(EXAMPLE, values::address);
    let brokers = if options.kafka.is_empty() {
        section.need(report, "brokers", EXAMPLE, read).map(plain)
    } else {
        section.get(report, "brokers", read);
        Some(options.kafka.clone())
    };
    let brokers = brokers.unwrap_or_default();
    let properties = section.get(report, "properties", values::map("{ \"security.protocol\" = \"SSL\" }", property));
    section.finish(report);
    Kafka { brokers, properties: properties.unwrap_or_default() }
}

fn property(report: &mut Report<'_>, field: &Field<'_>) -> Option<String> {
    if let Some((_, fix)) = RESERVED_PROPERTIES.iter().find(|(name, _)| field.label == format!("`{name}`")) {
        field.problem(report, "is set by the runtime", *fix);
        return None;
    }
    match field.value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => {
            field.expected(report, "a string, a whole number or a boolean", "\"…\"");
            None
        }
    }
}

fn cassandra(
    report: &mut Report<'_>,
    root: &mut Section<'_>,
    dir: &Path,
    options: &Options,
) -> (Option<Cassandra>, Span) {
    const EXAMPLE: &str = "[\"localhost:9042\"]";
    let section = root.table(report, "cassandra", "{ nodes = [\"localhost:9042\"], keyspace = \"shop\" }");
    if !section.is_present() {
        return (None, section.at);
    }
    let mut section = section.named("[cassandra]");
    let read = values::some(EXAMPLE, values::address);
    let nodes = if options.cassandra.is_empty() {
        section.need(report, "nodes", EXAMPLE, read).map(plain)
    } else {
        section.get(report, "nodes", read);
        Some(options.cassandra.clone())
    };
    let nodes = nodes.unwrap_or_default();
    let keyspace = section.need(report, "keyspace", "\"shop\"", values::name("a keyspace", "_", 48, "\"shop\""));
    let schema = section.get(report, "schema", values::at(values::path(dir, "\"schema.cql\"")));
    let schema_at = schema.as_ref().map_or(section.at.clone(), |schema| schema.at.clone());
    section.finish(report);
    let keyspace = keyspace.unwrap_or_default();
    (Some(Cassandra { nodes, keyspace, schema: schema.map(|schema| schema.value) }), schema_at)
}

/// The values without their places.
pub(crate) fn plain<T>(values: Vec<At<T>>) -> Vec<T> {
    values.into_iter().map(|read| read.value).collect()
}
