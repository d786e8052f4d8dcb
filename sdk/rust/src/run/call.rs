//! One call: lanes side by side, the events of a lane in order.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use veltrix_frame::{OutcomeBuilder, Verdict};

use super::running::{Running, Slot};
use super::{goes_on, note, say, settle};
use crate::emit::with_outcome;
use crate::error::{Error, Result};
use crate::event::{Batch, Event, Frame};
use crate::{host, task};

/// So long after the last time, verdicts are worth a host call of their own while other events still wait.
const SETTLE_AFTER: Duration = Duration::from_millis(2);
/// Most events begun between two looks at the clock.
const LOOK_EVERY: u32 = 64;
/// When so much has passed between two looks, the next event gets one of its own.
const LOOK_AFTER: Duration = Duration::from_millis(1);

/// One call: what runs of its batch, and what waits.
pub(super) struct Call<H, F: Future> {
    frame: Rc<Frame>,
    handler: H,
    isolate: bool,
    /// Lanes with an event under way, and lanes that have stopped.
    held: HashMap<u32, Lane, BuildHasherDefault<LaneHasher>>,
    pub(super) running: FuturesUnordered<Running<F>>,
    /// A place for the next event's future, so that one that ends at once costs no allocation.
    spare: Option<Slot<F>>,
    /// The clock, as of the last look.
    now: Duration,
    settled: Duration,
    /// No event begins from then on.
    soft: Option<Duration>,
    /// Longest that an event may take.
    limit: Option<Duration>,
    /// When it runs out, and the wait for it. One for all.
    timer: Option<Timer>,
    /// Events to begin before the next look at the clock.
    unlooked: u32,
    every: u32,
}

type Timer = (Duration, Pin<Box<dyn Future<Output = ()>>>);

/// Lane numbers are hashes already: spread over 64 bits, of which the map uses both ends.
#[derive(Default)]
struct LaneHasher(u64);

