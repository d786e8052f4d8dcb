//! From ready events to open calls.

use std::collections::HashMap;
use std::sync::Arc;

use rdkafka::consumer::Consumer;

use super::{Admission, Assigned, MOST_CALLS, OpenCall, PATIENCE, Pipeline, names};
use crate::batch;
use crate::call::{Around, CallContext, Row};
use crate::event::Chunk;
use crate::flow::{Bounds, Millis, Mode};
use crate::source::TopicPartition;

/// While others are open, a call waits until this part of the lanes it may have at most is free.
const FEWEST_LANES: usize = 4;
/// Events of a batch for each lane of its call.
const EVENTS_PER_LANE: usize = 4;

impl Pipeline {
    pub(super) fn receive(&mut self, chunk: Chunk) {
        let now = self.now();
        let name = (chunk.topic.clone(), chunk.partition);
        // Records that were on their way when the partition went.
        let Some(assigned) = self.partitions.get_mut(&name).filter(|a| a.is_assigned()) else { return };
        let received = assigned.flow.receive(Arc::new(chunk));
        self.metrics.consumed.inc_by(received as u64);
        if received > 0 && assigned.ready_since.is_none() {
            assigned.ready_since = Some(now);
        }
        if self.recalls.is_some() {
            self.judged(&name);
        }
    }

    /// Whether the source is read: not while the windows are full. When that lasts, the partitions
    /// that fill them are paused, so that revocations and the others' events get through.
    pub(super) fn reads_source(&mut self, now: Millis) -> bool {
        if self.orders.paused {
            for (name, assigned) in &mut self.partitions {
                assigned.pause(name, &self.consumer);
            }
            self.unread_since = None;
            // What was on its way may come, and so may revocations.
            return true;
        }
        let share = self.partitions.len().max(1);
        let (most_events, most_bytes) = self.most();
        let (mut events, mut bytes) = (0, 0);
        for (name, assigned) in &mut self.partitions {
            assigned.resume_if_room(name, &self.consumer, most_events / share, most_bytes / share);
            events += assigned.flow.window();
            bytes += assigned.flow.memory();
        }
        if events < most_events && bytes < most_bytes {
            self.unread_since = None;
            return true;
        }
        let since = *self.unread_since.get_or_insert(now);
        if now < since + PATIENCE {
            return false;
        }
        for (name, assigned) in &mut self.partitions {
            assigned.pause_if_full(name, &self.consumer, most_events / share, most_bytes / share);
        }
        true
    }

    /// Opens calls while there are events, lanes and room for what they emit.
    pub(super) fn start_calls(&mut self, now: Millis) {
        for assigned in self.partitions.values_mut() {
            assigned.flow.wake(now);
        }
        self.held_back = true;
        let Some((admission, most)) = self.may_start(now) else {
            return self.partitions.values_mut().for_each(Assigned::let_others_begin);
        };
        self.bury_used_up(now);
        self.announce();
        let mut idle_turns = 0;
        while idle_turns < self.turns.len() {
            let in_use: usize = self.calls.values().map(|call| call.lanes).sum();
            let free = self.config.concurrency.saturating_sub(in_use);
            // Lanes come free one by one, and a call for each would be a wake-up for each answer: fewer calls with more
            // lanes do the same work.
            let few = !self.calls.is_empty() && free < self.lanes_per_call() / FEWEST_LANES;
            if free == 0 || few || self.calls.len() == MOST_CALLS {
                return;
            }
            let name = self.turns[self.turn % self.turns.len()].clone();
            self.turn += 1;
            if self.is_due(&name, now) && self.start_call(&name, now, free, most) {
                if admission != Admission::All {
                    return;
                }
                idle_turns = 0;
            } else {
                idle_turns += 1;
            }
        }
        self.held_back = false;
    }

    /// Whether calls may begin, and the most events of one.
    fn may_start(&mut self, now: Millis) -> Option<(Admission, usize)> {
        if self.is_held() {
            self.pause_ageing(true, now);
            return None;
        }
        let admission = self.admitted(now);
        self.pause_ageing(admission == Admission::Nothing, now);
        let most = match admission {
            Admission::Nothing => return None,
            // One call at a time, until it tells how it went.
            Admission::Few(_) if !self.calls.is_empty() => return None,
            Admission::Few(events) => events,
            Admission::All => usize::MAX,
        };
        (now >= self.hold_until && self.has_room()).then_some((admission, most))
    }

