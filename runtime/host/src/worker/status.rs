//! What a worker says of itself: readiness, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use veltrix_manifest::Binding;

use crate::admin::{BindingStatus, Readiness, Status};
use crate::cassandra::Cassandra;
use crate::control::Shown;
use crate::kafka::Health;
use crate::metrics::{BindingMetrics, Metrics};
use crate::outboxes::Outboxes;
use crate::pipeline::BreakerStates;
use crate::supervise::{Phase, Supervised};

/// Everything that is told of a running worker.
pub(super) struct WorkerStatus {
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    /// Where a function needs it.
    pub(super) cassandra: Option<Arc<Cassandra>>,
    pub(super) outboxes: Arc<Outboxes>,
    pub(super) bindings: Vec<Arc<BindingState>>,
    /// The schema is applied, where asked for, and every binding is running.
    pub(super) started: AtomicBool,
}

/// What a binding is called, and what it is doing.
pub(super) struct BindingState {
    pub(super) group: String,
    pub(super) function: String,
    pub(super) topics: Vec<String>,
    pub(super) task: Supervised,
    pub(super) breakers: BreakerStates,
    pub(super) shown: Arc<Shown>,
    pub(super) metrics: Arc<BindingMetrics>,
}

impl BindingState {
    pub(super) fn of(binding: &Binding, metrics: &Metrics) -> Self {
        let (group, function) = (binding.group.clone(), binding.function.clone());
        Self {
            task: Supervised::new(&group, metrics.supervision(&group, &function)),
            metrics: metrics.binding(&group, &function),
            topics: binding.topics.clone(),
            breakers: BreakerStates::default(),
            shown: Arc::default(),
            group,
            function,
        }
    }

    pub(super) fn status(&self) -> BindingStatus {
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
