//! All metrics, by name. Hot paths hold their counters; nothing is looked up per event.

mod dedupe;
mod latency;
mod marks;
mod operator;
mod supervision;
mod transactions;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

pub use dedupe::DedupeMetrics;
use latency::Latencies;
pub use latency::Latency;
pub use marks::Fetch;
use marks::Marks;
use operator::OperatorFamilies;
pub(crate) use operator::OperatorMetrics;
use supervision::SupervisionFamilies;
pub(crate) use supervision::SupervisionMetrics;
use transactions::{TransactionFamilies, TransactionMetrics};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Binding {
    group: String,
    function: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labelled {
    group: String,
    function: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    group: String,
    topic: String,
    partition: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CqlLabels {
    function: String,
    result: &'static str,
}

/// Reasons of dead letters that are told apart.
const MOST_REASONS: usize = 64;

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// The registry of a worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    families: Families,
}

#[derive(Debug, Clone)]
struct Families {
    consumed: Family<Binding, Counter>,
    handled: Family<Labelled, Counter>,
    calls: Family<Labelled, Counter>,
    emitted: Family<Binding, Counter>,
    dead_lettered: Family<Binding, Counter>,
    retries: Family<Binding, Counter>,
    lost: Family<Binding, Counter>,
    swaps: Family<Binding, Counter>,
    in_flight: Family<Binding, Gauge>,
    window: Family<Binding, Gauge>,
    window_bytes: Family<Binding, Gauge>,
    note_ranges: Family<Binding, Gauge>,
    note_bytes: Family<Binding, Gauge>,
    held_back: Family<Binding, Gauge>,
    stopped: Family<Binding, Gauge>,
    paused: Family<Binding, Gauge>,
    unacknowledged: Gauge,
    call_seconds: Seconds<Binding>,
    cql_seconds: Seconds<CqlLabels>,
    lag: Family<PartitionLabels, Gauge>,
    committable: Family<PartitionLabels, Gauge>,
    evicted: Counter,
    kafka_up: Gauge,
    cassandra_up: Gauge,
    supervision: SupervisionFamilies,
    operator: OperatorFamilies,
    dedupe: dedupe::Families,
    transactions: TransactionFamilies,
}

/// 50 µs to 26 s.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 20))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("veltrix");
        let families = Families {
            dedupe: dedupe::Families::new(&mut registry),
            consumed: Family::default(),
            handled: Family::default(),
            calls: Family::default(),
            emitted: Family::default(),
            dead_lettered: Family::default(),
            retries: Family::default(),
            lost: Family::default(),
            swaps: Family::default(),
            in_flight: Family::default(),
            window: Family::default(),
            window_bytes: Family::default(),
            note_ranges: Family::default(),
            note_bytes: Family::default(),
            held_back: Family::default(),
            stopped: Family::default(),
            paused: Family::default(),
            unacknowledged: Gauge::default(),
            call_seconds: Family::new_with_constructor(buckets),
            cql_seconds: Family::new_with_constructor(buckets),
            lag: Family::default(),
            committable: Family::default(),
            evicted: Counter::default(),
            kafka_up: Gauge::default(),
            cassandra_up: Gauge::default(),
            supervision: SupervisionFamilies::default(),
            operator: OperatorFamilies::default(),
            transactions: TransactionFamilies::default(),
        };
        let f = &families;
        registry.register("events_consumed", "Events received from Kafka", f.consumed.clone());
        registry.register(
            "events_handled",
            "Verdicts by kind: ack, skip, retry, dead_letter, deferred",
            f.handled.clone(),
        );
        registry.register("calls", "Calls of functions by how they ended: ok, or the kind of failure", f.calls.clone());
        registry.register("events_emitted", "Events handed to the outbox", f.emitted.clone());
        registry.register("events_dead_lettered", "Events written to the dead-letter topic", f.dead_lettered.clone());
        registry.register("events_retried", "Charged attempts that led to another", f.retries.clone());
        registry.register(
            "events_lost_to_retention",
            "Events that retention deleted before they were handled",
            f.lost.clone(),
        );
        registry.register(
            "function_swaps",
            "Functions replaced by another revision while their binding ran",
            f.swaps.clone(),
        );
        registry.register("events_in_flight", "Events in open calls", f.in_flight.clone());
        registry.register(
            "window_events",
            "Events between the committable offset and the newest received",
            f.window.clone(),
        );
        registry.register("window_bytes", "Memory that those events keep", f.window_bytes.clone());
        registry.register(
            "note_ranges",
            "Runs of done events that are noted beside committed offsets",
            f.note_ranges.clone(),
        );
        registry.register("note_bytes", "Characters of the longest such note; Kafka takes 4,095", f.note_bytes.clone());
        registry.register(
            "partitions_held_back",
            "Partitions that take no new events, as the note beside their offset has no room",
            f.held_back.clone(),
        );
        registry.register(
            "lanes_stopped",
            "Lanes that wait for somebody, as their event can't be handled and there is no dead-letter topic",
            f.stopped.clone(),
        );
        registry.register("partitions_paused", "Partitions not fetched from, as a bound is reached", f.paused.clone());
        registry.register(
            "emits_unacknowledged",
            "Emitted events that the broker has not acknowledged",
            f.unacknowledged.clone(),
        );
        registry.register_with_unit("call", "Time of a call of a function", Unit::Seconds, f.call_seconds.clone());
        registry.register_with_unit(
            "cassandra_request",
            "Time of a Cassandra request by result",
            Unit::Seconds,
            f.cql_seconds.clone(),
        );
        registry.register("lag", "Events between the committable offset (or the log start, if later) and the end of the partition; absent while unknown", f.lag.clone());
        registry.register("committable_offset", "Offset below which all events are done", f.committable.clone());
        registry.register("instances_evicted", "Idle instances that made room for others'", f.evicted.clone());
        registry.register("kafka_up", "1 while Kafka answers", f.kafka_up.clone());
        registry.register("cassandra_up", "1 while Cassandra answers; absent or 0 otherwise", f.cassandra_up.clone());
        f.supervision.register(&mut registry);
        f.operator.register(&mut registry);
        f.transactions.register(&mut registry);
        Self { registry, families }
    }
}

