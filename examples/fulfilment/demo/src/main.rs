//! The example's shop and its auditor: sends the orders of a day, has a worker handle them, and checks that the results
//! add up. `run` beside this package builds everything and calls it.

mod actual;
mod audit;
mod cassandra;
mod catalogue;
mod day;
mod expected;
mod kafka;
mod metrics;
mod orders;
mod progress;
mod random;
mod report;
mod worker;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

const USAGE: &str = "usage: fulfilment-demo orders [--orders N]
       fulfilment-demo day [--orders N]
       fulfilment-demo day [--orders N] --kafka HOST:PORT --cassandra HOST:PORT [--kills N]

orders  prints the orders of a day as JSON lines, as `veltrix publish` takes them
day     sends them, has them handled, checks the results; 0 only if they add up
        by `veltrix dev`, all in one process; with --kafka and --cassandra by `veltrix run` and these servers
  --orders N  the first N records of the day alone; default: all 12,000
  --kills N   ends the worker by SIGKILL in mid-flow, so many times";

/// Where and how to spend the day.
struct Arguments {
    /// None: those within `veltrix dev`.
    servers: Option<Servers>,
    kills: u32,
    /// Records of the day.
    orders: usize,
    /// Beside this program.
    veltrix: PathBuf,
}

/// Servers that run already.
struct Servers {
    kafka: String,
    cassandra: String,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("orders") => match parse(&arguments[1..]) {
            Some(Arguments { servers: None, kills: 0, orders, .. }) => print_orders(orders).map(|()| true),
            _ => return usage(),
        },
        Some("day") => match parse(&arguments[1..]) {
            Some(arguments) => day::spend(&arguments),
            None => return usage(),
        },
        _ => return usage(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fulfilment-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn print_orders(count: usize) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for record in orders::first(count) {
        writeln!(out, "{}", record.json_line())?;
    }
    Ok(out.flush()?)
}

fn parse(words: &[String]) -> Option<Arguments> {
    let (mut kafka, mut cassandra, mut kills, mut orders) = (None, None, 0, orders::RECORDS);
    for pair in words.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--kafka" => kafka = Some(value.clone()),
            "--cassandra" => cassandra = Some(value.clone()),
            "--kills" => kills = value.parse().ok()?,
            "--orders" => orders = value.parse().ok().filter(|count| (1..=orders::RECORDS).contains(count))?,
            _ => return None,
        }
    }
    let veltrix = std::env::current_exe().ok()?.with_file_name("veltrix");
    let servers = match (kafka, cassandra) {
        (Some(kafka), Some(cassandra)) => Some(Servers { kafka, cassandra }),
        // What is in memory would go with the worker.
        (None, None) if kills == 0 => None,
        _ => return None,
    };
    Some(Arguments { servers, kills, orders, veltrix })
}

/// As JSON lines carry bytes that are no text.
fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}
