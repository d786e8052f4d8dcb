//! Veltrix beside loops written by hand, in one run on the same servers: see README.md.

mod exactly_once;
mod fill;
mod forward;
mod memory;
mod native;
mod native_ordered;
mod native_transactions;
mod ordered;
mod pairs;
mod peers;
mod process;
mod readwrite;
mod report;
mod streams;
mod watch;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use veltrix_tests::{OwnServers, Server, build};

/// Measures `veltrix run` against hand-written loops, round by round in alternation.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    what: What,
    /// Events per round; default 3,000,000 for forward, 100,000 for readwrite.
    #[arg(long)]
    events: Option<usize>,
    /// Rounds of each.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Another module that filters and forwards as the bench's own does: of another language, say.
    #[arg(long)]
    module: Option<PathBuf>,
    /// Without peers that Maven has to build.
    #[arg(long)]
    no_peers: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Consume, filter, produce, commit.
    Forward,
    /// One read and one write of Cassandra per event.
    Readwrite,
    /// Forward in transactions, beside Kafka Streams too.
    ExactlyOnce,
    /// A wait per event, the events of a key in order, beside Parallel Consumer too.
    Ordered,
    /// All of them.
    All,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut good = true;
    if matches!(arguments.what, What::Forward | What::All) {
        let servers = Addresses::get(&[Server::Kafka]);
        let module = arguments.module.clone().unwrap_or_else(|| build::guest("bench-forward"));
        forward::measure(&servers.kafka, &module, arguments.events.unwrap_or(3_000_000), arguments.rounds)?
            .print(&mut good);
    }
    if matches!(arguments.what, What::ExactlyOnce | What::All) {
        let servers = Addresses::get(&[Server::Kafka]);
        let module = arguments.module.clone().unwrap_or_else(|| build::guest("bench-forward"));
        let (events, rounds) = (arguments.events.unwrap_or(2_000_000), arguments.rounds);
        exactly_once::measure(&servers.kafka, &module, events, rounds, !arguments.no_peers)?;
    }
    if matches!(arguments.what, What::Ordered | What::All) {
        let servers = Addresses::get(&[Server::Kafka]);
        let (events, rounds) = (arguments.events.unwrap_or(200_000), arguments.rounds);
        ordered::measure(&servers.kafka, events, rounds, !arguments.no_peers)?.print(&mut good);
    }
    if matches!(arguments.what, What::Readwrite | What::All) {
        let servers = Addresses::get(&[Server::Kafka, Server::Cassandra]);
        readwrite::measure(&servers, arguments.events.unwrap_or(100_000), arguments.rounds)?.print(&mut good);
    }
    anyhow::ensure!(good, "the worker took more memory than it may, or more and more");
    Ok(())
}

/// Servers named by `VELTRIX_KAFKA` and `VELTRIX_CASSANDRA`, else servers of this run alone.
struct Addresses {
    kafka: String,
    /// Empty when it was not asked for.
    cassandra: String,
    _own: Option<OwnServers>,
}

impl Addresses {
    fn get(wanted: &[Server]) -> Self {
        let named = |variable| std::env::var(variable).unwrap_or_default();
        let mut found = Self { kafka: named("VELTRIX_KAFKA"), cassandra: named("VELTRIX_CASSANDRA"), _own: None };
        let missing: Vec<Server> = wanted
            .iter()
            .copied()
            .filter(|server| match server {
                Server::Kafka => found.kafka.is_empty(),
                Server::Cassandra => found.cassandra.is_empty(),
            })
            .collect();
        if missing.is_empty() {
            return found;
        }
        let own = OwnServers::start_all(&missing);
        for server in missing {
            match server {
                Server::Kafka => found.kafka = own.kafka_address().to_owned(),
                Server::Cassandra => found.cassandra = own.cassandra_address().to_owned(),
            }
        }
        found._own = Some(own);
        found
    }
}
