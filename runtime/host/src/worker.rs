//! A worker: one application's bindings, from start to drained stop.

mod config;
mod handle;
mod load;
mod snapshot;
mod status;
mod threads;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info};
use veltrix_manifest::{Delivery, Manifest};
use veltrix_wasm::LoadError;

use crate::admin;
use crate::binding::BindingTask;
use crate::cassandra::{Access, Cassandra};
use crate::control::Follower;
use crate::function::Current;
use crate::kafka::{Health, KafkaConfig, topics};
use crate::metrics::Metrics;
use crate::outboxes::Outboxes;
use crate::pipeline::{BindingConfig, ExactlyOnce};
use crate::schema;
use crate::source::SourceConfig;
use crate::supervise::{PAUSES, supervise};
use crate::worker_id::WorkerId;

pub(crate) use config::{binding_config, topics_to_create};
pub use handle::{Handle, Swapped};
pub(crate) use load::Loader;
pub use load::value as secret;
pub use snapshot::{Partition, Snapshot};
use status::{BindingState, WorkerStatus};
pub(crate) use threads::{Wasm, wasm_runtime};

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
    /// Kafka is [`kafka::Embedded`](crate::kafka::Embedded): its topics are there, and whatever lies between two offsets
    /// was an event.
    pub embedded: bool,
}

/// Why a worker did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Mend the configuration.
    #[error("{0}")]
    Configuration(String),
    /// A function's module can't be used.
    #[error("function {function}: {path}: {}", error.told())]
    Module {
        /// Name in the manifest.
        function: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        error: Box<LoadError>,
    },
    /// Several functions can't be used: a problem each.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Functions(Vec<RunError>),
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
            Self::Functions(errors) => errors.iter().all(Self::is_configuration),
            Self::Schema(error) => error.is_configuration(),
            Self::Internal(_) => false,
        }
    }

    /// Whether a module or the schema is to blame, as when it is being written.
    pub fn is_source(&self) -> bool {
        match self {
            Self::Module { .. } | Self::Schema(_) => true,
            Self::Functions(errors) => errors.iter().any(Self::is_source),
            Self::Configuration(_) | Self::Kafka(_) | Self::Admin { .. } | Self::Internal(_) => false,
        }
    }
}

/// Runs an application until `stop` is done, then drains it.
///
/// # Errors
/// See [`RunError`]. Kafka or Cassandra being absent is none: the worker waits for them.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Result<(), RunError> {
    tokio::pin!(stop);
    let worker = tokio::select! {
        started = Worker::start(options) => started?,
        () = &mut stop => return Ok(()),
    };
    stop.await;
    worker.stop().await
}

/// A running application. Dropped without [`stop`](Self::stop), it ends as after a crash.
pub struct Worker {
    handle: Handle,
    bindings: JoinSet<()>,
    tell: watch::Sender<bool>,
    outboxes: Arc<Outboxes>,
    background: JoinSet<()>,
    wasm: Wasm,
    control: Follower,
    /// Nobody else on this machine gets the name as long as this lives.
    _id: WorkerId,
}

impl Worker {
    /// Loads the functions, applies the schema where asked for, and binds.
    ///
    /// # Errors
    /// See [`RunError`]. It waits for a Cassandra that is absent only to apply a schema.
    pub async fn start(options: Options) -> Result<Self, RunError> {
        let Options { manifest, admin: address, apply_schema, cache, worker_id, slots, embedded } = options;
        let worker_id = WorkerId::find(worker_id.as_deref(), &manifest.name, slots.as_deref());
        let (listener, bound) = admin::bind(&address).await.map_err(|error| RunError::Admin { address, error })?;
        info!(application = manifest.name, worker = worker_id.name(), admin = %bound, version = env!("CARGO_PKG_VERSION"), "starting");

        let metrics = Arc::new(Metrics::default());
        let health = Health::new();
        let kafka =
            KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
        let cassandra = manifest.cassandra.as_ref().map(|c| Cassandra::connect(&c.nodes, &c.keyspace));
        let loader = Loader::new(cache, cassandra.clone(), &metrics)?;
        let functions = loader.all(&manifest).await?;
        let outboxes = Arc::new(Outboxes::start(&kafka, &health)?);
        let status = Arc::new(WorkerStatus {
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
        background.spawn(admin::serve(listener, status.clone()));

        let begun = async {
            if apply_schema && let (Some(cassandra), Some(settings)) = (&cassandra, &manifest.cassandra) {
                schema::apply(cassandra, settings).await?;
            }

            let wasm = wasm_runtime()?;
            if !embedded {
                let (kafka, names) = (kafka.clone(), topics_to_create(&manifest));
                background.spawn(async move { topics::ensure(&kafka, &names).await });
            }
            let control = Follower::start(&manifest.name, &kafka)
                .map_err(|error| RunError::Internal(format!("the control thread can't start: {error}")))?;
            let functions: Functions =
                functions.into_iter().map(|(name, function)| (name, Arc::new(Current::new(function)))).collect();
            let (tell, told) = watch::channel(false);
            let mut begun = Vec::new();
            for (binding, supervised) in manifest.bindings.iter().zip(&status.bindings) {
                let task = Arc::new(BindingTask {
                    source: SourceConfig {
                        topics: binding.topics.clone(),
                        group: binding.group.clone(),
                        start: binding.start,
                        ordering: binding.ordering,
                        control: Some(control.binding(&binding.group)),
                        exactly_once: binding.delivery == Delivery::ExactlyOnce,
                        gapless: embedded,
                        member: worker_id.given().map(str::to_owned),
                    },
                    config: BindingConfig {
                        exactly_once: ExactlyOnce::of(
                            binding,
                            &manifest,
                            &binding.group,
                            (&kafka, &health),
                            &worker_id,
                        ),
                        ..binding_config(binding, &manifest)
                    },
                    function: functions[&binding.function].clone(),
                    kafka: kafka.clone(),
                    health: health.clone(),
                    outboxes: outboxes.clone(),
                    breakers: supervised.breakers.clone(),
                    shown: supervised.shown.clone(),
                    metrics: supervised.metrics.clone(),
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
                info!(group = task.source.group, function = supervised.function, topics = ?task.source.topics, "bound");
                let told = told.clone();
                bindings.spawn(async move {
                    let mut first = Some(first);
                    let start = || task.clone().run(first.take(), told.clone());
                    supervise(&supervised.task, PAUSES, told.clone(), start).await;
                });
            }
            Ok((wasm, control, functions, tell, bindings))
        };
        let (wasm, control, functions, tell, bindings) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                // The admin's address is free when this returns: another worker may be begun in the place of this one.
                background.shutdown().await;
                return Err(error);
            }
        };
        status.started.store(true, Ordering::Relaxed);
        let handle = Handle::new(bound, status, manifest, functions, loader, control.desk());
        Ok(Self { handle, bindings, tell, outboxes, background, wasm, control, _id: worker_id })
    }

    /// Looks at the worker and gives it orders, for as long as it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Drains: what is under way may end, for at most 20 s in all; what is done is committed.
    ///
    /// # Errors
    /// Something of our own broke.
    pub async fn stop(self) -> Result<(), RunError> {
        let Self { handle: _, mut bindings, tell, outboxes, mut background, wasm, control, _id } = self;
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
        // The admin's address is free when this returns.
        background.shutdown().await;
        info!("stopped");
        result
    }
}

/// What runs now under each name.
type Functions = BTreeMap<String, Arc<Current>>;
