//! How a binding is at a moment, for who shows or judges it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::status::BindingState;
use crate::control::Lane;
use crate::metrics::Latency;

/// A binding at a moment. Counts are since the worker's start.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its consumer group.
    pub group: String,
    /// Its function.
    pub function: String,
    /// Its topics and patterns, as in the manifest.
    pub topics: Vec<String>,
    /// SHA-256 of the module that calls begin with; none before the binding has begun.
    pub revision: Option<Arc<str>>,
    /// `starting`, `running` or `restarting`.
    pub state: &'static str,
    /// Why it failed last; absent once it has run well for some time.
    pub error: Option<String>,
    /// `closed`, `half-open` or `open`, by what it needs: `cassandra`, `kafka`, `dead-letters`.
    pub breakers: BTreeMap<&'static str, &'static str>,
    /// An operator, or this process, has paused it.
    pub paused: bool,
    /// Lanes that wait for somebody to resume the binding, the first hundred.
    pub stopped: Vec<Lane>,
    /// How many there are.
    pub lanes_stopped: u64,
    /// Events received; one that comes again counts again.
    pub consumed: u64,
    /// Verdicts.
    pub ack: u64,
    /// Verdicts.
    pub skip: u64,
    /// Verdicts that asked for a retry; a trap gives none.
    pub retry: u64,
    /// Verdicts that asked for the dead-letter topic; spent attempts are not among them.
    pub dead_letter: u64,
    /// Verdicts.
    pub deferred: u64,
    /// Failed attempts after which the event runs again, for whatever reason.
    pub retried: u64,
    /// Events handed to the outbox.
    pub emitted: u64,
    /// Events written to the dead-letter topic.
    pub dead_lettered: u64,
    /// The same by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Events that retention deleted before they were handled.
    pub lost: u64,
    /// How often its function was replaced.
    pub swaps: u64,
    /// Events in open calls.
    pub in_flight: u64,
    /// How often in a row the function could not be started.
    pub failed_starts: u32,
    /// No call is open, no retry is due, and no event is ready that may begin.
    pub idle: bool,
    /// How long calls took.
    pub latency: Latency,
    /// Partitions that are ours, by topic and number.
    pub partitions: Vec<Partition>,
}

/// A partition of a binding at a moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub number: i32,
    /// Everything below is done; none while nothing is known of it.
    pub done: Option<i64>,
    /// Events that are not done; none while that is not known.
    pub lag: Option<i64>,
}

impl Snapshot {
    /// Events that are not done, of all partitions; none while it is not known of one, or there is none.
    pub fn lag(&self) -> Option<i64> {
        if self.partitions.is_empty() {
            return None;
        }
        self.partitions.iter().map(|partition| partition.lag).sum()
    }
}

impl BindingState {
    pub(super) fn snapshot(&self) -> Snapshot {
        let status = self.status();
        let metrics = &self.metrics;
        let mut partitions: Vec<Partition> = metrics
            .partitions()
            .into_iter()
            .map(|(topic, number, done, lag)| Partition { topic, number, done, lag })
            .collect();
        partitions.sort();
        let gauge = |value: i64| u64::try_from(value).unwrap_or_default();
        Snapshot {
            group: status.group,
            function: status.function,
            topics: self.topics.clone(),
            revision: self.shown.revision(),
            state: status.state,
            error: status.error,
            breakers: status.breakers,
            paused: status.paused,
            stopped: status.stopped,
            lanes_stopped: gauge(metrics.stopped.get()),
            consumed: metrics.consumed.get(),
            ack: metrics.ack.get(),
            skip: metrics.skip.get(),
            retry: metrics.retry.get(),
            dead_letter: metrics.dead_letter.get(),
            deferred: metrics.deferred.get(),
            retried: metrics.retries.get(),
            emitted: metrics.emitted.get(),
            dead_lettered: metrics.dead_letters(),
            reasons: metrics.reasons(),
            lost: metrics.lost(),
            swaps: metrics.swaps.get(),
            in_flight: gauge(metrics.in_flight.get()),
            failed_starts: self.shown.failed_starts(),
            idle: self.shown.is_idle(),
            latency: metrics.latency(),
            partitions,
        }
    }
}
