//! Looks after partitions that should move and don't.

use std::hash::{BuildHasher, Hash, Hasher};

use tracing::error;

use super::stuck::{self, Look};
use super::{Pipeline, PipelineError};
use crate::flow::Millis;

/// Between looks.
const LOOK_EVERY: Millis = 1_000;

impl Pipeline {
    /// Looks at every partition, once a second.
    ///
    /// # Errors
    /// One is stuck: the binding has to be begun anew, which takes its calls and what the client holds with it.
    pub(super) fn look_for_stuck(&mut self, now: Millis, excused: bool) -> Result<(), PipelineError> {
        if now < self.last_look + LOOK_EVERY {
            return Ok(());
        }
        self.last_look = now;
        let limit = stuck::limit(self.function.limits.deadline);
        // The same numbers give the same digest within this process, which is all that counts.
        let digest = foldhash::fast::FixedState::default();
        for (name, assigned) in &mut self.partitions {
            let flow = &assigned.flow;
            let mut hasher = digest.build_hasher();
            let mut in_calls = 0;
            for (id, _) in self.calls.iter().filter(|(_, call)| call.source == *name) {
                in_calls += 1;
                // In no order: a map gives them as it likes, but the same ones alike.
                (id, flow.open_in(*id)).hash(&mut hasher);
            }
            let (ready, suspects) = flow.ready();
            (flow.committable(), flow.window(), ready, flow.next_due()).hash(&mut hasher);
            let look = Look {
                moves: hasher.finish(),
                in_calls,
                ready: ready + usize::from(suspects),
                window: flow.window(),
                lanes_wait: flow.next_due().is_some() || flow.stopped() > 0,
                unfetched: self.range.is_none() && !assigned.is_paused() && self.metrics.is_unfetched(&name.0, name.1),
                excused: excused || !assigned.is_assigned() || flow.is_recalling(),
            };
            if let Some((what, still)) = assigned.watch.look(&look, now, limit) {
                let (topic, partition) = (&*name.0, name.1);
                self.metrics.supervision.stuck.inc();
                error!(
                    topic,
                    partition,
                    group = self.config.group,
                    for_ms = still,
                    window = look.window,
                    calls = in_calls,
                    "stuck: {}",
                    what.words()
                );
                return Err(PipelineError::Stuck { topic: topic.to_owned(), partition, what: what.words() });
            }
        }
        Ok(())
    }
}
