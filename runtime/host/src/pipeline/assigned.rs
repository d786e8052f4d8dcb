//! An assigned partition: its flow, and whether it is being fetched from.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use tracing::{debug, warn};

use super::stuck::Watch;
use crate::bounded::Left;
use crate::flow::{Millis, Partition};
use crate::source::{SharedConsumer, TopicPartition};

/// State of one partition of the binding.
pub(super) struct Assigned {
    pub(super) flow: Partition,
    /// Tells this assignment from earlier ones of the same partition.
    pub(super) epoch: u64,
    /// Revoked or stopping: what runs may end, nothing begins.
    pub(super) draining: bool,
    /// Events have been ready since then.
    pub(super) ready_since: Option<Millis>,
    /// What was committed last.
    pub(super) committed: Option<(i64, String)>,
    /// Where the group was when it came.
    began: Option<i64>,
    pub(super) watch: Watch,
    paused: bool,
    left: Left,
}

impl Assigned {
    pub(super) fn new(flow: Partition, epoch: u64, began: Option<i64>, left: Left) -> Self {
        Self {
            flow,
            epoch,
            draining: false,
            ready_since: None,
            committed: None,
            began,
            watch: Watch::default(),
            paused: false,
            left,
        }
    }

    /// The offset to commit and the note beside it, `None` before anything was received where the group had no offset.
    pub(super) fn to_commit(&self) -> Option<(i64, String)> {
        let committable = self.flow.committable().or(self.began)?;
        let (offset, memo) = self.left.apply(committable, self.flow.memo());
        Some((offset, memo.encode(offset)))
    }

    /// Stops fetching while the window is over its share.
    pub(super) fn pause_if_full(
        &mut self,
        name: &TopicPartition,
        consumer: &SharedConsumer,
        events: usize,
        bytes: usize,
    ) {
        if self.paused || (self.flow.window() < events && self.flow.memory() < bytes) {
            return;
        }
        match consumer.pause(&one(name)) {
            Ok(()) => {
                debug!(topic = %name.0, partition = name.1, window = self.flow.window(), "paused: its window is full");
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