impl Metrics {
    /// The metrics of a binding.
    pub fn binding(&self, group: &str, function: &str) -> Arc<BindingMetrics> {
        let labels = Binding { group: group.into(), function: function.into() };
        let f = &self.families;
        let kind = |family: &Family<Labelled, Counter>, kind| {
            family.get_or_create_owned(&Labelled { group: group.into(), function: function.into(), kind })
        };
        Arc::new(BindingMetrics {
            consumed: f.consumed.get_or_create_owned(&labels),
            ack: kind(&f.handled, "ack"),
            skip: kind(&f.handled, "skip"),
            retry: kind(&f.handled, "retry"),
            dead_letter: kind(&f.handled, "dead_letter"),
            deferred: kind(&f.handled, "deferred"),
            emitted: f.emitted.get_or_create_owned(&labels),
            dead_lettered: f.dead_lettered.get_or_create_owned(&labels),
            retries: f.retries.get_or_create_owned(&labels),
            in_flight: f.in_flight.get_or_create_owned(&labels),
            window: f.window.get_or_create_owned(&labels),
            window_bytes: f.window_bytes.get_or_create_owned(&labels),
            note_ranges: f.note_ranges.get_or_create_owned(&labels),
            note_bytes: f.note_bytes.get_or_create_owned(&labels),
            held_back: f.held_back.get_or_create_owned(&labels),
            stopped: f.stopped.get_or_create_owned(&labels),
            paused: f.paused.get_or_create_owned(&labels),
            call_seconds: f.call_seconds.get_or_create_owned(&labels),
            lost: f.lost.get_or_create_owned(&labels),
            swaps: f.swaps.get_or_create_owned(&labels),
            latency: Latencies::default(),
            reasons: Mutex::default(),
            supervision: self.supervision(group, function),
            operator: f.operator.binding(&labels),
            transactions: f.transactions.of(&labels),
            group: group.into(),
            function: function.into(),
            marks: Mutex::default(),
            families: self.families.clone(),
        })
    }

