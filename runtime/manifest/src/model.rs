//! What a valid manifest says, typed, with every default applied.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;
use std::time::Duration;

use crate::dedupe::Dedupe;

/// A valid `veltrix.toml`. Paths are absolute or relative to the current folder, never to the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The manifest's folder: what its relative paths are relative to, and where builds run.
    pub dir: PathBuf,
    /// The application's name; the default group of a binding is `NAME.FUNCTION`.
    pub name: String,
    /// Where events come from and go to.
    pub kafka: Kafka,
    /// Absent when the application uses no Cassandra.
    pub cassandra: Option<Cassandra>,
    /// In the order of the file; at least one, each with a group of its own.
    pub bindings: Vec<Binding>,
    /// By name. Every binding's function is here; a function may be bound by none.
    pub functions: BTreeMap<String, Function>,
}

/// `[kafka]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// `host:port`, at least one.
    pub brokers: Vec<String>,
    /// librdkafka properties for every client; none that the runtime itself has to set.
    pub properties: BTreeMap<String, String>,
}

/// `[cassandra]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cassandra {
    /// `host:port`, at least one.
    pub nodes: Vec<String>,
    /// The application's keyspace, as Cassandra stores its name.
    pub keyspace: String,
    /// A file of CQL statements that create what is absent.
    pub schema: Option<PathBuf>,
}

/// `[[binding]]`: which topics feed which function, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Topic names and patterns (see [`is_pattern`]), at least one, as librdkafka's `subscribe` takes them.
    pub topics: Vec<String>,
    /// Name of the function; a key of [`Manifest::functions`].
    pub function: String,
    /// Consumer group, unique in the manifest.
    pub group: String,
    /// Where to begin if the group has no offset for a partition.
    pub start: Start,
    /// Which events wait for one another.
    pub ordering: Ordering,
    /// What a reader of the emits may see.
    pub delivery: Delivery,
    /// Longest time between the first effect of a transaction and its commit; used with [`Delivery::ExactlyOnce`] alone.
    pub transaction: Duration,
    /// Lanes in flight per worker.
    pub concurrency: NonZeroU32,
    /// When a batch is full enough to be handed over.
    pub batch: Batch,
    /// What happens to an event that fails.
    pub retry: Retry,
    /// Where an event goes when its attempts are spent, or when its function says so.
    pub dead_letter: DeadLetter,
    /// When their share is too large.
    pub dead_letter_limit: DeadLetterLimit,
    /// Which events are the same one.
    pub dedupe: Option<Dedupe>,
}

impl Binding {
    /// Whether it takes events of that topic, by name or by pattern.
    pub fn takes(&self, topic: &str) -> bool {
        self.topics.iter().any(|entry| crate::topics::takes_in(entry, topic))
    }
}

/// Whether an entry of [`Binding::topics`] is a pattern: it starts with `^`.
pub fn is_pattern(topic: &str) -> bool {
    topic.starts_with('^')
}

/// Where a group without an offset begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest event that the topic still has.
    Earliest,
    /// Events that arrive from now on.
    Latest,
    /// The first event at or after this time, in milliseconds since the epoch.
    Time(i64),
}

/// Which events of a binding are handled one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ordering {
    /// Those of one key; an event without a key waits for none.
    Key,
    /// Those of one partition.
    Partition,
    /// None.
    None,
}

/// How often an effect may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Once or, after a crash, more often.
    AtLeastOnce,
    /// Once, for readers of committed events only, from Kafka to Kafka.
    ExactlyOnce,
}

/// `batch`: whichever bound is reached first closes a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Most events in one call.
    pub events: NonZeroU32,
    /// Most bytes of keys, values and headers in one call; a larger single event goes alone.
    pub bytes: NonZeroU64,
    /// How long to wait for more events; zero: not at all.
    pub wait: Duration,
}

/// `retry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Runs in all, the first included.
    pub attempts: NonZeroU32,
    /// Pause before the second run; it doubles from run to run.
    pub backoff: Duration,
    /// The longest pause; at least `backoff`.
    pub max_backoff: Duration,
    /// No more runs once the first is this long ago; paused time is left out.
    pub max_age: Duration,
}

/// `dead_letter_limit`: from when on a binding pauses rather than to write more dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterLimit {
    /// More of a hundred finished events than this; 100: never.
    pub percent: NonZeroU32,
    /// Of at least so many.
    pub events: NonZeroU32,
    /// Finished within this time.
    pub window: Duration,
}

/// What becomes of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetter {
    /// It is written to this topic, and its lane goes on.
    Topic(String),
    /// Its lane stops.
    Pause,
}

/// `[function.NAME]`: a module with its grants and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The component: a `.wasm` or `.wat` file.
    pub module: PathBuf,
    /// The command that makes `module`, run in [`Manifest::dir`].
    pub build: Option<String>,
    /// Files and folders whose change calls for a build.
    pub watch: Vec<PathBuf>,
    /// Topics that it may emit to; no others.
    pub emits: Vec<String>,
    /// How long an instance lives.
    pub instances: Instances,
    /// What one run may use.
    pub limits: Limits,
    /// Tables of [`Cassandra::keyspace`] that it may use, by the name Cassandra stores; no others.
    pub cassandra: BTreeMap<String, Grant>,
    /// Configuration it may read.
    pub vars: BTreeMap<String, String>,
    /// Secrets it may read, by name; the runtime fetches them when it starts.
    pub secrets: BTreeMap<String, Secret>,
}

/// How long an instance lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instances {
    /// For many batches.
    Reuse,
    /// For one batch.
    Fresh,
}

/// `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory per instance.
    pub memory: u64,
    /// Execution per event; waiting is not counted.
    pub cpu: Duration,
    /// Wall clock per event.
    pub deadline: Duration,
}

/// What a function may do with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// SELECT.
    Read,
    /// INSERT, UPDATE and DELETE without conditions.
    Write,
    /// Both, and conditional writes, which also read.
    ReadWrite,
}

impl Grant {
    /// Whether rows may be read.
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether rows may be written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// Where the runtime finds a secret. The manifest never holds one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(PathBuf),
}

impl Manifest {
    /// Puts an operator's brokers in place of the manifest's; an empty list changes nothing.
    pub fn override_kafka(&mut self, brokers: &[String]) {
        if !brokers.is_empty() {
            self.kafka.brokers = brokers.to_vec();
        }
    }

    /// Puts an operator's nodes in place of the manifest's; an empty list changes nothing, and an application
    /// without `[cassandra]` has no use for them.
    pub fn override_cassandra(&mut self, nodes: &[String]) {
        if let Some(cassandra) = self.cassandra.as_mut().filter(|_| !nodes.is_empty()) {
            cassandra.nodes = nodes.to_vec();
        }
    }
}
