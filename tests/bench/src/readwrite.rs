//! One read and one write of Cassandra per event.

use std::time::Duration;

use anyhow::Result;
use veltrix_tests::{App, build, unique};

use crate::pairs::Pairs;
use crate::process::{Footprint, Measured, cpu};
use crate::report::{Report, Round};
use crate::watch::Work;
use crate::{Addresses, fill};

/// Keys in flight.
const IN_FLIGHT: usize = 256;
/// Untimed pairs before the first round: a cold JVM is five times slower.
const WARM_UP: usize = 150_000;
/// Time between looks at the worker's count.
const LOOK: Duration = Duration::from_millis(50);
/// Longest time for a round.
const LIMIT: Duration = Duration::from_secs(600);

/// Rounds by hand and by Veltrix in turn, on a warm Cassandra. The first round of each is left out.
///
/// # Errors
/// A request fails, or an event is not acked.
pub(crate) fn measure(servers: &Addresses, events: usize, rounds: usize) -> Result<Report> {
    build::guest("bench-readwrite");
    build::veltrix();
    let input = fill::topic(&servers.kafka, "bench_pairs", events)?;
    let keyspace = unique("bench");
    let runtime = tokio::runtime::Runtime::new()?;
    let pairs = runtime.block_on(Pairs::connect(&servers.cassandra, &keyspace))?;
    eprintln!("warming Cassandra up with {WARM_UP} pairs");
    runtime.block_on(pairs.run(WARM_UP, IN_FLIGHT))?;
    let mut report = Report::new(format!("readwrite: {events} events, {IN_FLIGHT} keys in flight"));
    for number in 0..=rounds {
        let before = cpu(std::process::id())?;
        let speed = runtime.block_on(pairs.run(events, IN_FLIGHT))?;
        let native = Work { speed, cpu: (cpu(std::process::id())? - before) * 1e6 / events as f64 };
        let (veltrix, footprint) = veltrix(servers, &keyspace, &input.name, events)?;
        if number > 0 {
            report.add(Round { number, native, veltrix, footprint });
        }
    }
    Ok(report)
}

fn veltrix(servers: &Addresses, keyspace: &str, input: &str, events: usize) -> Result<(Work, Footprint)> {
    let app = App::new(&format!(
        r#"name = "bench"
[kafka]
brokers = ["{kafka}"]
[cassandra]
nodes = ["{cassandra}"]
keyspace = "{keyspace}"
[[binding]]
topics = ["{input}"]
function = "readwrite"
group = "{group}"
concurrency = {IN_FLIGHT}
[function.readwrite]
module = "{module}"
cassandra = {{ pairs = "read-write" }}
"#,
        kafka = servers.kafka,
        cassandra = servers.cassandra,
        group = unique("bench_pairs"),
        module = build::guest("bench-readwrite").display(),
    ));
    let mut worker = Measured::new(app.start());
    let work = worker.until_acked(events, LOOK, LIMIT)?;
    Ok((work, worker.finish()?))
}
