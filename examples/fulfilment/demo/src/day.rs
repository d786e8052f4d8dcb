//! A day: start a worker, fill the stock, send the orders, wait until all are handled, end the worker, audit.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::actual::{FUNCTIONS, actual};
use crate::cassandra::Cassandra;
use crate::expected::expected;
use crate::kafka::Kafka;
use crate::metrics::Metrics;
use crate::orders::Record;
use crate::report::{grouped, step};
use crate::worker::Worker;
use crate::{Arguments, audit, orders, report};

/// Where logs are left; `run` starts this program in the repository's root.
const LOGS: &str = ".veltrix/fulfilment";
const TICK: Duration = Duration::from_secs(1);
/// So long without any progress is a failure.
const PATIENCE: Duration = Duration::from_secs(90);

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

    let all = (records.len() * FUNCTIONS.len()) as i64;
    for kill in 1..=arguments.kills {
        wait(&worker, records.len(), all * i64::from(kill) / i64::from(arguments.kills + 1))?;
        step(&format!("killing the worker (SIGKILL), {kill} of {}, and starting another", arguments.kills));
        worker.kill()?;
        worker = start()?;
    }
    wait(&worker, records.len(), all)?;
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

/// Waits until the functions have done `target` events together, and tells how they get on.
fn wait(worker: &Worker, records: usize, target: i64) -> Result<()> {
    let (began, mut last) = (Instant::now(), (-1, Instant::now()));
    let mut told = began;
    loop {
        let done = progress(worker);
        let sum: i64 = done.iter().sum();
        if sum >= target {
            tell(&done, records);
            return Ok(());
        }
        if sum > last.0 {
            last = (sum, Instant::now());
        }
        if last.1.elapsed() > PATIENCE {
            bail!("no progress for {PATIENCE:?}; the worker's log ends with\n{}", worker.log_end());
        }
        if told.elapsed() >= TICK {
            tell(&done, records);
            told = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// How many records of `orders` each function is done with: all partitions begin at offset 0.
fn progress(worker: &Worker) -> [i64; 3] {
    let metrics = Metrics::scrape(&worker.admin);
    FUNCTIONS.map(|function| {
        let done =
            |metrics: &Metrics| metrics.sum("veltrix_committable_offset", "group", &format!("fulfilment.{function}"));
        metrics.as_ref().and_then(done).unwrap_or(0)
    })
}

fn tell(done: &[i64; 3], records: usize) {
    let parts = FUNCTIONS.iter().zip(done).map(|(function, done)| {
        format!(
            "{function} {:>6} done {:>6} to go",
            grouped(*done as usize),
            grouped(records.saturating_sub(*done as usize))
        )
    });
    println!("    {}", parts.collect::<Vec<_>>().join(" | "));
}
