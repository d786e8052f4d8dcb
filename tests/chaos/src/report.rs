//! The table of a run, and the evidence that is kept of a bad one.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use veltrix_tests::build;

use crate::check::{Verdict, Violation};
use crate::fault::{Fault, Kind};
use crate::history::History;

/// A fault that was done.
#[derive(Debug)]
pub struct Struck {
    /// What.
    pub fault: Fault,
    /// When it began (UTC).
    pub at: String,
    /// Until it was over, with the start of what had to be started.
    pub took: Duration,
    /// From then until every group had committed something more; none: never.
    pub recovered: Option<Duration>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// Faults and workload are drawn from it.
    pub seed: u64,
    /// All of it, with the start of servers.
    pub took: Duration,
    /// From the first fault to the last.
    pub faults_took: Duration,
    /// In their order.
    pub struck: Vec<Struck>,
    /// The checker's, and what went wrong on the way.
    pub verdict: Verdict,
    /// Longest time without a commit while events waited, by binding.
    pub pauses: BTreeMap<String, Duration>,
    /// Where logs and history of a bad run are.
    pub evidence: Option<PathBuf>,
}

/// Most violations that are printed.
const SHOWN: usize = 30;
/// Most lines of logs about a violation.
const EXCERPT: usize = 12;

impl Report {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.verdict.violations.is_empty()
    }

    /// Copies logs, faults and history out of the way of the cleaning up.
    pub(crate) fn keep(&mut self, logs: &Path, history: &History) -> Result<()> {
        let directory = build::target().join("chaos").join(veltrix_tests::unique(&format!("seed_{}", self.seed)));
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let mut lines: Vec<(String, String)> = Vec::new();
        for entry in fs::read_dir(logs)?.flatten() {
            let (name, content) = (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
            fs::write(directory.join(&name), &content)?;
            lines.extend(String::from_utf8_lossy(&content).lines().map(|line| (name.clone(), line.to_owned())));
        }
        let mut text = String::new();
        for struck in &self.struck {
            writeln!(
                text,
                "{} {} worker {} for {:?}, took {:?}, then {:?}",
                struck.at, struck.fault.kind, struck.fault.worker, struck.fault.lasts, struck.took, struck.recovered
            )?;
        }
        fs::write(directory.join("faults.txt"), text)?;
        fs::write(directory.join("history.txt"), lines_of(history))?;
        let mut text = self.to_string();
        for violation in &self.verdict.violations {
            writeln!(text, "{violation}")?;
            for (name, line) in lines.iter().filter(|(_, line)| concerns(line, violation)).take(EXCERPT) {
                writeln!(text, "    {name}: {line}")?;
            }
        }
        fs::write(directory.join("verdict.txt"), text)?;
        self.evidence = Some(directory);
        Ok(())
    }
}

/// A history, a record a line.
fn lines_of(history: &History) -> String {
    let mut text = String::new();
    let mut add = |of: &str, what: &str, record: &dyn fmt::Debug| {
        writeln!(text, "{of} {what} {record:?}").expect("a string takes text");
    };
    history.sent.iter().for_each(|sent| add("input", "sent", sent));
    history.log.iter().for_each(|logged| add("input", "log", logged));
    for binding in &history.bindings {
        binding.outputs.iter().for_each(|output| add(&binding.name, "output", output));
        binding.letters.iter().for_each(|letter| add(&binding.name, "letter", letter));
        binding.rows.iter().flatten().for_each(|row| add(&binding.name, "row", row));
    }
    text
}

/// Whether a log line names the event of a violation.
fn concerns(line: &str, violation: &Violation) -> bool {
    violation.place.is_some_and(|place| {
        line.contains(&format!("\"offset\":{},", place.offset))
            && line.contains(&format!("\"partition\":{},", place.partition))
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (took, faults) = (self.took.as_secs(), self.faults_took.as_secs());
        writeln!(f, "seed {}: {} faults in {faults} s (all of it {took} s)", self.seed, self.struck.len())?;
        writeln!(f, "{:<34} {:>5} {:>14} {:>20}", "fault", "count", "longest, s", "longest to commit, s")?;
        let mut kinds: BTreeMap<Kind, (usize, Duration, Duration)> = BTreeMap::new();
        for struck in &self.struck {
            let (count, took, recovered) = kinds.entry(struck.fault.kind).or_default();
            *count += 1;
            *took = struck.took.max(*took);
            *recovered = struck.recovered.unwrap_or(Duration::MAX).max(*recovered);
        }
        for (kind, (count, took, recovered)) in kinds {
            let recovered = match recovered {
                Duration::MAX => "never".to_owned(),
                recovered => format!("{:.1}", recovered.as_secs_f64()),
            };
            writeln!(f, "{kind:<34} {count:>5} {:>14.1} {recovered:>20}", took.as_secs_f64())?;
        }
        let sends = self.verdict.sends;
        writeln!(
            f,
            "sends: {} acknowledged, {} failed, {} unknown (of these {} in the log)",
            sends.acknowledged, sends.failed, sends.unknown, sends.unknown_written
        )?;
        writeln!(
            f,
            "{:<14} {:>8} {:>6} {:>11} {:>10} {:>6} {:>6} {:>17}",
            "binding", "events", "lost", "duplicated", "reordered", "jumps", "dead", "longest pause, s"
        )?;
        for tally in &self.verdict.bindings {
            let pause = self.pauses.get(&tally.name).copied().unwrap_or_default().as_secs_f64();
            writeln!(
                f,
                "{:<14} {:>8} {:>6} {:>11} {:>10} {:>6} {:>6} {pause:>17.1}",
                tally.name, tally.events, tally.lost, tally.duplicated, tally.reordered, tally.jumps, tally.dead
            )?;
        }
        let violations = &self.verdict.violations;
        writeln!(f, "violations: {}", violations.len())?;
        for violation in violations.iter().take(SHOWN) {
            writeln!(f, "{violation}")?;
        }
        if violations.len() > SHOWN {
            writeln!(f, "… and {} more", violations.len() - SHOWN)?;
        }
        if let Some(directory) = &self.evidence {
            writeln!(f, "evidence: {}", directory.display())?;
        }
        Ok(())
    }
}

/// The time of day (UTC), as in the workers' logs.
pub(crate) fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, ms) = (now.as_secs() % 86_400, now.subsec_millis());
    format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
