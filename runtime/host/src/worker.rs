//! A worker: one application's bindings, from start to drained stop.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};
use veltrix_manifest::{Binding, DeadLetter, Dedupe, DedupeWindow, Delivery, Manifest, Secret};
use veltrix_wasm::{LoadError, Sandbox, SandboxConfig};

use crate::admin::{self, BindingStatus, Readiness, Status};
use crate::binding::BindingTask;
use crate::cassandra::{Access, Cassandra};
use crate::control::{self, Follower, Shown};
use crate::flow::{Bounds, Identify, RetryPolicy, Rule};
use crate::function::{Config, Function, Secrets};
use crate::kafka::{Health, KafkaConfig, topics};
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::pipeline::{BindingConfig, BreakerStates, DedupeConfig, ExactlyOnce};
use crate::rate::Limit;
use crate::schema;
use crate::source::SourceConfig;
use crate::supervise::{PAUSES, Phase, Supervised, supervise};
use crate::worker_id::WorkerId;

/// How long a stop waits for the producer, which has nothing left to send where all went well.
const FLUSH: Duration = Duration::from_millis(250);

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The application.
    pub manifest: Manifest,
    /// Address of the admin interface, `host:port`; port 0 chooses one.
    pub admin: String,
    /// Create the keyspace, tables and types that are absent.
    pub apply_schema: bool,
    /// Where compiled modules are kept; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// This worker's name, the same after a restart, and no other's; `None`: see [`WorkerId::find`].
    pub worker_id: Option<String>,
    /// Where workers of this machine take their numbers; `None`: nowhere, and names are random.
    pub slots: Option<PathBuf>,
}

/// Why a worker did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Mend the configuration.
    #[error("{0}")]
    Configuration(String),
    /// A function's module can't be used.
    #[error("function {function}: {path}: {error}")]
    Module {
        /// Name in the manifest.
        function: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        error: Box<LoadError>,
    },
    /// Kafka's client refuses a setting.
    #[error("kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// The admin address can't be had.
    #[error("admin address {address}: {error}; choose another with --admin")]
    Admin {
        /// As given.
        address: String,
        /// Why.
        error: std::io::Error,
    },
    /// The schema can't be applied.
    #[error(transparent)]
    Schema(#[from] schema::SchemaError),
    /// Something of our own broke.
    #[error("{0}")]
    Internal(String),
}

impl RunError {
    /// Whether to mend a file or a flag, rather than to try again.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Configuration(_) | Self::Module { .. } | Self::Kafka(_) | Self::Admin { .. } => true,
            Self::Schema(error) => error.is_configuration(),
            Self::Internal(_) => false,
        }
    }
}

