//! The application under chaos: its bindings, topics and tables, and what they left at the end.

use std::fmt::Write;

use anyhow::{Context, Result};
use veltrix_tests::{App, build, unique};

use crate::cluster::Cluster;
use crate::history::{History, Observed, Promise};
use crate::observe;
use crate::producer::Sends;
use crate::settings::{ATTEMPTS, OUTPUTS, PARTITIONS, SESSION};

/// One application, with bindings side by side on the same input.
#[derive(Debug)]
pub(crate) struct Application {
    name: String,
    /// Topic of the workload.
    pub(crate) input: String,
    keyspace: String,
    pub(crate) bindings: Vec<Binding>,
}

/// A binding and what it promises.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    /// For people, and part of topics' names.
    pub(crate) name: &'static str,
    /// Lines of the manifest.
    lines: &'static str,
    exactly_once: bool,
    dedupe: bool,
    table: Option<Table>,
}

/// A table of the binding's own, which the function appends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table {
    /// Variable of the function that names it, and thus how it appends.
    variable: &'static str,
    row_per_event: bool,
}

/// Key-ordered, at-least-once, without a table.
const PLAIN: Binding = Binding { name: "", lines: "", exactly_once: false, dedupe: false, table: None };

const BINDINGS: &[Binding] = &[
    Binding { name: "keyed", table: Some(Table { variable: "table", row_per_event: false }), ..PLAIN },
    Binding { name: "exact", lines: "delivery = \"exactly-once\"", exactly_once: true, ..PLAIN },
    Binding { name: "once", table: Some(Table { variable: "once", row_per_event: true }), ..PLAIN },
    Binding { name: "deduped", lines: "dedupe = { by = \"header:event-id\", window = \"1h\" }", dedupe: true, ..PLAIN },
];

impl Application {
    /// Makes topics, the keyspace and tables.
    pub(crate) fn create(cluster: &Cluster) -> Result<Self> {
        let name = unique("chaos");
        let (kafka, cassandra) = (cluster.servers.kafka(), cluster.servers.cassandra());
        let keyspace = cassandra.keyspace("chaos");
        let input = kafka.create(&format!("{name}.in"), PARTITIONS, &[]).name;
        let this = Self { name, input, keyspace, bindings: BINDINGS.to_vec() };
        for binding in &this.bindings {
            kafka.create(&this.topic(binding, "out"), OUTPUTS, &[]);
            kafka.create(&this.topic(binding, "dead"), 1, &[]);
            if binding.table.is_some() {
                cassandra.execute(&format!(
                    "CREATE TABLE {} (key text, kind int, name text, n int, id bigint, source int, source_offset bigint, \
                     emits blob, head int static, PRIMARY KEY (key, kind, name))",
                    this.table(binding)
                ));
            }
        }
        Ok(this)
    }

    fn topic(&self, binding: &Binding, what: &str) -> String {
        format!("{}.{}.{what}", self.name, binding.name)
    }

    fn table(&self, binding: &Binding) -> String {
        format!("{}.{}", self.keyspace, binding.name)
    }

    fn group(&self, binding: &Binding) -> String {
        format!("{}.{}", self.name, binding.name)
    }

    /// Groups of the bindings, in their order.
    pub(crate) fn groups(&self) -> Vec<String> {
        self.bindings.iter().map(|binding| self.group(binding)).collect()
    }

    /// What workers are started from.
    pub(crate) fn app(&self, cluster: &Cluster) -> App {
        let mut manifest = format!(
            r#"name = "{}"

[kafka]
# Workers get addresses of their own.
brokers = ["{}"]
properties = {{ "session.timeout.ms" = "{}", "heartbeat.interval.ms" = "500" }}

[cassandra]
nodes = ["{}"]
keyspace = "{}"
"#,
            self.name,
            cluster.servers.kafka_address(),
            SESSION.as_millis(),
            cluster.servers.cassandra_address(),
            self.keyspace
        );
        for binding in &self.bindings {
            self.describe(binding, &mut manifest);
        }
        App::new(&manifest)
    }

    fn describe(&self, binding: &Binding, manifest: &mut String) {
        let (out, dead) = (self.topic(binding, "out"), self.topic(binding, "dead"));
        let (table, grant) = match binding.table {
            Some(table) => (
                format!(", {} = \"{}\"", table.variable, binding.name),
                format!("cassandra = {{ {} = \"read-write\" }}", binding.name),
            ),
            None => (String::new(), String::new()),
        };
        write!(
            manifest,
            r#"
[[binding]]
topics = ["{input}"]
function = "{name}"
group = "{group}"
dead_letter = "{dead}"
retry = {{ attempts = {ATTEMPTS}, backoff = "20ms", max_backoff = "300ms" }}
{lines}

[function.{name}]
module = "{module}"
emits = ["{out}"]
vars = {{ to = "{out}"{table} }}
limits = {{ cpu = "300ms", deadline = "10s" }}
{grant}
"#,
            input = self.input,
            name = binding.name,
            group = self.group(binding),
            lines = binding.lines,
            module = build::guest("chaos-guest").display(),
        )
        .expect("a string takes text");
    }

    /// Reads what is there when all is quiet.
    pub(crate) fn observe(&self, cluster: &Cluster, sends: &Sends) -> Result<History> {
        let broker = cluster.servers.kafka_address();
        let input = observe::read(broker, &self.input, PARTITIONS)?;
        let mut history = History { sent: sends.all(), log: observe::log(&input)?, bindings: Vec::new() };
        for binding in &self.bindings {
            let outputs = observe::outputs(&observe::read(broker, &self.topic(binding, "out"), OUTPUTS)?);
            let letters = observe::read(broker, &self.topic(binding, "dead"), 1)?;
            history.bindings.push(Observed {
                name: binding.name.to_owned(),
                promise: Promise {
                    exactly_once: binding.exactly_once,
                    dedupe: binding.dedupe,
                    row_per_event: binding.table.is_some_and(|table| table.row_per_event),
                    // `once` keeps with its row what was emitted.
                    same_emits: binding.table.is_some_and(|table| table.row_per_event),
                    attempts: ATTEMPTS,
                },
                outputs: outputs.with_context(|| format!("outputs of {}", binding.name))?,
                letters: observe::letters(&letters, &input)?,
                rows: binding.table.map(|_| observe::rows(&cluster.servers.cassandra(), &self.table(binding))),
            });
        }
        Ok(history)
    }
}
