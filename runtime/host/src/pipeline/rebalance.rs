//! Partitions that come and go: a revocation lets calls end within a limit, then hands the rest back.

use std::sync::mpsc::SyncSender;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use tracing::{debug, info, warn};

use super::recall::Recalls;
use super::{Assigned, Pipeline, commit};
use crate::flow::{Memo, Millis, Partition};
use crate::source::{Assignment, TopicPartition};

/// How long a revocation waits for open calls.
const REVOKE: Millis = 10_000;

/// Partitions on their way out.
pub(super) struct Revocation {
    pub(super) partitions: Vec<TopicPartition>,
    reply: SyncSender<TopicPartitionList>,
    pub(super) limit: Millis,
}

impl Pipeline {
    pub(super) fn assigned(&mut self, partitions: Vec<Assignment>) {
        let now = self.now();
        for Assignment { name, memo, committed, topic } in partitions {
            let cluster = self.consumer.context().cluster().map(|id| &**id);
            self.names.learn(&name.0, topic, cluster, &self.config.group);
            if memo != Memo::default() {
                let (done, failing) = (memo.done.len(), memo.failing.len());
                debug!(topic = %name.0, partition = name.1, done_ranges = done, failing, "goes on from its last owner's notes");
            }
            self.epochs += 1;
            self.ended = false;
            let part = self.range.as_ref().and_then(|range| range.partitions.get(&name.1));
            let left = part.map(|part| part.left(&memo.done)).unwrap_or_default();
            let mut flow = Partition::restore(self.config.retry.clone(), self.config.dead_letter.is_some(), memo, now);
            flow = flow.with_dedupe(self.recalls.as_ref().map(Recalls::dedupe));
            self.heed_at(&mut flow);
            self.partitions.insert(name, Assigned::new(flow, self.epochs, committed, left));
        }
        self.take_turns();
    }

    pub(super) fn revoking(
        &mut self,
        partitions: Vec<TopicPartition>,
        lost: bool,
        reply: SyncSender<TopicPartitionList>,
    ) {
        for name in &partitions {
            if let Some(assigned) = self.partitions.get_mut(name) {
                assigned.drain();
            }
        }
        // Somebody else may have them already: what runs here is cut short, and nothing is committed.
        let limit = self.now() + if lost { 0 } else { REVOKE };
        if lost {
            warn!(?partitions, "partitions were lost: their open calls are cancelled");
            for name in &partitions {
                self.cancel(name);
                self.forget(name);
            }
        }
        self.revocations.push(Revocation { partitions, reply, limit });
        self.take_turns();
    }

    /// Answers revocations whose partitions are quiet or out of time.
    pub(super) fn finish_revocations(&mut self, now: Millis) {
        let mut waiting = std::mem::take(&mut self.revocations);
        waiting.retain(|revocation| {
            let mut quiet = |name: &TopicPartition| {
                self.partitions.get(name).is_none_or(|a| a.flow.is_quiet()) && self.is_committed(name)
            };
            if now < revocation.limit && !revocation.partitions.iter().all(&mut quiet) {
                return true;
            }
            let mut offsets = TopicPartitionList::new();
            for name in &revocation.partitions {
                self.cancel(name);
                // In exactly-once a transaction has committed them, or nothing does.
                if self.exact.is_none()
                    && let Some(assigned) = self.partitions.get_mut(name)
                {
                    assigned.revoke();
                    if let Some(note) = assigned.ask(self.asked.next, now, true) {
                        commit::add(&mut offsets, name, note);
                    }
                }
                self.forget(name);
            }
            // The source may have stopped waiting: then nothing is committed, and it runs again.
            let _ = revocation.reply.send(offsets);
            info!(partitions = revocation.partitions.len(), group = self.config.group, "handed back");
            false
        });
        self.revocations = waiting;
    }

    /// Cuts short the calls of a partition.
    fn cancel(&mut self, name: &TopicPartition) {
        self.calls.retain(|_, call| call.source != *name);
    }

    fn forget(&mut self, name: &TopicPartition) {
        if let Some(mut assigned) = self.partitions.remove(name) {
            assigned.resume(name, &self.consumer);
        }
        if let Some(exact) = &mut self.exact {
            exact.forget(name);
        }
        self.metrics.unassigned(&name.0, name.1);
        self.take_turns();
    }

    fn take_turns(&mut self) {
        self.turns = self.partitions.keys().cloned().collect();
        self.turns.sort();
        self.turn = 0;
    }
}
