//! All cases: found, read, run side by side, compared, and if asked for written down anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use veltrix_manifest::Manifest;
use veltrix_wasm::{Sandbox, SandboxConfig};

use crate::case::Case;
use crate::compare::{Actual, compare};
use crate::find::find;
use crate::lane::{Lane, Modules};
use crate::problem::Problems;
use crate::update;

/// Most cases side by side.
const MOST_LANES: usize = 8;
/// The same on real servers, where a keyspace takes seconds to make and to remove.
const LIVE_LANES: usize = 3;

/// What to run.
#[derive(Debug)]
pub struct Options {
    /// The application.
    pub manifest: Manifest,
    /// Cases, by their paths; none: all in `cases/`.
    pub cases: Vec<PathBuf>,
    /// Only those whose name has this in it.
    pub filter: Option<String>,
    /// Write what comes out as what is expected.
    pub update: bool,
    /// Where compiled modules are kept; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// Real servers; `None`: embedded ones.
    pub servers: Option<Servers>,
}

/// Real servers to run cases on. What cases make there has names of its own, and is removed.
#[derive(Debug, Clone)]
pub struct Servers {
    /// `host:port` of brokers.
    pub kafka: Vec<String>,
    /// `host:port` of nodes.
    pub cassandra: Vec<String>,
}

/// What came of all.
#[derive(Debug)]
pub struct Report {
    /// Of each case, in the order of their names.
    pub results: Vec<CaseResult>,
    /// All in all.
    pub took: Duration,
}

/// What came of a case.
#[derive(Debug)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub file: PathBuf,
    /// The line there where it begins; 0: it is all of the file.
    pub line: usize,
    /// From its rows to its last look at a table.
    pub took: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All is as expected.
    Passed,
    /// What is expected was written anew.
    Updated,
    /// Something is not as expected.
    Failed {
        /// Expected (`-`) against what came out (`+`).
        difference: String,
        /// What else may explain it: messages of failures, lines of log.
        notes: Vec<String>,
    },
    /// It has no result, and why.
    Broken(String),
}

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// Cases that are wrong.
    #[error(transparent)]
    Problems(#[from] Problems),
    /// A module that can't be used, or an argument.
    #[error("{0}")]
    Configuration(String),
    /// Something of this machine, or a server.
    #[error("{0}")]
    Machine(String),
}

impl Report {
    /// How many ended otherwise than they should.
    pub fn failed(&self) -> usize {
        let bad = |result: &&CaseResult| matches!(result.ending, Ending::Failed { .. } | Ending::Broken(_));
        self.results.iter().filter(bad).count()
    }

    /// How many were written anew.
    pub fn updated(&self) -> usize {
        self.results.iter().filter(|result| result.ending == Ending::Updated).count()
    }
}

