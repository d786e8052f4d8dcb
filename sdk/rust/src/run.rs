//! Runs a handler over a batch: lanes side by side, the events of a lane in order, verdicts as they fall.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use veltrix_frame::{OutcomeBuilder, Verdict, VerdictIn};

use crate::emit::with_outcome;
use crate::error::{Error, Fate, Result};
use crate::event::{Batch, Event, Frame};
use crate::{host, task};

/// So long after the last time, verdicts are worth a host call of their own while other events still wait.
const SETTLE_AFTER: Duration = Duration::from_millis(5);
/// Events begun between two looks at the clock.
const LOOK_EVERY: u32 = 64;

/// Runs a handler of single events over the events of a frame, and gives back the outcome frame.
pub async fn each<H, F>(frame: Vec<u8>, handler: H) -> Vec<u8>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<()>>,
{
    let batch = begin(frame);
    let control = batch.control();
    let lanes = if control.lanes == 0 { usize::MAX } else { control.lanes as usize };
    let mut call = Call::new(&batch, handler);
    for row in batch.rows() {
        if row % LOOK_EVERY == LOOK_EVERY - 1 {
            call.now = host::now();
        }
        if call.is_over() {
            say(row, Verdict::Deferred);
        } else if control.isolate {
            host::mark(row);
            call.begin(row);
            call.finish().await;
            // Whatever the next event does, this one's verdict stands.
            settle().await;
        } else {
            while call.running.len() >= lanes {
                call.step().await;
            }
            call.begin(row);
        }
    }
    call.finish().await;
    take_outcome()
}

/// Runs a handler of whole batches. In isolate mode it gets one event at a time.
pub async fn whole<H, F, V>(frame: Vec<u8>, handler: H) -> Vec<u8>
where
    H: Fn(Batch) -> F,
    F: Future<Output = V>,
    V: Verdicts,
{
    let batch = begin(frame);
    if batch.control().isolate {
        for row in batch.rows() {
            host::mark(row);
            let one = batch.single(row);
            handler(one.clone()).await.give(&one);
            settle().await;
        }
    } else {
        handler(batch.clone()).await.give(&batch);
    }
    take_outcome()
}

/// What a handler of batches may return: one result for all its events, or one for each in order.
pub trait Verdicts {
    /// Notes the verdicts.
    #[doc(hidden)]
    fn give(self, batch: &Batch);
}

impl Verdicts for Result<()> {
    fn give(self, batch: &Batch) {
        for row in batch.rows() {
            match &self {
                Ok(()) => with_outcome(|outcome| outcome.ack(row)),
                Err(error) => fail(row, error),
            }
        }
    }
}

impl Verdicts for Vec<Result<()>> {
    /// Events beyond the list's end get no verdict: they are tried again, and charged.
    fn give(self, batch: &Batch) {
        for (row, result) in batch.rows().zip(self) {
            match result {
                Ok(()) => with_outcome(|outcome| outcome.ack(row)),
                Err(error) => fail(row, &error),
            }
        }
    }
}

fn begin(frame: Vec<u8>) -> Batch {
    name_panics();
    with_outcome(OutcomeBuilder::clear);
    match Frame::parse(frame) {
        Ok(frame) => Batch::new(frame),
        Err(error) => panic!("the host's batch is malformed: {error}"),
    }
}

/// A panic tells the host which event it was, so that no other is charged for it.
fn name_panics() {
    #[cfg(target_family = "wasm")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|info| host::log(task::current(), 6, &info.to_string(), &[])));
        });
    }
}

/// One call: what runs of its batch, and what waits.
struct Call<H, F: Future> {
    frame: Rc<Frame>,
    handler: H,
    /// Lanes with an event under way, and lanes that have stopped.
    held: HashMap<u32, Lane>,
    running: FuturesUnordered<Running<F>>,
    /// A place for the next event's future, so that one that ends at once costs no allocation.
    spare: Option<Slot<F>>,
    /// The clock, as of the last look.
    now: Duration,
    settled: Duration,
    /// No event begins from then on.
    soft: Option<Duration>,
    /// Longest that an event may take.
    limit: Option<Duration>,
    timer: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

#[derive(Default)]
struct Lane {
    stopped: bool,
    waiting: VecDeque<u32>,
}

type Slot<F> = Pin<Box<Option<F>>>;

impl<H, F> Call<H, F>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<()>>,
{
    fn new(batch: &Batch, handler: H) -> Self {
        let (control, now) = (batch.control(), host::now());
        let set = |ms: u32| (ms > 0).then(|| Duration::from_millis(ms.into()));
        Self {
            frame: batch.frame().clone(),
            handler,
            held: HashMap::new(),
            running: FuturesUnordered::new(),
            spare: None,
            now,
            settled: now,
            soft: set(control.soft_ms).map(|soft| now + soft),
            limit: set(control.event_ms),
            timer: None,
        }
    }

    fn is_over(&self) -> bool {
        self.soft.is_some_and(|soft| self.now >= soft)
    }