    /// A batch goes out when it is full, has waited long enough, or nothing else of its partition is
    /// under way.
    fn is_due(&mut self, name: &TopicPartition, now: Millis) -> bool {
        let open = self.calls.values().any(|call| call.source == *name);
        let (most, wait) = (self.batch_size.get(), self.config.wait.as_millis() as Millis);
        let Some(assigned) = self.partitions.get_mut(name).filter(|a| a.is_assigned()) else { return false };
        let (ready, suspects) = assigned.flow.ready();
        if ready == 0 && !suspects {
            assigned.ready_since = None;
            return false;
        }
        let since = *assigned.ready_since.get_or_insert(now);
        suspects || ready >= most || !open || now >= since + wait
    }

    fn start_call(&mut self, name: &TopicPartition, now: Millis, free: usize, most: usize) -> bool {
        let id = self.next_call;
        let lanes = free.min(self.lanes_per_call());
        // With what lanes are left a full batch would take long, and its last events hold up the commit.
        let left_over = lanes < self.lanes_per_call();
        let most = if left_over { most.min(lanes.saturating_mul(EVENTS_PER_LANE)) } else { most };
        let events = self.batch_size.get().min(most);
        let bounds = Bounds { events, bytes: self.config.batch.bytes };
        let limits = self.function.limits;
        let Some(assigned) = self.partitions.get_mut(name) else { return false };
        let Some(mode) = assigned.flow.next_mode() else { return false };
        let Some(here) = assigned.begin_here() else { return false };
        let mut rows = Vec::new();
        let mut traceparents = HashMap::new();
        let builder = &mut self.builder;
        let control = batch::control(mode, lanes, limits);
        let (cluster, group) = (self.consumer.context().cluster(), &self.config.group);
        let mut source = name.clone();
        if let Some(stage) = &self.stage {
            source.0 = stage.inside(&name.0);
        }
        builder.start(&source.0, source.1, control);
        if let Some(stage) = &self.stage {
            builder.source(&stage.source(&source.0));
        } else if let Some(named) = self.names.of(&name.0) {
            builder.source(named);
        }
        let taken = assigned.flow.take(id, now, bounds, |event, begun| {
            let mut offset = event.offset();
            // Fed again, in a call of its own: the function is shown the event that it was.
            if let Some(origin) = event.origin() {
                source = (origin.topic.clone(), origin.partition);
                offset = origin.offset;
                builder.start(&source.0, source.1, control);
                if let (Some(cluster), Some(id)) = (cluster, origin.id) {
                    builder.source(&names::text(cluster, id, group));
                }
            }
            batch::push(builder, event, offset, begun, rows.len(), &mut traceparents);
            rows.push(Row { offset, timestamp: event.timestamp() });
        });
        let Some(events) = taken else { return false };
        assigned.ready_since = None;
        let mut frame = Vec::with_capacity(builder.bytes());
        builder.finish(&mut frame);
        self.next_call += 1;

        let context = Arc::new(CallContext::new(
            id,
            source,
            rows,
            traceparents,
            Around {
                function: self.function.clone(),
                pipeline: self.from_calls.clone(),
                metrics: self.request_metrics.clone(),
                lease: self.lease.clone(),
                stage: self.stage.clone(),
            },
        ));
        let budget = batch::budget(mode, events, limits);
        let fresh = mode != Mode::Batch;
        let task = self.wasm.spawn(context.clone().run(frame, budget, fresh)).abort_handle();
        let lanes = lanes.min(events);
        let epoch = self.partitions[name].epoch;
        self.calls
            .insert(id, OpenCall { source: name.clone(), epoch, mode, events, lanes, context, task, _here: here });
        true
    }

    /// One call must not take all lanes, or there would never be two side by side.
    fn lanes_per_call(&self) -> usize {
        self.config.concurrency.div_ceil(self.wasm_threads.min(self.config.concurrency))
    }
}
