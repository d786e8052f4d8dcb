//! From start to end: builds, runs, feeds, watches, drains.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::error::DevError;
use crate::feed::{Counters, Fed, Feed, Input};
use crate::monitor::{self, Finished, Monitor};
use crate::reload;
use crate::report::Report;
use crate::servers::{Ends, Marks};
use crate::session::Session;
use crate::summary::Summary;
use crate::watch::Watch;

/// How `dev` is started.
#[derive(Clone)]
pub struct Options {
    /// A manifest, or a folder that holds `veltrix.toml`.
    pub file: PathBuf,
    /// Real brokers; empty: an embedded Kafka.
    pub kafka: Vec<String>,
    /// Real Cassandra nodes; empty: an embedded Cassandra.
    pub cassandra: Vec<String>,
    /// Where the embedded Cassandra listens; `None`: at 9042 if that is free.
    pub cassandra_port: Option<u16>,
    /// Address of the admin interface; port 0 chooses one.
    pub admin: String,
    /// Fed one after another.
    pub inputs: Vec<Input>,
    /// Files of CQL statements that are run before anything is fed: rows to begin with.
    pub rows: Vec<PathBuf>,
    /// End at the first broken line of an input.
    pub strict: bool,
    /// End when the inputs are handled. Then nothing is watched.
    pub exit: bool,
    /// After so long a build is ended.
    pub build_limit: Duration,
    /// Compilers may colour what they say.
    pub colour: bool,
    /// Where compiled modules are kept; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// Who is told what happens.
    pub report: Arc<dyn Report>,
}

/// Runs an application until `stop` is done, or, where asked for, until its inputs are handled; then drains it.
///
/// # Errors
/// See [`DevError`]. What goes wrong later than at the start is told to [`Options::report`], and the rest goes on.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Result<Summary, DevError> {
    tokio::pin!(stop);
    let exit = options.exit;
    let counters = Arc::<Counters>::default();
    let inputs: Vec<_> = options.inputs.iter().map(|input| input.open(&counters)).collect::<Result<_, _>>()?;
    let mut session = Session::open(options)?;
    let watch = if exit { None } else { Some(session.watch()?) };
    tokio::select! {
        started = start(&mut session, watch.as_ref()) => started?,
        () = &mut stop => return Ok(Summary { interrupted: exit, ..Summary::default() }),
    }
    if let Err(error) = rows(&session).await {
        session.stop().await?;
        return Err(error);
    }
    session.announce();
    let Some(running) = session.running() else { return Err(DevError::Internal("nothing runs".to_owned())) };
    let size = inputs.iter().map(|input| input.size).sum();
    let ends = Arc::new(Ends::new(&Session::kafka(&running.manifest))?);
    let before = outputs(&ends, &session).await?;
    let monitor = Monitor {
        running: session.live.subscribe(),
        totals: session.totals.clone(),
        window: session.window.clone(),
        counters: counters.clone(),
        size,
        inputs: session.topics_of_inputs(),
        ends: ends.clone(),
        report: session.report().clone(),
        exit,
    };
    let mut monitor = Owned(tokio::spawn(monitor.run()));
    let mut stopped = false;
    tokio::select! {
        () = monitor::until_begun(&running) => {}
        () = &mut stop => stopped = true,
    }
    let feed = Feed {
        inputs,
        kafka: Session::kafka(&running.manifest),
        window: session.window.clone(),
        counters: counters.clone(),
        report: session.report().clone(),
        strict: session.options.strict,
    };
    drop(running);
    let begun = Instant::now();
    let mut feed = tokio::task::spawn_blocking(move || feed.run());

    let application = session.running().map(|running| running.manifest.name.clone()).unwrap_or_default();
    let (tell, told) = tokio::sync::watch::channel(false);
    let reloading = tokio::spawn(reload::run(session, watch, told));
    let mut fed: Option<Vec<Fed>> = None;
    let ended = loop {
        if stopped {
            break Ended::Stopped;
        }
        tokio::select! {
            () = &mut stop => stopped = true,
            finished = &mut monitor.0 => break Ended::of(flat(finished)),
            end = &mut feed, if fed.is_none() => match flat(end) {
                Ok(all) => fed = Some(all),
                Err(error) => break Ended::Failed(error),
            },
        }
    };
    counters.stop.store(true, Ordering::Relaxed);
    let _ = tell.send(true);
    let mut session = reloading.await.map_err(|error| DevError::Internal(error.to_string()))?;
    session.stop().await?;
    drop(monitor);
    session.report().ended();
    let interrupted = match ended {
        Ended::Failed(error) => return Err(error),
        Ended::Stopped => exit,
        Ended::Handled | Ended::LanesStopped => false,
    };
    let fed = match fed {
        Some(fed) => fed,
        None => last_words(feed).await,
    };
    let after = outputs(&ends, &session).await.unwrap_or_default();
    let bindings = session.totals.lock().expect("no panic while held").with(&[]);
    let emitted = grown(&before, &after, &fed);
    Ok(Summary::new(&application, begun.elapsed(), interrupted, fed, bindings, emitted))
}

