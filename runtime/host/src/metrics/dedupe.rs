//! Metrics of bindings with dedupe; others have none of them.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{Binding, Seconds, buckets};

#[derive(Debug, Clone)]
pub(super) struct Families {
    copies: Family<Binding, Counter>,
    without: Family<Binding, Counter>,
    cut: Family<Binding, Counter>,
    remembered: Family<Binding, Gauge>,
    bytes: Family<Binding, Gauge>,
    recalling: Family<Binding, Gauge>,
    recalled: Family<Binding, Counter>,
    recall_seconds: Seconds<Binding>,
}

impl Families {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let new = Self {
            copies: Family::default(),
            without: Family::default(),
            cut: Family::default(),
            remembered: Family::default(),
            bytes: Family::default(),
            recalling: Family::default(),
            recalled: Family::default(),
            recall_seconds: Family::new_with_constructor(buckets),
        };
        registry.register("events_copies", "Events that dedupe found to be copies: not run", new.copies.clone());
        registry.register(
            "events_without_identity",
            "Events that dedupe found no identity in: handled as unique",
            new.without.clone(),
        );
        registry.register(
            "dedupe_cut",
            "Events within the window of time that dedupe has forgotten, as its memory is bounded",
            new.cut.clone(),
        );
        registry.register("dedupe_remembered", "Events whose identity is remembered", new.remembered.clone());
        registry.register("dedupe_bytes", "Memory that those identities take", new.bytes.clone());
        registry.register(
            "dedupe_recalling",
            "Partitions whose events wait while the window before them is read",
            new.recalling.clone(),
        );
        registry.register("dedupe_recalled", "Events of the past read for dedupe", new.recalled.clone());
        registry.register_with_unit(
            "dedupe_recall",
            "Time that reading the past of a partition took",
            Unit::Seconds,
            new.recall_seconds.clone(),
        );
        new
    }

    pub(super) fn binding(&self, labels: &Binding) -> DedupeMetrics {
        DedupeMetrics {
            copies: self.copies.get_or_create_owned(labels),
            without: self.without.get_or_create_owned(labels),
            cut: self.cut.get_or_create_owned(labels),
            remembered: self.remembered.get_or_create_owned(labels),
            bytes: self.bytes.get_or_create_owned(labels),
            recalling: self.recalling.get_or_create_owned(labels),
            recalled: self.recalled.get_or_create_owned(labels),
            recall_seconds: self.recall_seconds.get_or_create_owned(labels),
        }
    }
}

/// Metrics of one binding's dedupe.
#[derive(Debug)]
pub struct DedupeMetrics {
    pub(crate) copies: Counter,
    pub(crate) without: Counter,
    pub(crate) cut: Counter,
    pub(crate) remembered: Gauge,
    pub(crate) bytes: Gauge,
    pub(crate) recalling: Gauge,
    pub(crate) recalled: Counter,
    pub(crate) recall_seconds: Histogram,
}
