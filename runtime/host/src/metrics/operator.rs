//! Metrics of what operators have paused, and of what waits for them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Binding, PartitionLabels};

/// The families.
#[derive(Debug, Clone, Default)]
pub(super) struct OperatorFamilies {
    paused: Family<Binding, Gauge>,
    passed_over: Family<Binding, Counter>,
    stopped_at: Family<PartitionLabels, Gauge>,
}

/// Those of one binding.
#[derive(Debug, Clone)]
pub(crate) struct OperatorMetrics {
    pub(crate) paused: Gauge,
    pub(crate) passed_over: Counter,
    families: OperatorFamilies,
    group: String,
}

impl OperatorFamilies {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("binding_paused", "1 while an operator has paused the binding", self.paused.clone());
        registry.register(
            "events_passed_over",
            "Events that are never handled, as an operator asked",
            self.passed_over.clone(),
        );
        registry.register(
            "lane_stopped_offset",
            "Offset of the first event that has stopped its lane; absent where none has",
            self.stopped_at.clone(),
        );
    }

    pub(super) fn binding(&self, binding: &Binding) -> OperatorMetrics {
        let paused = self.paused.get_or_create_owned(binding);
        let passed_over = self.passed_over.get_or_create_owned(binding);
        OperatorMetrics { paused, passed_over, families: self.clone(), group: binding.group.clone() }
    }
}

impl OperatorMetrics {
    /// The first stopped lane of a partition, if there is one.
    pub(crate) fn stopped_at(&self, topic: &str, partition: i32, offset: Option<i64>) {
        let labels = PartitionLabels { group: self.group.clone(), topic: topic.to_owned(), partition };
        match offset {
            Some(offset) => {
                self.families.stopped_at.get_or_create(&labels).set(offset);
            }
            None => {
                self.families.stopped_at.remove(&labels);
            }
        }
    }
}