impl Hasher for LaneHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((self.0 as u32).rotate_left(8) ^ u32::from(*byte)));
    }

    fn write_u32(&mut self, lane: u32) {
        self.0 = u64::from(lane).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[derive(Default)]
struct Lane {
    stopped: bool,
    waiting: VecDeque<u32>,
}

impl<H, F> Call<H, F>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<()>>,
{
    pub(super) fn new(batch: &Batch, handler: H) -> Self {
        let (control, now) = (batch.control(), host::now());
        let set = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
        Self {
            frame: batch.frame().clone(),
            handler,
            isolate: control.isolate,
            held: HashMap::default(),
            running: FuturesUnordered::new(),
            spare: None,
            now,
            settled: now,
            soft: set(control.soft_ms).map(|soft| now + soft),
            limit: set(control.event_ms),
            timer: None,
            unlooked: 0,
            every: 1,
        }
    }

    /// Looks at the clock, which is a call to the host: rarely while events take next to no time, else each time.
    #[inline]
    pub(super) fn look(&mut self) {
        if self.soft.is_none() {
            return;
        }
        if self.unlooked > 0 {
            self.unlooked -= 1;
            return;
        }
        let before = std::mem::replace(&mut self.now, host::look());
        let slow = self.now - before > LOOK_AFTER;
        self.every = if slow { 1 } else { (self.every * 2).min(LOOK_EVERY) };
        self.unlooked = self.every - 1;
    }

    #[inline]
    fn is_over(&self) -> bool {
        self.soft.is_some_and(|soft| self.now >= soft)
    }

    #[inline]
    fn lane(&self, row: u32) -> u32 {
        self.frame.view().lane(row as usize)
    }

    /// Begins an event, or has it wait for its predecessors, or defers it.
    #[inline]
    pub(super) fn begin(&mut self, row: u32) {
        if self.is_over() {
            return say(row, Verdict::Deferred);
        }
        // Most batches hold nothing, and then no lane is looked up.
        if !self.held.is_empty()
            && let Some(lane) = self.held.get_mut(&self.frame.view().lane(row as usize))
        {
            match lane.stopped {
                true => say(row, Verdict::Deferred),
                false => lane.waiting.push_back(row),
            }
            return;
        }
        self.start(row);
    }

    /// Runs an event as far as it goes by itself.
    fn start(&mut self, row: u32) {
        if self.isolate {
            host::mark(row);
        }
        let event = Event::new(&self.frame, row);
        let mut slot = self.spare.take().unwrap_or_else(|| Box::pin(None));
        let mark = with_outcome(|outcome| outcome.emit_mark());
        let polled = task::with_current(row, || {
            slot.set(Some((self.handler)(event)));
            // It is polled again with a waker of its own if it does not end here.
            slot.as_mut().as_pin_mut().expect("just set").poll(&mut Context::from_waker(Waker::noop()))
        });
        match polled {
            Poll::Ready(result) => {
                task::with_current(row, || slot.set(None));
                self.spare = Some(slot);
                if result.is_err() {
                    with_outcome(|outcome| outcome.truncate_emits(mark));
                }
                self.verdict(row, result);
            }
            Poll::Pending => {
                let mut emits = OutcomeBuilder::new();
                with_outcome(|outcome| outcome.move_emits(mark, &mut emits));
                self.held.entry(self.lane(row)).or_default();
                self.now = host::now();
                let due = self.limit.map(|limit| self.now + limit);
                self.running.push(Running { row, slot, emits, due });
                due.into_iter().for_each(|due| self.wake_by(due));
            }
        }
    }

    /// Notes what became of an event. A failure stops its lane.
    #[inline]
    fn verdict(&mut self, row: u32, result: Result<()>) {
        note(row, &result);
        if !goes_on(&result) {
            self.held.entry(self.lane(row)).or_default().stopped = true;
        }
    }

    /// Waits until one event ends or runs out of time, and lets its lane go on.
    pub(super) async fn step(&mut self) {
        self.settle_early().await;
        let ended = match &mut self.timer {
            None => self.running.next().await,
            Some((_, timer)) => match select(self.running.next(), timer).await {
                Either::Left((ended, _)) => ended,
                Either::Right(((), _)) => {
                    self.timer = None;
                    self.expire();
                    None
                }
            },
        };
        self.now = host::now();
        if let Some((row, result)) = ended {
            self.verdict(row, result);
            self.go_on(self.lane(row));
        }
    }

    /// What has ended must not wait long for what has not: one slow event would hold back its whole batch.
    async fn settle_early(&mut self) {
        if self.running.is_empty() || with_outcome(|outcome| outcome.verdicts()) == 0 {
            return;
        }
        if self.now >= self.settled + SETTLE_AFTER {
            settle().await;
            self.now = host::now();
            self.settled = self.now;
        } else {
            self.wake_by(self.settled + SETTLE_AFTER);
        }
    }

    /// Begins the next event of a lane whose event has ended.
    fn go_on(&mut self, id: u32) {
        while let Some(lane) = self.held.get_mut(&id) {
            let stopped = lane.stopped;
            match lane.waiting.pop_front() {
                None => {
                    if !stopped {
                        self.held.remove(&id);
                    }
                    return;
                }
                Some(row) if stopped || self.is_over() => say(row, Verdict::Deferred),
                Some(row) => {
                    let before = self.running.len();
                    self.look();
                    self.start(row);
                    if self.running.len() > before {
                        return;
                    }
                }
            }
        }
    }

    pub(super) async fn finish(&mut self) {
        while !self.running.is_empty() {
            self.step().await;
        }
    }

    fn wake_by(&mut self, due: Duration) {
        if self.timer.as_ref().is_none_or(|(armed, _)| due < *armed) {
            let wait = due.saturating_sub(self.now).as_micros().div_ceil(1000).max(1);
            self.timer = Some((due, Box::pin(host::sleep(wait as u64))));
        }
    }

    /// Ends the events whose time is up.
    fn expire(&mut self) {
        let now = host::now();
        self.now = now;
        let limit = self.limit.unwrap_or_default();
        // Mostly it is only time to settle: then all stay where they are, and none is polled for nothing.
        let next = self.running.iter().filter_map(|event| event.due).min();
        if next.is_none_or(|due| due > now) {
            next.into_iter().for_each(|due| self.wake_by(due));
            return;
        }
        let running = std::mem::take(&mut self.running);
        for event in running {
            if event.due.is_some_and(|due| due <= now) {
                let row = event.row;
                // Cancels what it waits for.
                task::with_current(row, || drop(event));
                let error =
                    Error::retry(format!("did not end within its {} ms", limit.as_millis())).with_reason("deadline");
                self.verdict(row, Err(error));
                self.go_on(self.lane(row));
            } else {
                self.running.push(event);
            }
        }
        let next = self.running.iter().filter_map(|event| event.due).min();
        next.into_iter().for_each(|due| self.wake_by(due));
    }
}
