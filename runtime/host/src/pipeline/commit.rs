//! Commits: periodically what is done, without waiting for the answer.

use rdkafka::TopicPartitionList;
use tracing::warn;

use super::{COMMIT_EVERY, COMMIT_SOON, Pipeline};
use crate::flow::{Millis, Note};
use crate::kafka::offsets;
use crate::source::TopicPartition;

impl Pipeline {
    /// When the next commit is due: within a second, or soon if something waits for its note. Then only one is under
    /// way, so that a slow broker gets no more of them than it answers.
    pub(super) fn next_commit(&self) -> Millis {
        let urgent = self.partitions.values().any(|a| a.wants_note() && !a.is_asked());
        self.last_commit + if urgent { COMMIT_SOON } else { COMMIT_EVERY }
    }

    /// Commits what has become committable.
    pub(super) fn commit_if_due(&mut self, now: Millis) {
        let lease = self.lease_is_due(now);
        if now < self.next_commit() && !lease {
            return;
        }
        self.last_commit = now;
        self.measure();
        self.measure_dedupe();
        let held_back = self.tell_held_back();
        self.metrics.held_back.set(held_back as i64);
        self.function.trim();
        if let Some(exact) = &mut self.exact {
            if self.partitions.values().any(|assigned| assigned.has_news(now)) {
                exact.note();
            }
            return;
        }
        let all = std::mem::take(&mut self.asked.again) || lease;
        let id = self.asked.next;
        let offsets = self.committable(id, now, all);
        if offsets.count() > 0 {
            self.send_commit(&offsets, now);
        }
    }

    /// Offsets that may be committed by the commit `id`, with their notes; without `all`, those that differ from the last commit.
    pub(super) fn committable(&mut self, id: u32, now: Millis, all: bool) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (name, assigned) in &mut self.partitions {
            if let Some(note) = assigned.ask(id, now, all) {
                add(&mut list, name, note);
            }
        }
        list
    }

    pub(super) fn measure(&self) {
        let (mut window, mut bytes, mut stopped, mut paused) = (0, 0, 0, 0);
        let (mut ranges, mut note) = (0, 0);
        for ((topic, partition), assigned) in &self.partitions {
            window += assigned.flow.window();
            bytes += assigned.flow.memory();
            stopped += assigned.flow.stopped();
            ranges += assigned.flow.noted_ranges();
            note = note.max(assigned.note_bytes());
            paused += usize::from(assigned.is_paused());
            if let Some(offset) = assigned.flow.committable() {
                self.metrics.committable(topic, *partition, offset);
            }
        }
        self.metrics.window.set(window as i64);
        self.metrics.window_bytes.set(bytes as i64);
        self.metrics.note_ranges.set(ranges as i64);
        self.metrics.note_bytes.set(note as i64);
        self.metrics.stopped.set(stopped as i64);
        self.metrics.paused.set(paused as i64);
        let rests = |flow: &crate::flow::Partition| flow.next_due().is_none() && flow.ready() == (0, false);
        self.shown.rest(self.calls.is_empty() && self.partitions.values().all(|assigned| rests(&assigned.flow)));
        self.show_stopped(self.now());
        if let Some(exact) = &self.exact {
            self.metrics.transactions.events.set(exact.events() as i64);
        }
        self.metrics.in_flight.set(self.calls.values().map(|call| call.events as i64).sum());
    }
}

/// Adds an offset to commit, with its note.
pub(super) fn add(list: &mut TopicPartitionList, name: &TopicPartition, note: &Note) {
    if let Err(error) = offsets::add(list, &name.0, name.1, note.offset, &note.text) {
        warn!(%error, topic = %name.0, partition = name.1, note.offset, "offset can't be committed");
    }
}
