//! Metrics of exactly-once.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Binding, Labelled, Seconds, buckets};

/// The families.
#[derive(Debug, Clone)]
pub(super) struct TransactionFamilies {
    ended: Family<Labelled, Counter>,
    events: Family<Binding, Gauge>,
    seconds: Seconds<Binding>,
}

/// Those of one binding.
#[derive(Debug, Clone)]
pub(crate) struct TransactionMetrics {
    pub(crate) committed: Counter,
    pub(crate) aborted: Counter,
    pub(crate) events: Gauge,
    pub(crate) seconds: Histogram,
}

impl Default for TransactionFamilies {
    fn default() -> Self {
        let seconds = Family::new_with_constructor(buckets as fn() -> Histogram);
        Self { ended: Family::default(), events: Family::default(), seconds }
    }
}

impl TransactionFamilies {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "transactions",
            "Exactly-once: transactions by how they ended: committed, aborted",
            self.ended.clone(),
        );
        registry.register(
            "transaction_events",
            "Exactly-once: events whose outcomes wait for the commit of a transaction",
            self.events.clone(),
        );
        registry.register_with_unit(
            "transaction",
            "Exactly-once: from the end of a transaction's time to its commit",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

    pub(super) fn of(&self, binding: &Binding) -> TransactionMetrics {
        let ended = |kind| {
            let Binding { group, function } = binding.clone();
            self.ended.get_or_create_owned(&Labelled { group, function, kind })
        };
        TransactionMetrics {
            committed: ended("committed"),
            aborted: ended("aborted"),
            events: self.events.get_or_create_owned(binding),
            seconds: self.seconds.get_or_create_owned(binding),
        }
    }
}
