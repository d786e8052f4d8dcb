//! Counts of all workers that ran so far, and how far each group is with each partition.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use veltrix_host::Snapshot;

/// What became of a binding's events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BindingSummary {
    /// Its consumer group.
    pub group: String,
    /// Its function.
    pub function: String,
    /// Events acked.
    pub ack: u64,
    /// Events skipped.
    pub skip: u64,
    /// Events written to the dead-letter topic.
    pub dead_lettered: u64,
    /// Failed attempts after which an event ran again.
    pub retried: u64,
    /// Events emitted.
    pub emitted: u64,
    /// Lanes that wait, as their event can't be handled and there is no dead-letter topic.
    pub stopped: u64,
    /// Events that Kafka no longer held when their turn came.
    pub lost: u64,
    /// Dead letters by reason.
    pub reasons: BTreeMap<String, u64>,
}

impl BindingSummary {
    /// Events with a final verdict.
    pub fn handled(&self) -> u64 {
        self.ack + self.skip + self.dead_lettered
    }

    fn of(snapshot: &Snapshot) -> Self {
        Self {
            group: snapshot.group.clone(),
            function: snapshot.function.clone(),
            ack: snapshot.ack,
            skip: snapshot.skip,
            dead_lettered: snapshot.dead_lettered,
            retried: snapshot.retried,
            emitted: snapshot.emitted,
            stopped: snapshot.lanes_stopped,
            lost: snapshot.lost,
            reasons: snapshot.reasons.clone(),
        }
    }

    fn add(&mut self, more: &Self) {
        self.ack += more.ack;
        self.skip += more.skip;
        self.dead_lettered += more.dead_lettered;
        self.retried += more.retried;
        self.emitted += more.emitted;
        self.lost += more.lost;
        // A state, not a count.
        self.stopped = more.stopped;
        self.function.clone_from(&more.function);
        for (reason, count) in &more.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

/// Sums over all workers.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    ended: Vec<BindingSummary>,
    /// By group, topic and partition.
    done: HashMap<(String, String, i32), i64>,
}

impl Totals {
    /// A worker has ended; these are its last snapshots.
    pub(crate) fn retire(&mut self, snapshots: &[Snapshot]) {
        self.ended = self.with(snapshots);
    }

    /// All so far, with a worker that still runs.
    pub(crate) fn with(&self, snapshots: &[Snapshot]) -> Vec<BindingSummary> {
        let mut all = self.ended.clone();
        for new in snapshots.iter().map(BindingSummary::of) {
            match all.iter_mut().find(|known| known.group == new.group) {
                Some(known) => known.add(&new),
                None => all.push(new),
            }
        }
        all
    }

    /// Takes note of how far each group is. A partition that is nobody's for a while stays where it was.
    pub(crate) fn note(&mut self, snapshots: &[Snapshot]) {
        for snapshot in snapshots {
            for partition in &snapshot.partitions {
                if let Some(done) = partition.done {
                    let key = (snapshot.group.clone(), partition.topic.clone(), partition.number);
                    self.done.insert(key, done);
                }
            }
        }
    }

    /// Below it a group has done everything; none while nothing is known.
    pub(crate) fn done(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.done.get(&(group.to_owned(), topic.to_owned(), partition)).copied()
    }
}
