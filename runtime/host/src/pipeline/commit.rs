//! Commits: periodically what is done, without waiting for the answer.

use rdkafka::TopicPartitionList;
use tracing::warn;

use super::{COMMIT_EVERY, COMMIT_SOON, Pipeline};
use crate::flow::Millis;
use crate::kafka::offsets;
use crate::source::TopicPartition;

impl Pipeline {
    /// Commits what has become committable, once a second, and soon after an attempt was charged.
    pub(super) fn commit_if_due(&mut self, now: Millis) {
        let pause = if self.commit_soon { COMMIT_SOON } else { COMMIT_EVERY };
        let lease = self.lease_is_due(now);
        if now < self.last_commit + pause && !lease {
            return;
        }
        self.last_commit = now;
        self.commit_soon = false;
        self.measure();
        self.function.trim(false);
        let all = std::mem::take(&mut self.asked.again) || lease;
        let offsets = self.committable(all);
        if offsets.count() > 0 {
            self.send_commit(&offsets, now);
        }
    }

    /// Offsets that may be committed, with their notes; without `all`, those that differ from the last commit.
    pub(super) fn committable(&mut self, all: bool) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (name, assigned) in &mut self.partitions {
            let Some(commit) = assigned.to_commit() else { continue };
            if all || assigned.committed.as_ref() != Some(&commit) {
                add(&mut list, name, commit.0, &commit.1);
                assigned.committed = Some(commit);
            }
        }
        list
    }

    pub(super) fn measure(&self) {
        let (mut window, mut bytes, mut stopped, mut paused) = (0, 0, 0, 0);
        for ((topic, partition), assigned) in &self.partitions {
            window += assigned.flow.window();
            bytes += assigned.flow.memory();
            stopped += assigned.flow.stopped();
            paused += usize::from(assigned.is_paused());
            if let Some(offset) = assigned.flow.committable() {
                self.metrics.committable(topic, *partition, offset);
            }
        }
        self.metrics.window.set(window as i64);
        self.metrics.window_bytes.set(bytes as i64);
        self.metrics.stopped.set(stopped as i64);
        self.metrics.paused.set(paused as i64);
        self.metrics.in_flight.set(self.calls.values().map(|call| call.events as i64).sum());
    }
}

/// Adds an offset to commit, with its note.
pub(super) fn add(list: &mut TopicPartitionList, name: &TopicPartition, offset: i64, note: &str) {
    if let Err(error) = offsets::add(list, &name.0, name.1, offset, note) {
        warn!(%error, topic = %name.0, partition = name.1, offset, "offset can't be committed");
    }
}
