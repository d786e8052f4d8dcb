//! The end of a pipeline: what runs may end, what is done is committed.

use rdkafka::consumer::Consumer;
use tracing::{error, info, warn};

use super::transaction::Exact;
use super::{LAST_COMMIT, Pipeline};

impl Pipeline {
    /// Nothing is under way that a stop waits for.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.calls.is_empty()
            && self.partitions.values().all(|a| a.flow.is_quiet())
            && self.exact.as_ref().is_none_or(Exact::is_quiet)
            && self.turns.clone().iter().all(|name| self.is_committed(name))
    }

    /// A bounded run has nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        let committed = self.exact.as_ref().is_none_or(Exact::is_quiet);
        self.ended && committed && self.calls.is_empty() && self.partitions.values().all(|a| a.flow.is_idle())
    }

    /// From now on nothing begins.
    pub(super) fn drain_all(&mut self) {
        info!(group = self.config.group, function = %self.function.name, calls = self.calls.len(), "draining");
        for assigned in self.partitions.values_mut() {
            assigned.drain();
        }
    }

    /// Stops what has not ended by itself, and commits what is done.
    pub(super) async fn close(mut self) {
        if !self.calls.is_empty() {
            warn!(calls = self.calls.len(), function = %self.function.name, "calls did not end in time: their events run again after the next start");
        }
        self.calls.clear();
        self.measure();
        if let Some(exact) = self.exact.take() {
            return exact.stop(LAST_COMMIT).await;
        }
        for assigned in self.partitions.values_mut() {
            assigned.flow.end_well();
        }
        let offsets = self.committable(self.asked.next, self.now(), true);
        let consumer = self.consumer.clone();
        if offsets.count() > 0 {
            // On a thread of its own, since it waits for the broker, which may be away.
            let commit =
                tokio::task::spawn_blocking(move || consumer.commit(&offsets, rdkafka::consumer::CommitMode::Sync));
            match tokio::time::timeout(LAST_COMMIT, commit).await {
                Ok(Ok(Ok(()))) => info!(group = self.config.group, "committed"),
                Ok(Ok(Err(error))) => {
                    warn!(%error, group = self.config.group, "the last commit failed: what was done since the one before runs again")
                }
                Ok(Err(error)) => error!(%error, "commit"),
                Err(_) => warn!(
                    group = self.config.group,
                    "the last commit was not answered in time: what was done since the one before may run again"
                ),
            }
        }
    }
}
