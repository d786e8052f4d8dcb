//! Commits: periodically what is done, without waiting for the answer.

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tracing::warn;

use super::{COMMIT_EVERY, Pipeline};
use crate::flow::Millis;

impl Pipeline {
    /// Commits what has become committable, at most once a second.
    pub(super) fn commit_if_due(&mut self, now: Millis) {
        if now < self.last_commit + COMMIT_EVERY {
            return;
        }
        self.last_commit = now;
        self.measure();
        self.function.trim(false);
        let all = self.consumer.context().take_recommit();
        let offsets = self.committable(all);
        if offsets.count() > 0
            && let Err(error) = self.consumer.commit(&offsets, CommitMode::Async)
        {
            warn!(%error, group = self.config.group, "commit refused; it is tried again");
            for assigned in self.partitions.values_mut() {
                assigned.committed = None;
            }
        }
    }

    /// Offsets that may be committed; without `all`, those that have moved since the last commit.
    pub(super) fn committable(&mut self, all: bool) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for ((topic, partition), assigned) in &mut self.partitions {
            let Some(offset) = assigned.flow.committable() else { continue };
            if all || assigned.committed != Some(offset) {
                assigned.committed = Some(offset);
                if let Err(error) = list.add_partition_offset(topic, *partition, Offset::Offset(offset)) {
                    warn!(%error, %topic, partition, offset, "offset can't be committed");
                }
            }
        }
        list
    }

    fn measure(&self) {
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
