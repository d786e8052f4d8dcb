//! A day: start a worker, fill the stock, send the orders, wait until all are handled, end the worker, audit.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::actual::{FUNCTIONS, actual};
use crate::cassandra::Cassandra;
use crate::expected::expected;
use crate::kafka::Kafka;
use crate::orders::Record;
use crate::progress::Progress;
use crate::report::{grouped, step};
use crate::worker::Worker;
use crate::{Arguments, audit, orders, report};

/// Where logs are left; `run` starts this program in the repository's root.
const LOGS: &str = ".veltrix/fulfilment";

/// Does it all; whether everything adds up.
pub(crate) fn spend(arguments: &Arguments) -> Result<bool> {
    let kafka = Kafka::new(&arguments.kafka);
    let cassandra = Cassandra::connect(&arguments.cassandra)?;
    kafka.create("orders", 4)?;

    step("starting a worker: veltrix run examples/fulfilment --apply-schema");
    let mut starts = 0;
    let mut start = || {
        starts += 1;
        Worker::start(arguments, &Path::new(LOGS).join(format!("worker-{starts}.log")))
    };
    let mut worker = start()?;
    cassandra.seed()?;

    let records = orders::all();
    step(&format!("sending {} orders: veltrix publish orders", grouped(records.len())));
    let began = Instant::now();
    publish(arguments, &records)?;

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
    let took = began.elapsed();
    let status = worker.terminate()?;
    step(&format!("all handled after {:.1} s; the worker was asked to end (SIGTERM): {status}", took.as_secs_f64()));

    let (expected, actual) = (expected(&records), actual(&kafka, &cassandra)?);
    report::summary(&expected, &actual);
    Ok(audit::print(&audit::all(&expected, &actual, status)))
}

fn publish(arguments: &Arguments, records: &[Record]) -> Result<()> {
    let mut child = Command::new(&arguments.veltrix)
        .args(["publish", "orders", "--kafka", &arguments.kafka])
        .stdin(Stdio::piped())
        .spawn()
        .context("starting veltrix publish")?;
    let mut input = child.stdin.take().context("veltrix publish has no input")?;
    // Should it end early, its exit code says more than the broken pipe.
    let sent = records.iter().try_for_each(|record| writeln!(input, "{}", record.json_line()));
    drop(input);
    ensure!(child.wait()?.success(), "veltrix publish failed");
    sent.context("writing to veltrix publish")
}
