//! A day: start a worker, fill the stock, send the orders, wait until all are handled, end the worker, audit.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::actual::{Actual, FUNCTIONS, actual};
use crate::cassandra::Cassandra;
use crate::expected::expected;
use crate::kafka::Kafka;
use crate::orders::Record;
use crate::progress::Progress;
use crate::report::{grouped, step};
use crate::worker::Worker;
use crate::{Arguments, Servers, audit, orders, report};

/// Where logs are left; `run` starts this program in the repository's root.
const LOGS: &str = ".veltrix/fulfilment";

/// Does it all; whether everything adds up.
pub(crate) fn spend(arguments: &Arguments) -> Result<bool> {
    match &arguments.servers {
        Some(servers) => on_servers(arguments, servers),
        None => in_one_process(arguments),
    }
}

fn on_servers(arguments: &Arguments, servers: &Servers) -> Result<bool> {
    let kafka = Kafka::new(&servers.kafka);
    let cassandra = Cassandra::connect(&servers.cassandra)?;
    kafka.create("orders", 4)?;

    step("starting a worker: veltrix run examples/fulfilment --apply-schema");
    let mut starts = 0;
    let mut start = || {
        starts += 1;
        Worker::start(arguments, servers, &Path::new(LOGS).join(format!("worker-{starts}.log")))
    };
    let mut worker = start()?;
    cassandra.seed()?;

    let records = orders::first(arguments.orders);
    step(&format!("sending {} orders: veltrix publish orders", grouped(records.len())));
    let began = Instant::now();
    publish(arguments, servers, &records)?;

    let mut progress = Progress::new(&kafka)?;
    let all = (records.len() * FUNCTIONS.len()) as i64;
    for kill in 1..=arguments.kills {
        progress.wait(&worker, all * i64::from(arguments.kills + 1 - kill) / i64::from(arguments.kills + 1))?;
        step(&format!("killing the worker (SIGKILL), {kill} of {}, and starting another", arguments.kills));
        worker.kill()?;
        progress.next_worker();
        worker = start()?;
    }
    progress.wait(&worker, 0)?;
    handled(began);
    let status = worker.terminate()?;
    judge(&records, &actual(&kafka, &cassandra)?, status)
}

fn in_one_process(arguments: &Arguments) -> Result<bool> {
    step("starting Kafka, Cassandra and a worker in one process: veltrix dev examples/fulfilment --input orders=-");
    let said = Path::new(LOGS).join("dev.out");
    let (worker, input, addresses) = Worker::dev(arguments, &Path::new(LOGS).join("dev.log"), &said)?;
    let kafka = Kafka::new(&addresses.kafka);
    let cassandra = Cassandra::connect(&addresses.cassandra)?;
    cassandra.seed()?;

    let records = orders::first(arguments.orders);
    step(&format!("sending {} orders to its standard input", grouped(records.len())));
    let began = Instant::now();
    write(input, &records).context("writing to veltrix dev")?;

    let mut progress = Progress::new(&kafka)?;
    progress.wait(&worker, 0)?;
    handled(began);
    // Its topics and tables go with it.
    let actual = actual(&kafka, &cassandra)?;
    let status = worker.terminate()?;
    step("what veltrix dev says of it");
    print!("{}", std::fs::read_to_string(&said).with_context(|| format!("reading {}", said.display()))?);
    judge(&records, &actual, status)
}

fn handled(began: Instant) {
    step(&format!("all handled after {:.1} s; the worker is asked to end (SIGTERM)", began.elapsed().as_secs_f64()));
}

fn judge(records: &[Record], actual: &Actual, status: ExitStatus) -> Result<bool> {
    let expected = expected(records);
    report::summary(&expected, actual);
    Ok(audit::print(&audit::all(&expected, actual, status)))
}

fn publish(arguments: &Arguments, servers: &Servers, records: &[Record]) -> Result<()> {
    let mut child = Command::new(&arguments.veltrix)
        .args(["publish", "orders", "--kafka", &servers.kafka])
        .stdin(Stdio::piped())
        .spawn()
        .context("starting veltrix publish")?;
    let input = child.stdin.take().context("veltrix publish has no input")?;
    // Should it end early, its exit code says more than the broken pipe.
    let sent = write(input, records);
    ensure!(child.wait()?.success(), "veltrix publish failed");
    sent.context("writing to veltrix publish")
}

fn write(input: ChildStdin, records: &[Record]) -> Result<()> {
    let mut input = BufWriter::new(input);
    for record in records {
        writeln!(input, "{}", record.json_line())?;
    }
    Ok(input.flush()?)
}
