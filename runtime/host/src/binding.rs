//! A binding's task: its consumer and its pipeline, begun together and ended together, as often as the supervisor asks.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tracing::error;

use crate::control::Shown;
use crate::function::Current;
use crate::kafka::{Health, KafkaConfig};
use crate::metrics::{BindingMetrics, RequestMetrics};
use crate::outboxes::Outboxes;
use crate::pipeline::{BindingConfig, BreakerStates, Parts, Pipeline};
use crate::source::{ROUNDS, Source, SourceConfig};

/// How long a stop waits for the consumer to leave its group.
const LEAVE: Duration = Duration::from_secs(2);

/// What a binding is begun from.
pub(crate) struct BindingTask {
    /// What it reads.
    pub(crate) source: SourceConfig,
    /// How it works.
    pub(crate) config: BindingConfig,
    /// The function that it feeds.
    pub(crate) function: Arc<Current>,
    /// Where Kafka is.
    pub(crate) kafka: KafkaConfig,
    /// Whether it answers.
    pub(crate) health: Arc<Health>,
    /// The worker's producer.
    pub(crate) outboxes: Arc<Outboxes>,
    /// Where the states of its breakers are told.
    pub(crate) breakers: BreakerStates,
    /// What it shows to operators.
    pub(crate) shown: Arc<Shown>,
    /// Metrics of the binding.
    pub(crate) metrics: Arc<BindingMetrics>,
    /// Metrics of its function's requests.
    pub(crate) request_metrics: Arc<RequestMetrics>,
    /// The runtime that guests run on.
    pub(crate) wasm: Handle,
    /// Threads of that runtime.
    pub(crate) wasm_threads: usize,
}

/// A binding that has subscribed, and whose pipeline has yet to run.
pub(crate) struct Begun {
    source: Source,
    parts: Parts,
}

impl BindingTask {
    /// Subscribes.
    ///
    /// # Errors
    /// A setting that the client refuses.
    pub(crate) fn begin(&self) -> Result<Begun, KafkaError> {
        let outbox = self.outboxes.current()?;
        let (send, inputs) = mpsc::channel(ROUNDS);
        let (source, consumer) =
            Source::start(self.source.clone(), &self.kafka, self.health.clone(), self.metrics.clone(), send)?;
        let parts = Parts {
            config: self.config.clone(),
            function: self.function.clone(),
            consumer,
            inputs,
            outbox,
            breakers: self.breakers.clone(),
            metrics: self.metrics.clone(),
            request_metrics: self.request_metrics.clone(),
            wasm: self.wasm.clone(),
            wasm_threads: self.wasm_threads,
            range: None,
            control: self.source.control.clone(),
            shown: self.shown.clone(),
            stage: None,
        };
        Ok(Begun { source, parts })
    }

    /// Runs until told to stop, or until it fails; then leaves the group.
    ///
    /// # Errors
    /// Why it can't go on.
    pub(crate) async fn run(self: Arc<Self>, begun: Option<Begun>, stop: watch::Receiver<bool>) -> Result<(), String> {
        let begun = match begun {
            Some(begun) => begun,
            // Opening a client takes a while.
            None => {
                let task = self.clone();
                let begun = tokio::task::spawn_blocking(move || task.begin()).await;
                begun.map_err(|ended| ended.to_string())?.map_err(|error| error.to_string())?
            }
        };
        let Begun { source, parts } = begun;
        // If this panics, the source goes too: it stops when it is dropped.
        let ended = Pipeline::run(parts, stop).await;
        let leave = tokio::task::spawn_blocking(move || source.stop());
        if tokio::time::timeout(LEAVE, leave).await.is_err() {
            error!(group = self.source.group, "the consumer did not leave its group in time");
        }
        ended.map_err(|error| error.to_string())
    }
}
