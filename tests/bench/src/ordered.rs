//! Key order with concurrency inside one partition: a wait per event, by hand, by Veltrix and by Parallel Consumer.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use veltrix_tests::{App, build, unique};

use crate::peers::{self, Built};
use crate::process::{Footprint, Measured, cpu};
use crate::report::{Report, Round};
use crate::watch::Work;
use crate::{fill, native_ordered};

const KEYS: usize = 1_000;
/// What each event waits for.
const WAIT: Duration = Duration::from_millis(5);
/// Events at work: 20,000 a second if a wait of 5 ms took 5 ms.
const CONCURRENCY: usize = 100;
/// Time between looks at the worker's count.
const LOOK: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_secs(600);

/// Rounds by hand, by Veltrix and by the peer in turn.
///
/// # Errors
/// One of them fails or does not end.
pub(crate) fn measure(kafka: &str, events: usize, rounds: usize, with_peers: bool) -> Result<Report> {
    build::guest("bench-wait");
    build::veltrix();
    let peer = with_peers.then(|| peers::build("parallel-consumer")).transpose()?;
    let input = fill::keyed(kafka, "bench_ordered", events, 1, KEYS)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut report = Report::new(format!(
        "ordered: {events} events of {KEYS} keys in one partition, {WAIT:?} of wait each, {CONCURRENCY} at work"
    ));
    for number in 1..=rounds {
        let before = cpu(std::process::id())?;
        let group = unique("bench_native");
        let run = native_ordered::run(kafka, &group, &input.name, events, CONCURRENCY, WAIT);
        let speed = runtime.block_on(run)?;
        let native = Work { speed, cpu: (cpu(std::process::id())? - before) * 1e6 / events as f64 };
        let (veltrix, footprint) = veltrix(kafka, &input.name, events)?;
        if let Some(peer) = &peer {
            let speed = parallel_consumer(peer, kafka, &input.name, events)?;
            eprintln!("parallel consumer: {speed:.0}/s, ratio {:.2}", veltrix.speed / speed);
        }
        report.add(Round { number, native, veltrix, footprint });
    }
    Ok(report)
}

fn veltrix(kafka: &str, input: &str, events: usize) -> Result<(Work, Footprint)> {
    let app = App::new(&format!(
        r#"name = "bench"
[kafka]
brokers = ["{kafka}"]
[[binding]]
topics = ["{input}"]
function = "wait"
group = "{group}"
concurrency = {CONCURRENCY}
[function.wait]
module = "{module}"
"#,
        group = unique("bench_ordered"),
        module = build::guest("bench-wait").display(),
    ));
    let mut worker = Measured::new(app.start());
    let work = worker.until_acked(events, LOOK, LIMIT)?;
    Ok((work, worker.finish()?))
}

/// The peer counts for itself, from its first event to its last.
fn parallel_consumer(peer: &Built, kafka: &str, input: &str, events: usize) -> Result<f64> {
    let since = Instant::now();
    let output = Command::new("java")
        .args(["-Xmx1g", "-cp", &peer.class_path(), "Wait", kafka, &unique("bench_pc"), input])
        .args([events.to_string(), CONCURRENCY.to_string(), WAIT.as_millis().to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("java runs the Parallel Consumer peer")?;
    if !output.status.success() {
        bail!("Parallel Consumer ended after {:?}: {}", since.elapsed(), output.status);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    said.trim().parse().with_context(|| format!("Parallel Consumer said {said:?}"))
}
