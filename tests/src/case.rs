//! The application that most tests need: one function between an input, an output and a dead-letter topic.

use std::fmt::Write;

use crate::{App, Cassandra, Kafka, Record, Servers, Topic, build, unique};

/// A running start for a test: fresh topics, a fresh group, and an application that binds a guest to them.
#[derive(Debug)]
pub struct Case {
    /// Client of the broker.
    pub kafka: Kafka,
    /// Where the function's events come from.
    pub input: Topic,
    /// The topic that the function may emit to; one partition, so that its order is that of the emits.
    pub output: Topic,
    /// Where its dead letters go; one partition.
    pub dead: Topic,
    /// The binding's group.
    pub group: String,
    /// Its own keyspace, if it has Cassandra.
    pub keyspace: Option<String>,
    /// What workers are started from.
    pub app: App,
}

/// What differs from test to test.
#[derive(Debug)]
pub struct CaseBuilder<'a> {
    servers: &'a Servers,
    guest: &'a str,
    partitions: i32,
    pause: bool,
    tables: Option<&'a str>,
    binding: String,
    function: String,
    properties: String,
    rest: String,
}

impl Case {
    /// A case around the guest package `guest`: by default 4 partitions, no Cassandra, every default of the manifest.
    pub fn of<'a>(servers: &'a Servers, guest: &'a str) -> CaseBuilder<'a> {
        CaseBuilder {
            servers,
            guest,
            partitions: 4,
            pause: false,
            tables: None,
            binding: String::new(),
            function: String::new(),
            properties: String::new(),
            rest: String::new(),
        }
    }

    /// Produces to the input.
    #[track_caller]
    pub fn produce(&self, records: impl IntoIterator<Item = Record>) {
        self.kafka.produce(&self.input.name, records);
    }

    /// How many events of the input the group has committed.
    pub fn committed(&self) -> i64 {
        self.kafka.committed_total(&self.group, &self.input)
    }

    /// Waits until the group has committed `count` events of the input.
    #[track_caller]
    pub fn wait_committed(&self, count: i64) {
        let mut last = 0;
        let deadline = std::time::Instant::now() + crate::SOON;
        while last < count {
            let each = self.kafka.committed(&self.group, &self.input);
            last = each.iter().flatten().sum();
            let late = std::time::Instant::now() > deadline;
            assert!(last >= count || !late, "{last} of {count} events committed after {:?}: {each:?}", crate::SOON);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(last, count, "more committed than there was");
    }

    /// Waits for at least `count` emitted records.
    #[track_caller]
    pub fn wait_output(&self, count: usize) -> Vec<Record> {
        self.kafka.read_at_least(&self.output.name, count, crate::SOON)
    }

    /// Waits for at least `count` dead letters.
    #[track_caller]
    pub fn wait_dead(&self, count: usize) -> Vec<Record> {
        self.kafka.read_at_least(&self.dead.name, count, crate::SOON)
    }

    /// The dead letters so far.
    pub fn dead_letters(&self) -> Vec<Record> {
        self.kafka.read(&self.dead.name)
    }
}

impl<'a> CaseBuilder<'a> {
    /// How many partitions the input has.
    pub fn partitions(mut self, count: i32) -> Self {
        self.partitions = count;
        self
    }

    /// No dead-letter topic: a lane stops whose event can't be handled.
    pub fn pause(mut self) -> Self {
        self.pause = true;
        self
    }

    /// Adds a line to the `[[binding]]`.
    pub fn binding(mut self, line: &str) -> Self {
        self.binding.push_str(line);
        self.binding.push('\n');
        self
    }

    /// Adds a line to the `[function.…]`.
    pub fn function(mut self, line: &str) -> Self {
        self.function.push_str(line);
        self.function.push('\n');
        self
    }

    /// Gives it a keyspace with these tables: `CREATE TABLE` statements without the keyspace, apart by `;`.
    pub fn tables(mut self, statements: &'a str) -> Self {
        self.tables = Some(statements);
        self
    }

    /// Adds a property of librdkafka.
    pub fn property(mut self, key: &str, value: &str) -> Self {
        write!(self.properties, ", \"{key}\" = \"{value}\"").expect("a string takes text");
        self
    }

    /// Adds to the end of the manifest.
    pub fn rest(mut self, text: &str) -> Self {
        self.rest.push_str(text);
        self
    }

    /// Makes the topics, the keyspace and the application.
    pub fn build(self) -> Case {
        let kafka = self.servers.kafka();
        let name = unique("case");
        // Events may be as old as they like.
        let settings = [("max.message.bytes", "4000000"), ("retention.ms", "-1")];
        let input = kafka.create(&format!("{name}.in"), self.partitions, &settings);
        let output = kafka.create(&format!("{name}.out"), 1, &settings);
        let dead = kafka.create(&format!("{name}.dead"), 1, &settings);
        let keyspace = self.tables.map(|tables| keyspace(&self.servers.cassandra(), tables));
        let cassandra = keyspace.as_ref().map_or_else(String::new, |keyspace| {
            format!("[cassandra]\nnodes = [\"{}\"]\nkeyspace = \"{keyspace}\"\n", self.servers.cassandra_address())
        });
        // Under KIP-848 the broker owns these, and the client refuses them.
        let ours = self.properties.contains("group.protocol");
        let session = if ours { "" } else { "\"session.timeout.ms\" = \"3000\", \"heartbeat.interval.ms\" = \"500\"" };
        let properties = format!("{session}{}", self.properties);
        let properties = properties.trim_start_matches(", ");
        let manifest = format!(
            r#"name = "{name}"

[kafka]
brokers = ["{brokers}"]
properties = {{ {properties} }}

{cassandra}
[[binding]]
topics = ["{input}"]
function = "guest"
group = "{name}"
dead_letter = "{dead_letter}"
{binding}
[function.guest]
module = "{module}"
emits = ["{output}"]
{function}
{rest}"#,
            brokers = self.servers.kafka_address(),
            properties = properties,
            input = input.name,
            dead_letter = if self.pause { "pause" } else { &dead.name },
            output = output.name,
            binding = self.binding,
            module = build::guest(self.guest).display(),
            function = self.function,
            rest = self.rest,
        );
        let manifest = manifest.replace("$OUT", &output.name);
        Case { kafka, input, output, dead, group: name, keyspace, app: App::new(&manifest) }
    }
}

fn keyspace(cassandra: &Cassandra, tables: &str) -> String {
    let keyspace = cassandra.keyspace("case");
    for statement in tables.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        cassandra.execute(&statement.replacen("CREATE TABLE ", &format!("CREATE TABLE {keyspace}."), 1));
    }
    keyspace
}
