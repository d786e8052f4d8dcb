//! What the command line takes, beyond what belongs to one verb.

use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::verbs;

/// Event-driven functions on Kafka and Cassandra.
#[derive(Debug, Parser)]
#[command(name = "veltrix", version = version(), propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    /// How to log on stderr; human on a terminal, or else json [env: VELTRIX_LOG sets what is logged, such as `debug`]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a project that builds, tests and runs
    New(verbs::new::New),
    /// Run a worker against Kafka and Cassandra until SIGTERM, then drain and commit
    Run(verbs::run::Run),
    /// Run an application on this machine: embedded Kafka and Cassandra, builds, reloads
    Dev(verbs::dev::Dev),
    /// Check a manifest, its modules and, with --connect, its servers
    Check(verbs::check::Check),
    /// Show what a module is, imports and exports
    Inspect(verbs::inspect::Inspect),
    /// Put events into a topic: JSON lines, or one event from flags
    Publish(verbs::publish::Publish),
    /// Print the events of a topic as JSON lines
    Tail(verbs::tail::Tail),
    /// Execute a CQL statement and print its rows
    Cql(verbs::cql::Cql),
    /// List, show and redrive dead letters
    Dlq(verbs::dlq::Dlq),
    /// Handle a range of events once more, by the binding itself or by a group aside
    Replay(verbs::replay::Replay),
    /// Pause bindings in all workers: they begin nothing until they are resumed, also after restarts
    Pause(verbs::pause::Pause),
    /// Resume paused bindings, and lanes that have stopped
    Resume(verbs::pause::Pause),
    /// Run a Cassandra of one node in memory, for development and tests, until SIGTERM
    Cassandra(verbs::cassandra::Cassandra),
    /// Run cases: rows and events in; verdicts, emits, rows and logs out
    Test(verbs::test::Test),
    /// Look at what this machine has and lacks: toolchain, ports, servers, permissions
    Doctor(verbs::doctor::Doctor),
    /// Print the completions of a shell, for it to read
    Completions(verbs::completions::Completions),
    /// Print a page of the manual, for `man -l -`
    Man(verbs::man::Man),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// An object a line.
    Json,
}

/// How results are printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// How to print results
    #[arg(long = "output", value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BuildLimit {
    /// A build that takes longer is ended
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    pub(crate) build_limit: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KafkaArg {
    /// Brokers, instead of those of .veltrix/dev.json or the manifest
    #[arg(long, env = "VELTRIX_KAFKA", value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    kafka: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CassandraArg {
    /// Cassandra nodes, instead of those of .veltrix/dev.json or the manifest
    #[arg(long, env = "VELTRIX_CASSANDRA", value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    cassandra: Vec<String>,
}

impl Verb {
    /// How it is logged unless the command line says otherwise; `None`: for people on a terminal.
    pub(crate) fn log_format(&self) -> Option<LogFormat> {
        // What it logs stands between lines that it says to people.
        matches!(self, Self::Dev(_)).then_some(LogFormat::Human)
    }

    /// What is logged unless the environment says otherwise.
    pub(crate) fn log(&self) -> &'static str {
        match self {
            Self::Dev(_) => verbs::dev::LOG,
            // Cases tell by themselves what became of their events.
            Self::Test(_) => "off",
            // The driver speaks of each connection it loses; the host says once what that means.
            _ => "info,scylla=error",
        }
    }
}

fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        format!("{} (contract veltrix:function@{})", env!("CARGO_PKG_VERSION"), veltrix_wasm::CONTRACT)
    });
    &VERSION
}

impl KafkaArg {
    /// The addresses named, if any.
    pub(crate) fn given(&self) -> Vec<String> {
        given(&self.kafka)
    }
}

impl CassandraArg {
    /// The addresses named, if any.
    pub(crate) fn given(&self) -> Vec<String> {
        given(&self.cassandra)
    }
}

/// A variable that is set to nothing names nothing.
fn given(addresses: &[String]) -> Vec<String> {
    addresses.iter().filter(|address| !address.is_empty()).cloned().collect()
}

/// A time such as `10m`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    veltrix_manifest::parse_duration(text)
}

/// An address, or nothing.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || veltrix_manifest::is_address(text) {
        return Ok(text.to_owned());
    }
    Err("write host:port, such as localhost:9092; several are parted by commas".to_owned())
}

/// The name of a topic.
pub(crate) fn topic(text: &str) -> Result<String, String> {
    if veltrix_manifest::is_topic_name(text) {
        return Ok(text.to_owned());
    }
    Err("a topic's name has at most 249 letters, digits, `.`, `_`, `-`".to_owned())
}

#[cfg(test)]
impl KafkaArg {
    pub(crate) fn of(addresses: &[&str]) -> Self {
        Self { kafka: addresses.iter().map(ToString::to_string).collect() }
    }
}

#[cfg(test)]
impl CassandraArg {
    pub(crate) fn of(addresses: &[&str]) -> Self {
        Self { cassandra: addresses.iter().map(ToString::to_string).collect() }
    }
}