    fn lane(&self, row: u32) -> u32 {
        self.frame.view().lane(row as usize)
    }

    /// Begins an event, or has it wait for its predecessors.
    fn begin(&mut self, row: u32) {
        // Most batches hold nothing, and then no lane is looked up.
        if !self.held.is_empty()
            && let Some(lane) = self.held.get_mut(&self.frame.view().lane(row as usize))
        {
            if lane.stopped {
                say(row, Verdict::Deferred);
            } else {
                lane.waiting.push_back(row);
            }
            return;
        }
        self.start(row);
    }

    /// Runs an event as far as it goes by itself.
    fn start(&mut self, row: u32) {
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
                self.set_timer();
            }
        }
    }

    /// Notes what became of an event. A failure stops its lane.
    fn verdict(&mut self, row: u32, result: Result<()>) {
        match result {
            Ok(()) => with_outcome(|outcome| outcome.ack(row)),
            Err(error) => {
                fail(row, &error);
                if error.fate() != Fate::Skip {
                    self.held.entry(self.lane(row)).or_default().stopped = true;
                }
            }
        }
    }

    /// Waits until one event ends or runs out of time, and lets its lane go on.
    async fn step(&mut self) {
        let ended = match &mut self.timer {
            None => self.running.next().await,
            Some(timer) => match select(self.running.next(), timer).await {
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
        if self.now >= self.settled + SETTLE_AFTER && !self.running.is_empty() {
            self.settled = self.now;
            settle().await;
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
                    self.start(row);
                    if self.running.len() > before {
                        return;
                    }
                }
            }
        }
    }

    async fn finish(&mut self) {
        while !self.running.is_empty() {
            self.step().await;
        }
    }

    /// One timer for all: it runs out when the event begun first does.
    fn set_timer(&mut self) {
        if self.timer.is_none()
            && let Some(due) = self.running.iter().filter_map(|event| event.due).min()
        {
            let wait = due.saturating_sub(self.now).as_millis() as u64 + 1;
            self.timer = Some(Box::pin(host::sleep(wait)));
        }
    }

    /// Ends the events whose time is up.
    fn expire(&mut self) {
        let now = host::now();
        let limit = self.limit.unwrap_or_default();
        let running = std::mem::take(&mut self.running);
        for event in running {
            if event.due.is_some_and(|due| due <= now) {
                let row = event.row;
                // Cancels what it waits for.
                task::with_current(row, || drop(event));
                let error = Error::retry(format!("did not end within its {} ms", limit.as_millis())).with_reason("deadline");
                self.verdict(row, Err(error));
                self.go_on(self.lane(row));
            } else {
                self.running.push(event);
            }
        }
        self.now = now;
        self.set_timer();
    }
}

/// Hands over the verdicts that there are.
async fn settle() {
    if with_outcome(|outcome| outcome.verdicts()) > 0 {
        host::settle(take_outcome()).await;
    }
}

fn take_outcome() -> Vec<u8> {
    with_outcome(|outcome| {
        let mut frame = Vec::with_capacity(outcome.bytes());
        outcome.finish(&mut frame);
        outcome.clear();
        frame
    })
}

fn say(event: u32, verdict: Verdict) {
    with_outcome(|outcome| outcome.verdict(VerdictIn { event, verdict, retry_after_ms: 0, reason: None, message: None }));
}

fn fail(event: u32, error: &Error) {
    let (verdict, retry_after_ms) = match error.fate() {
        Fate::Retry { after } => (Verdict::Retry, after.map_or(0, |after| after.as_millis().clamp(1, u32::MAX.into()) as u32)),
        Fate::DeadLetter => (Verdict::DeadLetter, 0),
        Fate::Skip => (Verdict::Skip, 0),
    };
    let (reason, message) = (error.reason(), error.message());
    with_outcome(|outcome| outcome.verdict(VerdictIn { event, verdict, retry_after_ms, reason, message }));
}

/// An event that waits for something.
struct Running<F> {
    row: u32,
    slot: Slot<F>,
    /// What it has emitted so far.
    emits: OutcomeBuilder,
    due: Option<Duration>,
}

impl<F: Future<Output = Result<()>>> Future for Running<F> {
    type Output = (u32, Result<()>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let row = self.row;
        let start = OutcomeBuilder::new().emit_mark();
        let mark = with_outcome(|outcome| {
            let mark = outcome.emit_mark();
            self.emits.move_emits(start, outcome);
            mark
        });
        let slot = &mut self.slot;
        let polled = task::with_current(row, || slot.as_mut().as_pin_mut().expect("polled until ready").poll(context));
        match polled {
            Poll::Ready(result) => {
                if result.is_err() {
                    with_outcome(|outcome| outcome.truncate_emits(mark));
                }
                Poll::Ready((row, result))
            }
            Poll::Pending => {
                with_outcome(|outcome| outcome.move_emits(mark, &mut self.emits));
                Poll::Pending
            }
        }
    }
}
