//! Takes what a future emits out of the event's outcome, poll by poll.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use veltrix_frame::OutcomeBuilder;

use crate::emit::with_outcome;

/// A future, and what it has emitted so far.
pub(super) struct Capture<F> {
    future: Pin<Box<F>>,
    emits: OutcomeBuilder,
}

impl<F> Capture<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), emits: OutcomeBuilder::new() }
    }
}

impl<F: Future> Future for Capture<F> {
    type Output = (F::Output, OutcomeBuilder);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mark = with_outcome(|outcome| outcome.emit_mark());
        let polled = self.future.as_mut().poll(context);
        with_outcome(|outcome| outcome.move_emits(mark, &mut self.emits));
        polled.map(|output| (output, std::mem::take(&mut self.emits)))
    }
}
