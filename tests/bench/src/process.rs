//! A worker under measurement: its resident memory over time, and what its metrics say at the end.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use veltrix_tests::Worker;

use crate::memory::Resident;
use crate::watch::Work;

/// Time between looks at its memory.
const LOOK: Duration = Duration::from_millis(200);

/// A worker, and what was seen of it.
pub(crate) struct Measured {
    worker: Worker,
    looked: Instant,
    /// Resident MiB over time.
    resident: Vec<f64>,
}

/// What a round said of the worker.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    /// Its memory.
    pub(crate) resident: Resident,
    /// Wall clock inside calls per event, ns: on a busy machine more than what was executed.
    pub(crate) call_ns: f64,
    /// Events per call.
    pub(crate) batch: f64,
}

impl Measured {
    pub(crate) fn new(worker: Worker) -> Self {
        Self { worker, looked: Instant::now(), resident: Vec::new() }
    }

    /// To be called often while it works.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn look(&mut self) -> Result<()> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        if !self.worker.is_running() {
            bail!("the worker ended:\n{}", self.worker.log());
        }
        self.resident.push(memory(self.worker.pid(), "VmRSS")?);
        Ok(())
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.worker.pid()
    }

    /// Measures from the first ack seen to that of the last event.
    ///
    /// # Errors
    /// It has ended, or takes longer than `limit`.
    pub(crate) fn until_acked(&mut self, events: usize, look: Duration, limit: Duration) -> Result<Work> {
        let begun = Instant::now();
        let mut first = None;
        loop {
            self.look()?;
            let (at, acked) = (Instant::now(), self.acked());
            if acked > 0.0 {
                if first.is_none() {
                    first = Some((at, acked, cpu(self.id())?));
                }
                if let Some((since, there, spent)) = first
                    && acked >= events as f64
                {
                    let speed = (acked - there) / at.duration_since(since).as_secs_f64();
                    return Ok(Work { speed, cpu: (cpu(self.id())? - spent) * 1e6 / (acked - there) });
                }
            }
            if begun.elapsed() > limit {
                bail!("{acked} of {events} events are acked after {limit:?}");
            }
            std::thread::sleep(look);
        }
    }

    fn acked(&mut self) -> f64 {
        let labels = ["kind=\"ack\""];
        self.worker.metrics().sum("veltrix_events_handled_total", &labels).unwrap_or(0.0)
    }

    /// Ends it, which must go well.
    ///
    /// # Errors
    /// It did not drain, commit and end with 0.
    pub(crate) fn finish(mut self) -> Result<Footprint> {
        let most = memory(self.worker.pid(), "VmHWM")?;
        let metrics = self.worker.metrics();
        let sum = |name| metrics.sum(name, &[]).with_context(|| format!("the metrics have no {name}"));
        let (seconds, calls) = (sum("veltrix_call_seconds_sum")?, sum("veltrix_call_seconds_count")?);
        let events = sum("veltrix_events_handled_total")?;
        let exit = self.worker.terminate();
        if exit.code != Some(0) {
            bail!("the worker ended with {:?}:\n{}", exit.code, exit.log);
        }
        let resident = Resident::of(&self.resident, most);
        Ok(Footprint { resident, call_ns: seconds * 1e9 / events, batch: events / calls })
    }
}

/// A size of the process in MiB.
fn memory(pid: u32, name: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the worker's memory")?;
    let line = status.lines().find(|line| line.starts_with(name)).context("the worker's memory")?;
    let kib: f64 = line.split_whitespace().nth(1).context("the worker's memory")?.parse()?;
    Ok(kib / 1024.0)
}

/// Seconds that a process has executed so far.
pub(crate) fn cpu(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("a process's times")?;
    // Behind the name, which may hold anything but is in brackets: fields 14 and 15 of all, in ticks of 10 ms.
    let fields = stat.rsplit_once(')').context("a process's times")?.1.split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / 100.0)
}