/// Why it came to its end.
enum Ended {
    Stopped,
    Handled,
    LanesStopped,
    Failed(DevError),
}

impl Ended {
    fn of(finished: Result<Finished, DevError>) -> Self {
        match finished {
            Ok(Finished::Handled) => Self::Handled,
            Ok(Finished::Stopped) => Self::LanesStopped,
            Err(error) => Self::Failed(error),
        }
    }
}

/// A task that goes with its owner.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn flat<T>(ended: Result<Result<T, DevError>, tokio::task::JoinError>) -> Result<T, DevError> {
    ended.map_err(|error| DevError::Internal(error.to_string()))?
}

/// Begins; where files are watched, as often as it takes.
async fn start(session: &mut Session, watch: Option<&Watch>) -> Result<(), DevError> {
    let mut waited = false;
    loop {
        // Before anything is built: what changes meanwhile is built again.
        if let Some(watch) = watch {
            session.follow(watch);
        }
        let error = match session.begin().await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // What is being written; all else is not mended by saving a file. A manifest is, once somebody is at work.
        let mended = match &error {
            DevError::Build(_) => true,
            DevError::Run(error) if error.is_source() => true,
            error => waited && error.is_configuration(),
        };
        let Some(watch) = watch.filter(|_| mended) else { return Err(error) };
        session.report().problem(&format!("{error}\nwaiting for a change of the files"));
        watch.next().await;
        waited = true;
    }
}

/// Puts the rows into Cassandra that are there to begin with.
async fn rows(session: &Session) -> Result<(), DevError> {
    let Some(running) = session.running() else { return Ok(()) };
    for path in &session.options.rows {
        if running.manifest.cassandra.is_none() {
            let what = format!("--rows {}: the manifest has no [cassandra] to put them in", path.display());
            return Err(DevError::Configuration(what));
        }
        running.handle.apply(path).await?;
    }
    Ok(())
}

/// Where the topics end that functions emit to.
async fn outputs(ends: &Arc<Ends>, session: &Session) -> Result<Marks, DevError> {
    let Ok(manifest) = session.load(false) else { return Ok(Marks::new()) };
    let topics: Vec<String> = manifest.functions.into_values().flat_map(|function| function.emits).collect();
    let ends = ends.clone();
    let marks = tokio::task::spawn_blocking(move || ends.of(topics.iter().map(String::as_str))).await;
    Ok(marks.map_err(|error| DevError::Internal(error.to_string()))??)
}

/// Events that came in between, beside those that were fed.
fn grown(before: &Marks, after: &Marks, fed: &[Fed]) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = BTreeMap::new();
    for ((topic, partition), (_, end)) in after {
        let begun = before.get(&(topic.clone(), *partition)).map_or(0, |(_, end)| *end);
        *all.entry(topic.clone()).or_default() += u64::try_from(end - begun).unwrap_or_default();
    }
    for fed in fed {
        if let Some(count) = all.get_mut(&fed.topic) {
            *count = count.saturating_sub(fed.events);
        }
    }
    all
}

/// What a feed has to say that was told to end; one that waits for stdin says nothing.
async fn last_words(feed: JoinHandle<Result<Vec<Fed>, DevError>>) -> Vec<Fed> {
    let ended = tokio::time::timeout(Duration::from_secs(1), feed).await;
    ended.ok().and_then(|ended| flat(ended).ok()).unwrap_or_default()
}
