//! What operators want of the binding, and what they are shown of it.

use std::sync::Arc;

use tracing::info;

use super::Pipeline;
use crate::control::Lane;
use crate::flow::{BatchSize, Millis};

/// Stopped lanes that are shown, of all partitions together.
const MOST_SHOWN: usize = 100;

impl Pipeline {
    /// Whether nothing may begin: an operator has paused the binding, this process holds it, or what operators want is not
    /// known yet.
    pub(super) fn is_held(&self) -> bool {
        !self.orders.known || self.orders.paused || self.orders.held
    }

    /// Heeds the orders as they are now.
    pub(super) fn heed(&mut self, now: Millis) {
        let Some(control) = &self.control else { return };
        let orders = control.orders();
        let before = std::mem::replace(&mut self.orders, orders);
        if orders.looks != before.looks {
            self.take_current();
            self.measure();
        }
        let (group, function) = (&self.config.group, &*self.function.name);
        if orders.paused != before.paused {
            self.metrics.operator.paused.set(orders.paused.into());
            self.shown.pause(orders.paused);
            if orders.paused {
                info!(
                    group,
                    function, "paused by an operator: nothing begins until it is resumed: {}", self.config.resume
                );
            } else {
                info!(group, function, "resumed by an operator");
            }
        }
        if orders.resumed_at != before.resumed_at
            && let Some(at) = orders.resumed_at
        {
            // Said just now: the clock of whoever said it may be behind ours.
            let at = if before.known { at.max(now) } else { at };
            let lanes: usize = self.partitions.values_mut().map(|assigned| assigned.flow.resume(at)).sum();
            if lanes > 0 {
                info!(group, function, lanes, "stopped lanes go on, as an operator resumed the binding");
            }
            self.show_stopped(now);
        }
    }

    /// Takes the function that is there now. Calls under way end with the one that they began with.
    fn take_current(&mut self) {
        let current = self.current.get();
        if Arc::ptr_eq(&current, &self.function) {
            return;
        }
        let before = std::mem::replace(&mut self.function, current);
        // What went wrong with the old one says nothing of the new one.
        (self.hold_until, self.start_failures) = (0, 0);
        self.batch_size = BatchSize::new(self.config.batch.events);
        self.breakers.forgive();
        self.metrics.swaps.inc();
        self.shown.starts_fail(0);
        self.shown.run(&self.function.revision);
        let (group, function, revision) = (&self.config.group, &*self.function.name, &*self.function.revision);
        info!(group, function, revision, before = %before.revision, calls = self.calls.len(), "swapped: what begins from now on runs in the new revision");
    }

    /// Lanes of a partition that came go on as those of the others did.
    pub(super) fn heed_at(&self, flow: &mut crate::flow::Partition) {
        if let Some(at) = self.orders.resumed_at {
            flow.resume(at);
        }
    }

    /// Shows which lanes are stopped, and where.
    pub(super) fn show_stopped(&self, now: Millis) {
        let mut lanes = Vec::new();
        for ((topic, partition), assigned) in &self.partitions {
            let mut first = None;
            if assigned.flow.stopped() > 0 {
                let failing = assigned.flow.memo(now).failing;
                let stopped = failing.iter().filter(|(_, failing)| failing.stopped.is_some());
                for (offset, _) in stopped.take(MOST_SHOWN - lanes.len().min(MOST_SHOWN)) {
                    first.get_or_insert(*offset);
                    lanes.push(Lane { topic: topic.to_string(), partition: *partition, offset: *offset });
                }
            }
            self.metrics.operator.stopped_at(topic, *partition, first);
        }
        self.shown.stop(lanes);
    }
}
