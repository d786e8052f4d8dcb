//! Filter and forward: Kafka to Kafka.

use std::path::Path;

use anyhow::{Result, anyhow};
use veltrix_tests::{App, Kafka, build, unique};

use crate::fill::{self, PARTITIONS};
use crate::process::Measured;
use crate::report::{Report, Round};
use crate::{native, watch};

/// Rounds by hand and by Veltrix in turn, each with an output topic and a group of its own.
///
/// # Errors
/// Either loses or repeats events, or fails.
pub(crate) fn measure(kafka: &str, module: &Path, events: usize, rounds: usize) -> Result<Report> {
    build::veltrix();
    eprintln!("filling a topic with {events} events");
    let input = fill::topic(kafka, "bench_in", events)?;
    let expected = fill::kept(events);
    let mut report = Report::new(format!("forward: {events} events, {expected} of them forwarded"));
    for number in 1..=rounds {
        let output = Kafka::new(kafka).topic("bench_native", PARTITIONS);
        let native = std::thread::scope(|scope| {
            let run = || native::forward(kafka, &unique("bench_native"), &input.name, PARTITIONS, &output.name, events);
            let running = scope.spawn(run);
            let speed = watch::growth(kafka, &output, expected, std::process::id(), || Ok(()));
            running.join().map_err(|_| anyhow!("the native loop panicked"))??;
            speed
        })?;

        let output = Kafka::new(kafka).topic("bench_veltrix", PARTITIONS);
        let app = app(kafka, &input.name, &unique("bench_veltrix"), &output.name, module, "");
        let mut worker = Measured::new(app.start());
        let veltrix = watch::growth(kafka, &output, expected, worker.id(), || worker.look())?;
        report.add(Round { number, native, veltrix, footprint: worker.finish()? });
    }
    Ok(report)
}

/// The application that filters and forwards; `delivery` is what its binding says beside.
pub(crate) fn app(kafka: &str, input: &str, group: &str, output: &str, module: &Path, delivery: &str) -> App {
    App::new(&format!(
        r#"name = "bench"
[kafka]
brokers = ["{kafka}"]
[[binding]]
topics = ["{input}"]
function = "forward"
group = "{group}"
{delivery}
[function.forward]
module = "{module}"
emits = ["{output}"]
vars = {{ to = "{output}" }}
"#,
        module = module.display(),
    ))
}
