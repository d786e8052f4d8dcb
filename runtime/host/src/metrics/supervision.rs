//! Metrics of what keeps bindings going: restarts, stuck partitions, breakers, the lease.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Binding;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BreakerLabels {
    group: String,
    function: String,
    dependency: &'static str,
}

/// The families.
#[derive(Debug, Clone, Default)]
pub(super) struct SupervisionFamilies {
    up: Family<Binding, Gauge>,
    restarts: Family<Binding, Counter>,
    stuck: Family<Binding, Counter>,
    recreated: Family<Binding, Counter>,
    lease: Family<Binding, Gauge>,
    breakers: Family<BreakerLabels, Gauge>,
}

/// Those of one binding.
#[derive(Debug, Clone)]
pub(crate) struct SupervisionMetrics {
    pub(crate) up: Gauge,
    pub(crate) restarts: Counter,
    pub(crate) stuck: Counter,
    pub(crate) recreated: Counter,
    pub(crate) lease: Gauge,
    families: SupervisionFamilies,
    binding: Binding,
}

impl SupervisionFamilies {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "binding_up",
            "1 while the binding runs, 0 while it waits to be started anew",
            self.up.clone(),
        );
        registry.register(
            "binding_restarts",
            "Failures and panics after which a binding was started anew",
            self.restarts.clone(),
        );
        registry.register(
            "partitions_stuck",
            "Partitions that made no progress without a reason, so that their binding was started anew",
            self.stuck.clone(),
        );
        registry.register(
            "partitions_recreated",
            "Partitions begun anew, as their topic was deleted and made again",
            self.recreated.clone(),
        );
        registry.register(
            "lease_held",
            "1 while the group has lately taken a commit, so that calls may begin",
            self.lease.clone(),
        );
        registry.register("breaker_state", "0 closed, 1 half-open, 2 open", self.breakers.clone());
    }

    pub(super) fn of(&self, binding: Binding) -> SupervisionMetrics {
        SupervisionMetrics {
            up: self.up.get_or_create_owned(&binding),
            restarts: self.restarts.get_or_create_owned(&binding),
            recreated: self.recreated.get_or_create_owned(&binding),
            stuck: self.stuck.get_or_create_owned(&binding),
            lease: self.lease.get_or_create_owned(&binding),
            families: self.clone(),
            binding,
        }
    }
}

impl SupervisionMetrics {
    /// State of a breaker: 0 closed, 1 half-open, 2 open.
    pub(crate) fn breaker(&self, dependency: &'static str, state: i64) {
        let Binding { group, function } = self.binding.clone();
        self.families.breakers.get_or_create(&BreakerLabels { group, function, dependency }).set(state);
    }
}