    /// What is told of a binding's supervision.
    pub(crate) fn supervision(&self, group: &str, function: &str) -> SupervisionMetrics {
        self.families.supervision.of(Binding { group: group.into(), function: function.into() })
    }

    /// Counts idle instances that make room for others'.
    pub(crate) fn evicted(&self) -> Counter {
        self.families.evicted.clone()
    }

    /// Observer of a function's Cassandra requests.
    pub fn requests(&self, function: &str) -> RequestMetrics {
        let seconds = self.families.cql_seconds.clone();
        let ok = seconds.get_or_create_owned(&CqlLabels { function: function.into(), result: "ok" });
        RequestMetrics { function: function.into(), ok, seconds }
    }

    /// States that are read when asked for.
    pub fn states(&self, kafka_up: bool, cassandra_up: Option<bool>, unacknowledged: usize) {
        self.families.kafka_up.set(kafka_up.into());
        self.families.cassandra_up.set(cassandra_up.unwrap_or(false).into());
        self.families.unacknowledged.set(unacknowledged as i64);
    }

    /// In OpenMetrics' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}

/// Metrics of a function's Cassandra requests.
#[derive(Debug)]
pub struct RequestMetrics {
    function: String,
    /// At hand, as nearly all are.
    ok: Histogram,
    seconds: Seconds<CqlLabels>,
}

impl RequestMetrics {
    /// A request took so long; `Err` has the name of its error's kind.
    pub fn observe(&self, result: Result<(), &'static str>, took: Duration) {
        match result {
            Ok(()) => self.ok.observe(took.as_secs_f64()),
            Err(result) => {
                let labels = CqlLabels { function: self.function.clone(), result };
                self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
            }
        }
    }
}

/// Metrics of one binding.
#[derive(Debug)]
pub struct BindingMetrics {
    pub(crate) consumed: Counter,
    pub(crate) ack: Counter,
    pub(crate) skip: Counter,
    pub(crate) retry: Counter,
    pub(crate) dead_letter: Counter,
    pub(crate) deferred: Counter,
    pub(crate) emitted: Counter,
    dead_lettered: Counter,
    reasons: Mutex<BTreeMap<String, u64>>,
    pub(crate) swaps: Counter,
    latency: Latencies,
    pub(crate) retries: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) window: Gauge,
    pub(crate) window_bytes: Gauge,
    pub(crate) note_ranges: Gauge,
    pub(crate) note_bytes: Gauge,
    pub(crate) held_back: Gauge,
    pub(crate) stopped: Gauge,
    pub(crate) paused: Gauge,
    call_seconds: Histogram,
    pub(crate) supervision: SupervisionMetrics,
    pub(crate) operator: OperatorMetrics,
    pub(crate) transactions: TransactionMetrics,
    lost: Counter,
    group: String,
    function: String,
    marks: Mutex<HashMap<(String, i32), Marks>>,
    families: Families,
}

impl BindingMetrics {
    /// A call ended that way: `ok`, or the kind of failure.
    pub fn call_ended(&self, kind: &'static str) {
        let labels = Labelled { group: self.group.clone(), function: self.function.clone(), kind };
        self.families.calls.get_or_create(&labels).inc();
    }

    /// A call took so long, the wait for its instance left out.
    pub(crate) fn call_took(&self, took: Duration) {
        self.call_seconds.observe(took.as_secs_f64());
        self.latency.observe(took);
    }

    /// How long calls have taken so far.
    pub fn latency(&self) -> Latency {
        self.latency.so_far()
    }

    /// An event went to the dead-letter topic.
    pub(crate) fn dead_lettered(&self, reason: &str) {
        self.dead_lettered.inc();
        let mut reasons = self.reasons.lock().expect("no panic while held");
        // A function's reasons are its own words: there may be as many as events.
        let known = reasons.len() < MOST_REASONS || reasons.contains_key(reason);
        *reasons.entry(if known { reason } else { "other" }.to_owned()).or_default() += 1;
    }

