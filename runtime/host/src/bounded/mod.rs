//! One binding over a part of a topic, from what its group has done up to given ends; then a summary.
//!
//! The path of an event is the worker's own: this joins another source to the same pipeline.

mod left;
mod offsets;
mod plan;
mod range;
mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{error, info};
use veltrix_manifest::{Binding, Delivery, Manifest, Start};

use crate::cassandra::Cassandra;
use crate::function::{Current, Function};
use crate::kafka::{Health, KafkaConfig, topics};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::pipeline::{BreakerStates, ExactlyOnce, Parts, Pipeline};
use crate::source::{ROUNDS, SourceConfig};
use crate::stage::Stage;
use crate::worker::{self, Loader, RunError};
use crate::worker_id::WorkerId;

pub(crate) use left::Left;
pub use offsets::Offsets;
pub use plan::{Counts, MOST_NOTES, Planner, Sort};
pub use range::{Only, Part, Range};

use source::{RangeConfig, RangeSource};

/// How long the end waits for the consumer to leave its group.
const LEAVE: Duration = Duration::from_millis(2_500);

/// What to run.
#[derive(Debug)]
pub struct Bounded {
    /// The application; of its bindings only `binding` runs.
    pub manifest: Manifest,
    /// Which one.
    pub binding: Binding,
    /// The consumer group whose position and notes say what is done. It goes on where it was.
    pub group: String,
    /// What is handled.
    pub range: Range,
    /// The topic holds dead letters: each is handled as the event that it was.
    pub letters: bool,
    /// Where compiled modules are kept; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// The binding is tried out: its function on a stage, and its topics there already. `None`: it is at work.
    pub staged: Option<Staged>,
}

/// A function on a stage.
#[derive(Debug)]
pub struct Staged {
    /// The stage.
    pub stage: Arc<Stage>,
    /// The function, made there.
    pub function: Arc<Function>,
}

/// What came of a bounded run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Acked or skipped.
    pub handled: u64,
    /// Written to the dead-letter topic.
    pub dead_lettered: u64,
    /// Lanes stopped, as there is no dead-letter topic.
    pub stopped: u64,
    /// It was told to stop before its end.
    pub interrupted: bool,
}

/// Runs until the ends are reached and all before them is handled, or until `stop` is done. Then what is done is
/// committed; what is not runs again the next time.
///
/// # Errors
/// See [`RunError`]. Kafka or Cassandra being absent is none: it waits for them.
pub async fn run(bounded: Bounded, stop: impl Future<Output = ()>) -> Result<Summary, RunError> {
    let Bounded { manifest, binding, group, range, letters, cache, staged } = bounded;
    let manifest = Manifest { bindings: vec![binding.clone()], ..manifest };
    let metrics = Metrics::default();
    let health = Health::new();
    let mut kafka =
        KafkaConfig { brokers: manifest.kafka.brokers.clone(), properties: manifest.kafka.properties.clone() };
    // Another member of another group: the worker's name in its own is not ours.
    kafka.properties.remove("group.instance.id");
    let cassandra = manifest.cassandra.as_ref().map(|c| Cassandra::connect(&c.nodes, &c.keyspace));
    let (function, stage) = match staged {
        Some(Staged { stage, function }) => (function, Some(stage)),
        None => {
            let functions = Loader::new(cache, cassandra, &Metrics::default())?.all(&manifest).await?;
            topics::ensure(&kafka, &worker::topics_to_create(&manifest)).await;
            (functions[&binding.function].clone(), None)
        }
    };
    let outbox = Arc::new(Outbox::start(&kafka, health.clone())?);
    let wasm = worker::wasm_runtime()?;

    let mut config = worker::binding_config(&binding, &manifest);
    if letters {
        // A batch has one origin, and letters have many.
        config.batch.events = 1;
        // Who redrives sees what becomes of each, and expects that many fail again.
        config.dead_letter_limit.percent = 100;
        // One that was buried twice is not its own copy.
        config.dedupe = None;
    }
    // Not the worker's name: it runs beside this.
    let worker = WorkerId::find(None, &manifest.name, None);
    config.exactly_once = ExactlyOnce::of(&binding, &manifest, &group, (&kafka, &health), &worker);
    let binding_metrics = metrics.binding(&group, &binding.function);
    let (send, inputs) = mpsc::channel(ROUNDS);
    let source = SourceConfig {
        topics: vec![range.topic.clone()],
        group: group.clone(),
        start: Start::Earliest,
        ordering: binding.ordering,
        control: None,
        exactly_once: binding.delivery == Delivery::ExactlyOnce,
        gapless: false,
        member: None,
    };
    info!(group, function = binding.function, topic = range.topic, "bounded run");
    let range = Arc::new(range);
    let config_of_source = RangeConfig { source, range: range.clone(), letters };
    let (source, consumer) = RangeSource::start(config_of_source, &kafka, health, binding_metrics.clone(), send)?;
    let parts = Parts {
        config,
        function: Arc::new(Current::new(function)),
        consumer: consumer.clone(),
        inputs,
        outbox: outbox.clone(),
        breakers: BreakerStates::default(),
        metrics: binding_metrics.clone(),
        request_metrics: Arc::new(metrics.requests(&binding.function)),
        wasm: wasm.handle(),
        wasm_threads: wasm.threads,
        range: Some(range),
        control: None,
        shown: Arc::default(),
        stage,
    };
    let (tell, told) = watch::channel(false);
    let pipeline = Pipeline::run(parts, told);
    tokio::pin!(pipeline, stop);
    let mut interrupted = false;
    let result = tokio::select! {
        ended = &mut pipeline => ended,
        () = &mut stop => {
            interrupted = true;
            let _ = tell.send(true);
            pipeline.await
        }
    };
    drop(consumer);
    drop(wasm);
    let leave = tokio::task::spawn_blocking(move || {
        source.stop();
        outbox.flush(Duration::from_millis(500));
    });
    if tokio::time::timeout(LEAVE, leave).await.is_err() {
        error!(group, "the consumer did not leave its group in time");
    }
    result.map_err(|error| RunError::Internal(format!("group {group}: {error}")))?;
    Ok(Summary {
        handled: binding_metrics.ack.get() + binding_metrics.skip.get(),
        dead_lettered: binding_metrics.dead_letters(),
        stopped: binding_metrics.stopped.get().max(0) as u64,
        interrupted,
    })
}
