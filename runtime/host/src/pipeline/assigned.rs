//! An assigned partition: its flow, and whether it is being fetched from.

use std::collections::VecDeque;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use tracing::{debug, warn};

use super::careful::Alone;
use super::recall::Wait;
use super::stuck::Watch;
use crate::bounded::Left;
use crate::flow::{Millis, Note, Partition};
use crate::source::{SharedConsumer, TopicPartition};

/// Commits under way that are remembered: the answers to older ones are of no use any more.
const MOST_ASKED: usize = 16;

/// Where a partition is on its way from its assignment to its next owner. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Events come, and calls begin.
    Assigned,
    /// On its way out: what runs may end, nothing begins, what still comes is let go of.
    Draining,
    /// It has ended well: its last note says so, and only its commit is waited for.
    Revoked,
}

/// State of one partition of the binding.
pub(super) struct Assigned {
    pub(super) flow: Partition,
    /// Tells this assignment from earlier ones of the same partition.
    pub(super) epoch: u64,
    stage: Stage,
    /// Events have been ready since then.
    pub(super) ready_since: Option<Millis>,
    /// Commits that were asked for and not answered, in order.
    asked: VecDeque<(u32, Note)>,
    /// What was asked for last, and the flow's changes by then.
    last: Option<(Note, u64)>,
    /// Where the group was when it came.
    began: Option<i64>,
    pub(super) watch: Watch,
    /// A part of the past is being read.
    pub(super) recall: Option<Wait>,
    /// Events forgotten within the window that were counted.
    pub(super) cut: u64,
    /// While an event of it runs by itself.
    pub(super) alone: Option<Alone>,
    /// Whether it was said that the note holds new events back.
    pub(super) said_full: bool,
    paused: bool,
    left: Left,
}

impl Assigned {
    pub(super) fn new(flow: Partition, epoch: u64, began: Option<i64>, left: Left) -> Self {
        Self {
            flow,
            epoch,
            stage: Stage::Assigned,
            ready_since: None,
            asked: VecDeque::new(),
            last: None,
            began,
            watch: Watch::default(),
            recall: None,
            cut: 0,
            alone: None,
            said_full: false,
            paused: false,
            left,
        }
    }

    /// Whether events come and calls begin.
    pub(super) fn is_assigned(&self) -> bool {
        self.stage == Stage::Assigned
    }

    /// From now on nothing begins.
    pub(super) fn drain(&mut self) {
        if self.stage == Stage::Assigned {
            self.stage = Stage::Draining;
            self.let_others_begin();
        }
    }

    /// It ends well, which is noted with whatever else its next owner should know. False if it had before.
    pub(super) fn revoke(&mut self) -> bool {
        let first = self.stage != Stage::Revoked;
        if first {
            self.stage = Stage::Revoked;
            self.flow.end_well();
        }
        first
    }

    /// The commit `id` to ask for now, `None` before anything was received where the group had no offset or, without
    /// `all`, if it would be the last one once more. Whoever asks reports the answer by [`answered`](Self::answered).
    pub(super) fn ask(&mut self, id: u32, now: Millis, all: bool) -> Option<&Note> {
        let note = self.note(now)?;
        if !all && self.last.as_ref().is_some_and(|(last, _)| *last == note) {
            return None;
        }
        if self.asked.len() == MOST_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back((id, note.clone()));
        let (note, _) = self.last.insert((note, self.flow.changes()));
        Some(note)
    }

    fn note(&self, now: Millis) -> Option<Note> {
        let committable = self.flow.committable().or(self.began)?;
        let (offset, memo) = self.left.apply(committable, self.flow.memo(now));
        Some(self.flow.note_of(offset, &memo))
    }

    /// Whether a commit now would say anything new.
    pub(super) fn has_news(&self, now: Millis) -> bool {
        self.note(now).is_some_and(|note| self.last.as_ref().is_none_or(|(last, _)| *last != note))
    }

    /// Whether all that is done fits into the note.
    pub(super) fn fits(&self, now: Millis) -> bool {
        self.note(now).is_none_or(|note| note.is_whole())
    }

    /// What was asked for last was not taken: it is asked for again.
    pub(super) fn ask_again(&mut self) {
        self.last = None;
    }

    /// A commit was answered; `accepted` by the broker, its note is safe.
    pub(super) fn answered(&mut self, id: u32, accepted: bool) {
        // Answers come in order: what was asked before this one is answered, or superseded by it.
        let Some(index) = self.asked.iter().position(|(asked, _)| *asked == id) else { return };
        if let Some((_, note)) = self.asked.drain(..=index).next_back()
            && accepted
        {
            self.flow.accepted(&note);
        }
    }

    /// Whether something waits for a note that has not been asked for.
    pub(super) fn wants_note(&self) -> bool {
        self.flow.changes() > self.last.as_ref().map_or(0, |(_, changes)| *changes)
    }

    /// Characters of the note that was asked for last.
    pub(super) fn note_bytes(&self) -> usize {
        self.last.as_ref().map_or(0, |(note, _)| note.text.len())
    }

    /// Whether a commit is under way.
    pub(super) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Stops fetching while the window is over its share.
    pub(super) fn pause_if_full(
        &mut self,
        name: &TopicPartition,
        consumer: &SharedConsumer,
        events: usize,
        bytes: usize,
    ) {
        if self.flow.window() >= events || self.flow.memory() >= bytes {
            self.pause(name, consumer);
        }
    }

    /// Stops fetching.
    pub(super) fn pause(&mut self, name: &TopicPartition, consumer: &SharedConsumer) {
        if self.paused {
            return;
        }
        match consumer.pause(&one(name)) {
            Ok(()) => {
                debug!(topic = %name.0, partition = name.1, window = self.flow.window(), "paused");
                self.paused = true;
            }
            Err(error) => warn!(%error, topic = %name.0, partition = name.1, "can't pause"),
        }
    }

    /// Fetches again once half the share is free: each resumption fetches anew what was buffered.
    pub(super) fn resume_if_room(
        &mut self,
        name: &TopicPartition,
        consumer: &SharedConsumer,
        events: usize,
        bytes: usize,
    ) {
        if !self.paused || self.flow.window() > events / 2 || self.flow.memory() > bytes / 2 {
            return;
        }
        self.resume(name, consumer);
    }

    /// Fetches again; also before the partition goes, as the client would keep it paused when it comes back.
    pub(super) fn resume(&mut self, name: &TopicPartition, consumer: &SharedConsumer) {
        if !self.paused {
            return;
        }
        match consumer.resume(&one(name)) {
            Ok(()) => {
                debug!(topic = %name.0, partition = name.1, "resumed");
                self.paused = false;
            }
            Err(error) => warn!(%error, topic = %name.0, partition = name.1, "can't resume"),
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }
}

fn one((topic, partition): &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, *partition);
    list
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::flow::{Memo, RetryPolicy};

    #[test]
    fn a_partition_on_its_way_out_never_goes_back() {
        let wait = Duration::from_millis(100);
        let policy = RetryPolicy { attempts: 2, backoff: wait, max_backoff: wait, max_age: wait };
        let flow = Partition::restore(policy, true, Memo::default(), 0);
        let mut assigned = Assigned::new(flow, 1, Some(0), Left::default());
        assert!(assigned.is_assigned());
        assigned.drain();
        assert!(!assigned.is_assigned());
        assert!(assigned.revoke(), "it ends well once");
        assigned.drain();
        assert_eq!(assigned.stage, Stage::Revoked, "draining it again takes nothing back");
        assert!(!assigned.revoke());
    }
}