    /// Dead letters by reason, the first so many reasons; the rest is `other`.
    pub fn reasons(&self) -> BTreeMap<String, u64> {
        self.reasons.lock().expect("no panic while held").clone()
    }

    /// Events that went to the dead-letter topic.
    pub fn dead_letters(&self) -> u64 {
        self.dead_lettered.get()
    }

    /// Events that retention deleted before they were handled.
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// Partitions that are ours: topic, number, the offset below which all is done, and the lag; unknown is not zero.
    pub fn partitions(&self) -> Vec<(String, i32, Option<i64>, Option<i64>)> {
        let marks = self.marks.lock().expect("no panic while held");
        marks.iter().map(|((topic, number), marks)| (topic.clone(), *number, marks.done(), marks.lag())).collect()
    }

    /// Those of its dedupe.
    pub fn dedupe(&self) -> DedupeMetrics {
        let labels = Binding { group: self.group.clone(), function: self.function.clone() };
        self.families.dedupe.binding(&labels)
    }

    /// A partition of a topic that was deleted and made again.
    pub(crate) fn recreated(&self) {
        self.supervision.recreated.inc();
    }

    /// Events that retention deleted.
    pub fn lost_to_retention(&self, events: u64) {
        self.lost.inc_by(events);
    }

    /// What the client knows of a partition.
    pub fn fetched(&self, topic: &str, partition: i32, fetch: Fetch) {
        self.update(topic, partition, false, |marks| marks.fetch = fetch);
    }

    /// Whether the client has room and Kafka has events for it, as far as is known.
    pub(crate) fn is_unfetched(&self, topic: &str, partition: i32) -> bool {
        let marks = self.marks.lock().expect("no panic while held");
        let Some(Fetch { stable, high, next, queued, .. }) = marks.get(&(topic.to_owned(), partition)).map(|m| m.fetch)
        else {
            return false;
        };
        !queued && matches!((stable.or(high), next), (Some(end), Some(next)) if next < end)
    }

    /// The offset that may be committed.
    pub fn committable(&self, topic: &str, partition: i32, offset: i64) {
        let labels = self.partition(topic, partition);
        self.families.committable.get_or_create(&labels).set(offset);
        self.update(topic, partition, true, |marks| marks.committable = Some(offset));
    }

    /// The partition is not ours any more.
    pub fn unassigned(&self, topic: &str, partition: i32) {
        self.marks.lock().expect("no panic while held").remove(&(topic.to_owned(), partition));
        let labels = self.partition(topic, partition);
        self.families.lag.remove(&labels);
        self.families.committable.remove(&labels);
    }

    fn update(&self, topic: &str, partition: i32, insert: bool, change: impl FnOnce(&mut Marks)) {
        let mut marks = self.marks.lock().expect("no panic while held");
        let key = (topic.to_owned(), partition);
        // Statistics may still speak of a partition that has gone.
        if !insert && !marks.contains_key(&key) {
            return;
        }
        let marks = marks.entry(key).or_default();
        change(marks);
        let labels = self.partition(topic, partition);
        match marks.lag() {
            Some(lag) => {
                self.families.lag.get_or_create(&labels).set(lag);
            }
            None => {
                self.families.lag.remove(&labels);
            }
        }
    }

    fn partition(&self, topic: &str, partition: i32) -> PartitionLabels {
        PartitionLabels { group: self.group.clone(), topic: topic.into(), partition }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_lag_is_absent_and_lag_is_clamped_to_the_log_start() {
        let metrics = Metrics::default();
        let binding = metrics.binding("g", "f");
        let known = |low, high| Fetch { low: Some(low), high: Some(high), ..Fetch::default() };
        binding.committable("t", 0, 10);
        assert!(!metrics.text().contains("veltrix_lag{"));
        binding.fetched("t", 0, known(40, 100));
        assert!(metrics.text().contains("veltrix_lag{group=\"g\",topic=\"t\",partition=\"0\"} 60"));
        binding.fetched("t", 0, Fetch::default());
        assert!(!metrics.text().contains("veltrix_lag{"));
    }
}
