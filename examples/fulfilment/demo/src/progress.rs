//! How the functions get on, told every second.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::actual::{FUNCTIONS, group};
use crate::kafka::{Kafka, Watch};
use crate::metrics::Metrics;
use crate::report::grouped;
use crate::worker::Worker;

const TICK: Duration = Duration::from_secs(1);
/// So long without any progress is a failure.
const PATIENCE: Duration = Duration::from_secs(90);

/// Progress of the three functions.
pub(crate) struct Progress {
    watches: Vec<Watch>,
    /// Events with a final verdict: of this worker, and of those before it.
    handled: [i64; 3],
    handled_before: [i64; 3],
    told: String,
}

impl Progress {
    /// All orders must have been sent.
    pub(crate) fn new(kafka: &Kafka) -> Result<Self> {
        let watches = FUNCTIONS.iter().map(|function| kafka.watch(&group(function), "orders"));
        let watches = watches.collect::<Result<_>>()?;
        Ok(Self { watches, handled: [0; 3], handled_before: [0; 3], told: String::new() })
    }

    /// The metrics of another worker begin anew.
    pub(crate) fn next_worker(&mut self) {
        for (before, now) in self.handled_before.iter_mut().zip(&mut self.handled) {
            *before += std::mem::take(now);
        }
    }

    /// Waits until no more than `lag` records are left, of all groups together.
    pub(crate) fn wait(&mut self, worker: &Worker, lag: i64) -> Result<()> {
        let mut moved = Instant::now();
        loop {
            let lags = self.watches.iter().map(Watch::lag).collect::<Result<Vec<i64>>>()?;
            self.measure(worker);
            if self.tell(&lags) {
                moved = Instant::now();
            }
            if lags.iter().sum::<i64>() <= lag {
                return Ok(());
            }
            if moved.elapsed() > PATIENCE {
                bail!("no progress for {PATIENCE:?}; the worker's log ends with\n{}", worker.log_end());
            }
            std::thread::sleep(TICK);
        }
    }

    fn measure(&mut self, worker: &Worker) {
        let Some(metrics) = Metrics::scrape(&worker.admin) else { return };
        for (function, handled) in FUNCTIONS.iter().zip(&mut self.handled) {
            let group = format!("group=\"{}\"", group(function));
            let of_kind = |kind| metrics.sum("veltrix_events_handled_total", &[&group, kind]).unwrap_or(0);
            *handled = ["kind=\"ack\"", "kind=\"skip\"", "kind=\"dead_letter\""].map(of_kind).iter().sum();
        }
    }

    /// Prints a line if it says something new; whether it does.
    fn tell(&mut self, lags: &[i64]) -> bool {
        let handled = self.handled.iter().zip(&self.handled_before).map(|(now, before)| now + before);
        let parts = FUNCTIONS.iter().zip(handled).zip(lags).map(|((function, handled), lag)| {
            format!("{function} {:>6} handled, lag {:>6}", grouped(handled), grouped(lag))
        });
        let line = parts.collect::<Vec<_>>().join(" | ");
        if line == self.told {
            return false;
        }
        println!("    {line}");
        self.told = line;
        true
    }
}
