//! Runs a handler over a batch, and gives verdicts as they fall.

use std::collections::BTreeSet;
use std::future::Future;

use veltrix_frame::{OutcomeBuilder, Verdict, VerdictIn};

use self::call::Call;
use crate::emit::with_outcome;
use crate::error::{Error, Fate, Result};
use crate::event::{Batch, Event, Frame};
use crate::host;

mod call;
mod running;
#[cfg(test)]
mod tests;

/// Runs a handler of single events over the events of a frame, and gives back the outcome frame.
pub async fn each<H, F>(frame: Vec<u8>, handler: H) -> Vec<u8>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<()>>,
{
    host::run(each_of(begin(frame), handler)).await
}

async fn each_of<H, F>(batch: Batch, handler: H) -> Vec<u8>
where
    H: Fn(Event) -> F,
    F: Future<Output = Result<()>>,
{
    let control = batch.control();
    let lanes = if control.lanes == 0 { usize::MAX } else { control.lanes as usize };
    let mut call = Call::new(&batch, handler);
    for row in batch.rows() {
        while call.running.len() >= lanes {
            call.step().await;
        }
        call.look();
        call.begin(row);
        if control.isolate {
            call.finish().await;
            // Whatever the next event does, this one's verdict stands.
            settle().await;
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
    host::run(whole_of(begin(frame), handler)).await
}

async fn whole_of<H, F, V>(batch: Batch, handler: H) -> Vec<u8>
where
    H: Fn(Batch) -> F,
    F: Future<Output = V>,
    V: Verdicts,
{
    if batch.control().isolate {
        let mut stopped = BTreeSet::new();
        for row in batch.rows() {
            let lane = batch.frame().view().lane(row as usize);
            if stopped.contains(&lane) {
                say(row, Verdict::Deferred);
                continue;
            }
            host::mark(row);
            let one = batch.single(row);
            if !handler(one.clone()).await.give(&one) {
                stopped.insert(lane);
            }
            settle().await;
        }
    } else {
        handler(batch.clone()).await.give(&batch);
    }
    take_outcome()
}

/// What a handler of batches may return: one result for all its events, or one for each in order.
pub trait Verdicts {
    /// Notes the verdicts. False: an event is to be tried again or was given up.
    #[doc(hidden)]
    fn give(self, batch: &Batch) -> bool;
}

impl Verdicts for Result<()> {
    fn give(self, batch: &Batch) -> bool {
        batch.rows().for_each(|row| note(row, &self));
        goes_on(&self)
    }
}

impl Verdicts for Vec<Result<()>> {
    /// Events beyond the list's end get no verdict: they are tried again, and charged.
    fn give(self, batch: &Batch) -> bool {
        batch.rows().zip(&self).for_each(|(row, result)| note(row, result));
        self.iter().all(goes_on)
    }
}

/// Whether the later events of a lane may begin.
#[inline]
fn goes_on(result: &Result<()>) -> bool {
    result.as_ref().map_or_else(|error| error.fate() == Fate::Skip, |()| true)
}

/// Notes what became of an event.
#[inline]
fn note(row: u32, result: &Result<()>) {
    match result {
        Ok(()) => with_outcome(|outcome| outcome.ack(row)),
        Err(error) => fail(row, error),
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
            std::panic::set_hook(Box::new(|info| host::log(crate::task::current(), 6, &info.to_string(), &[])));
        });
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
    with_outcome(|outcome| {
        outcome.verdict(VerdictIn { event, verdict, retry_after_ms: 0, reason: None, message: None })
    });
}

fn fail(event: u32, error: &Error) {
    let (verdict, retry_after_ms) = match error.fate() {
        Fate::Retry { after } => {
            (Verdict::Retry, after.map_or(0, |after| after.as_millis().clamp(1, u32::MAX.into()) as u32))
        }
        Fate::DeadLetter => (Verdict::DeadLetter, 0),
        Fate::Skip => (Verdict::Skip, 0),
    };
    let (reason, message) = (error.reason(), error.message());
    with_outcome(|outcome| outcome.verdict(VerdictIn { event, verdict, retry_after_ms, reason, message }));
}