/// Runs an application until `stop` is done, then drains it.
///
/// # Errors
/// See [`RunError`]. Kafka or Cassandra being absent is none: the worker waits for them.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    let Options { manifest, admin: address, apply_schema, cache, worker_id, slots } = options;
    let worker_id = WorkerId::find(worker_id.as_deref(), &manifest.name, slots.as_deref());
    let (listener, bound) = admin::bind(&address).await.map_err(|error| RunError::Admin { address, error })?;
    info!(application = manifest.name, worker = worker_id.name(), admin = %bound, version = env!("CARGO_PKG_VERSION"), "starting");

    let metrics = Arc::new(Metrics::default());
    let health = Health::new();
    let kafka = KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
    let cassandra = manifest.cassandra.as_ref().map(|c| Cassandra::connect(&c.nodes, &c.keyspace));
    let functions = load(&manifest, cache, cassandra.as_ref()).await?;
    let outboxes = Arc::new(Outboxes::start(&kafka, &health)?);
    let worker = Arc::new(WorkerStatus {
        metrics: metrics.clone(),
        health: health.clone(),
        cassandra: cassandra
            .clone()
            .filter(|_| functions.values().any(|f| f.cassandra.as_ref().is_some_and(Access::is_needed))),
        outboxes: outboxes.clone(),
        bindings: manifest.bindings.iter().map(|binding| Arc::new(BindingState::of(binding, &metrics))).collect(),
        started: AtomicBool::new(false),
    });
    let mut background = JoinSet::new();
    background.spawn(admin::serve(listener, worker.clone()));

    tokio::pin!(stop);
    if apply_schema && let (Some(cassandra), Some(settings)) = (&cassandra, &manifest.cassandra) {
        tokio::select! {
            applied = schema::apply(cassandra, settings) => applied?,
            () = &mut stop => return Ok(()),
        }
    }

    let wasm = wasm_runtime()?;
    background.spawn({
        let (kafka, names) = (kafka.clone(), topics_to_create(&manifest));
        async move { topics::ensure(&kafka, &names).await }
    });
    let control = Follower::start(&manifest.name, &kafka)
        .map_err(|error| RunError::Internal(format!("the control thread can't start: {error}")))?;
    let (tell, told) = watch::channel(false);
    let mut begun = Vec::new();
    for (binding, supervised) in manifest.bindings.iter().zip(&worker.bindings) {
        let task = Arc::new(BindingTask {
            source: SourceConfig {
                topics: binding.topics.clone(),
                group: binding.group.clone(),
                start: binding.start,
                ordering: binding.ordering,
                control: Some(control.binding(&binding.group)),
                exactly_once: binding.delivery == Delivery::ExactlyOnce,
            },
            config: BindingConfig {
                exactly_once: ExactlyOnce::of(binding, &manifest, &binding.group, (&kafka, &health), &worker_id),
                ..binding_config(binding, &manifest)
            },
            function: functions[&binding.function].clone(),
            kafka: kafka.clone(),
            health: health.clone(),
            outboxes: outboxes.clone(),
            breakers: supervised.breakers.clone(),
            shown: supervised.shown.clone(),
            metrics: metrics.binding(&binding.group, &binding.function),
            request_metrics: Arc::new(metrics.requests(&binding.function)),
            wasm: wasm.handle(),
            wasm_threads: wasm.threads,
        });
        // The first time here: what is wrong with the configuration ends the worker before anything runs.
        let first = task.begin()?;
        begun.push((task, supervised.clone(), first));
    }
    let mut bindings = JoinSet::new();
    for (task, supervised, first) in begun {
        info!(group = task.source.group, function = %task.function.name, topics = ?task.source.topics, "bound");
        let told = told.clone();
        bindings.spawn(async move {
            let mut first = Some(first);
            let start = || task.clone().run(first.take(), told.clone());
            supervise(&supervised.task, PAUSES, told.clone(), start).await;
        });
    }

    worker.started.store(true, Ordering::Relaxed);

    stop.await;
    let _ = tell.send(true);
    let mut result = Ok(());
    while let Some(ended) = bindings.join_next().await {
        if let Err(error) = ended {
            result = Err(RunError::Internal(format!("a binding's supervisor failed: {error}")));
        }
    }
    drop(wasm);
    drop(control);
    let flush = tokio::task::spawn_blocking(move || outboxes.flush(FLUSH));
    if tokio::time::timeout(FLUSH * 2, flush).await.is_err() {
        error!("the producer did not end in time");
    }
    info!("stopped");
    result
}

pub(crate) async fn load(
    manifest: &Manifest,
    cache: Option<PathBuf>,
    cassandra: Option<&Arc<Cassandra>>,
) -> Result<BTreeMap<String, Arc<Function>>, RunError> {
    let sandbox = Sandbox::new(SandboxConfig { cache_dir: cache, ..SandboxConfig::default() })
        .map_err(|error| RunError::Internal(error.to_string()))?;
    let mut functions = BTreeMap::new();
    for (name, function) in &manifest.functions {
        if !manifest.bindings.iter().any(|b| b.function == *name) {
            continue;
        }
        let failed =
            |error| RunError::Module { function: name.clone(), path: function.module.clone(), error: Box::new(error) };
        let started = std::time::Instant::now();
        let module = sandbox.load(&function.module).await.map_err(failed)?;
        let limits = veltrix_wasm::Limits {
            memory: function.limits.memory,
            cpu: function.limits.cpu,
            deadline: function.limits.deadline,
        };
        let config = Config { vars: function.vars.clone(), secrets: secrets(name, &function.secrets)? };
        let linked = sandbox.function(&module, limits, Arc::new(config)).map_err(failed)?;
        let access = cassandra.map(|cassandra| {
            Access::new(cassandra.clone(), function.cassandra.clone()).named(name).within(function.limits.deadline)
        });
        info!(function = name, module = %function.module.display(), revision = module.info().sha256, ms = started.elapsed().as_millis() as u64, "loaded");
        functions
            .insert(name.clone(), Arc::new(Function::new(name, linked, &function.emits, function.instances, access)));
    }
    Ok(functions)
}

fn secrets(function: &str, wanted: &BTreeMap<String, Secret>) -> Result<Secrets, RunError> {
    let mut found = BTreeMap::new();
    for (name, secret) in wanted {
        let value = match secret {
            Secret::Env(variable) => std::env::var(variable).map_err(|_| {
                format!(
                    "function {function}: secret {name}: the environment variable {variable} is not set, or not UTF-8"
                )
            }),
            Secret::File(path) => std::fs::read_to_string(path)
                .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("function {function}: secret {name}: {}: {error}", path.display())),
        };
        found.insert(name.clone(), value.map_err(RunError::Configuration)?);
    }
    Ok(Secrets(found))
}