/// Runs cases. Has to run on a Tokio runtime with more than one thread.
///
/// # Errors
/// Nothing was run; see [`CasesError`].
pub async fn run(options: Options) -> Result<Report, CasesError> {
    let started = Instant::now();
    let Options { manifest, cases: wanted, filter, update, cache, servers } = options;
    let cases = Arc::new(read(&manifest, &wanted, filter.as_deref(), update)?);
    let modules = Arc::new(load(&manifest, &cases, cache).await?);
    let manifest = Arc::new(manifest);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut lanes = JoinSet::new();
    let next = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(Mutex::new(Vec::new()));
    let most = if servers.is_some() { LIVE_LANES } else { cores.min(MOST_LANES) };
    let run = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
    for number in 0..most.min(cases.len()) {
        let (manifest, cases, modules) = (manifest.clone(), cases.clone(), modules.clone());
        let (next, done, servers) = (next.clone(), done.clone(), servers.clone());
        let name = format!("veltrix-case-{run}-{number}");
        lanes.spawn(async move {
            let lane = match &servers {
                None => Lane::embedded(&manifest).await?,
                Some(Servers { kafka, cassandra }) => Lane::live(&manifest, kafka, cassandra, &name).await?,
            };
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(place) else { return lane.close().await };
                let begun = Instant::now();
                let actual = lane.run(case, &modules).await;
                let done = &mut *done.lock().unwrap_or_else(PoisonError::into_inner);
                done.push((place, actual, begun.elapsed()));
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.map_err(|ended| CasesError::Machine(ended.to_string()))?.map_err(CasesError::Machine)?;
    }
    let mut done = std::mem::take(&mut *done.lock().unwrap_or_else(PoisonError::into_inner));
    done.sort_by_key(|(place, ..)| *place);
    let mut updates = Vec::new();
    let mut results = Vec::new();
    for (place, actual, took) in done {
        let case = &cases[place];
        let ending = match actual {
            Err(problem) => Ending::Broken(problem),
            Ok(actual) => match compare(&case.expected, &actual) {
                None if !update || !case.expected.is_empty() => Ending::Passed,
                _ if update => {
                    updates.push((&case.place, update::lines(&case.expected, &actual)));
                    Ending::Updated
                }
                difference => {
                    let difference = difference.unwrap_or_default();
                    Ending::Failed { difference, notes: notes(&actual) }
                }
            },
        };
        results.push(CaseResult { name: case.name.clone(), file: case.file.clone(), line: case.line, took, ending });
    }
    update::write(updates).map_err(CasesError::Machine)?;
    Ok(Report { results, took: started.elapsed() })
}

fn read(manifest: &Manifest, wanted: &[PathBuf], filter: Option<&str>, update: bool) -> Result<Vec<Case>, CasesError> {
    let mut problems = Problems::default();
    let drafts = find(&manifest.dir, wanted, &mut problems);
    let mut names = BTreeSet::new();
    for draft in &drafts {
        if !names.insert(draft.name.clone()) {
            problems.add(&draft.file, draft.line, format!("there is another case named {}", draft.name));
        }
    }
    let found = drafts.len();
    let drafts = drafts.into_iter().filter(|draft| filter.is_none_or(|filter| draft.name.contains(filter)));
    let mut cases: Vec<Case> = drafts.filter_map(|draft| Case::read(draft, manifest, update, &mut problems)).collect();
    problems.check()?;
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    match (cases.is_empty(), filter) {
        (true, Some(filter)) => {
            Err(CasesError::Configuration(format!("none of {found} cases has \"{filter}\" in its name")))
        }
        _ => Ok(cases),
    }
}

async fn load(manifest: &Manifest, cases: &[Case], cache: Option<PathBuf>) -> Result<Modules, CasesError> {
    let config = SandboxConfig { cache_dir: cache, deterministic: true, ..SandboxConfig::default() };
    let sandbox = Sandbox::new(config).map_err(|error| CasesError::Machine(error.to_string()))?;
    let names: BTreeSet<&String> = cases.iter().map(|case| &manifest.bindings[case.binding].function).collect();
    let mut modules = BTreeMap::new();
    for name in names {
        let path = &manifest.functions[name].module;
        let module = sandbox.load(path).await.map_err(|error| {
            CasesError::Configuration(format!("function {name}: {}: {}", path.display(), error.told()))
        })?;
        modules.insert(name.clone(), module);
    }
    Ok(Modules { sandbox, modules })
}

/// What was said of failures, and the last lines of log.
fn notes(actual: &Actual) -> Vec<String> {
    const MOST_LINES: usize = 20;
    let failures = actual.verdicts.iter().zip(1..).filter_map(|(verdict, event)| {
        let message = verdict.message.as_ref()?;
        Some(format!("event {event}: {}: {message}", verdict.word))
    });
    let logs = actual.logs.iter().rev().take(MOST_LINES).rev();
    let logs = logs.map(|log| {
        let of = log.event.map_or(String::new(), |event| format!(" of event {event}"));
        let fields: String = log.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        format!("log{of}: {} {}{fields}", log.level, log.message)
    });
    failures.chain(logs).collect()
}