pub(crate) fn binding_config(binding: &Binding, manifest: &Manifest) -> BindingConfig {
    let retry = &binding.retry;
    BindingConfig {
        group: binding.group.clone(),
        concurrency: binding.concurrency.get() as usize,
        batch: Bounds { events: binding.batch.events.get() as usize, bytes: binding.batch.bytes.get() as usize },
        wait: binding.batch.wait,
        retry: RetryPolicy {
            attempts: retry.attempts.get(),
            backoff: retry.backoff,
            max_backoff: retry.max_backoff,
            max_age: retry.max_age,
        },
        dead_letter: match &binding.dead_letter {
            DeadLetter::Topic(topic) => Some(topic.clone()),
            DeadLetter::Pause => None,
        },
        dead_letter_limit: Limit {
            percent: binding.dead_letter_limit.percent.get().into(),
            events: binding.dead_letter_limit.events.get().into(),
            window: binding.dead_letter_limit.window,
        },
        // The client library's default.
        max_record: manifest
            .kafka
            .properties
            .get("message.max.bytes")
            .and_then(|n| n.parse().ok())
            .unwrap_or(1_000_000),
        resume: control::resume_command(&manifest.dir, &binding.group),
        dedupe: binding.dedupe.as_ref().map(|dedupe| dedupe_config(dedupe, manifest)),
        exactly_once: None,
    }
}

fn dedupe_config(dedupe: &Dedupe, manifest: &Manifest) -> DedupeConfig {
    let most = i64::try_from(dedupe.most()).unwrap_or(i64::MAX);
    let rule = match dedupe.window {
        DedupeWindow::Offsets(offsets) => {
            Rule { most: i64::try_from(offsets.get()).unwrap_or(most).min(most), within: None }
        }
        DedupeWindow::Time(time) => Rule { most, within: Some(time.as_millis() as i64) },
    };
    let kafka = KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
    DedupeConfig { identify: Arc::new(Identify::new(&dedupe.by)), rule, kafka }
}

/// Topics that functions write to.
pub(crate) fn topics_to_create(manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for binding in &manifest.bindings {
        names.extend(manifest.functions[&binding.function].emits.iter().cloned());
        if let DeadLetter::Topic(topic) = &binding.dead_letter {
            names.push(topic.clone());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The runtime that guests run on, apart from the one that does I/O.
pub(crate) struct Wasm {
    runtime: Option<Runtime>,
    pub(crate) threads: usize,
}

impl Wasm {
    pub(crate) fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.as_ref().expect("there until dropped").handle().clone()
    }
}

impl Drop for Wasm {
    /// Guests that did not end in time go with it; waiting for them is not allowed on an async thread.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn wasm_runtime() -> Result<Wasm, RunError> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("wasm")
        .enable_time()
        .build()
        .map_err(|error| RunError::Internal(format!("threads for guests: {error}")))?;
    Ok(Wasm { runtime: Some(runtime), threads })
}

struct WorkerStatus {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    cassandra: Option<Arc<Cassandra>>,
    outboxes: Arc<Outboxes>,
    bindings: Vec<Arc<BindingState>>,
    /// The schema is applied, where asked for, and every binding is running.
    started: AtomicBool,
}

/// What a binding is called, and what it is doing.
struct BindingState {
    group: String,
    function: String,
    task: Supervised,
    breakers: BreakerStates,
    shown: Arc<Shown>,
}

impl BindingState {
    fn of(binding: &Binding, metrics: &Metrics) -> Self {
        let (group, function) = (binding.group.clone(), binding.function.clone());
        let task = Supervised::new(&group, metrics.supervision(&group, &function));
        Self { group, function, task, breakers: BreakerStates::default(), shown: Arc::default() }
    }

    fn status(&self) -> BindingStatus {
        let (phase, error) = self.task.state();
        let breakers = self.breakers.lock().expect("no panic while held").clone();
        let (group, function) = (self.group.clone(), self.function.clone());
        let (paused, stopped) = (self.shown.is_paused(), self.shown.stopped());
        BindingStatus { group, function, state: phase.word(), error, breakers, paused, stopped }
    }
}

impl Status for WorkerStatus {
    fn readiness(&self) -> Readiness {
        let bindings: Vec<BindingStatus> = self.bindings.iter().map(|binding| binding.status()).collect();
        let works = |binding: &BindingStatus| {
            binding.state == Phase::Running.word() && binding.breakers.values().all(|state| *state != "open")
        };
        let running = bindings.iter().all(works);
        let kafka = self.health.is_up();
        let cassandra = self.cassandra.as_ref().map(|c| c.is_up());
        let word = |up| if up { "up" } else { "down" };
        Readiness {
            ready: self.started.load(Ordering::Relaxed) && running && kafka && cassandra != Some(false),
            kafka: word(kafka),
            cassandra: cassandra.map_or("unused", word),
            bindings,
        }
    }

    fn metrics(&self) -> String {
        self.metrics.states(self.health.is_up(), self.cassandra.as_ref().map(|c| c.is_up()), self.outboxes.waiting());
        self.metrics.text()
    }
}
