//! An event that waits for something: its future, and what it has emitted so far.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use veltrix_frame::OutcomeBuilder;

use crate::emit::with_outcome;
use crate::error::Result;
use crate::task;

/// The place of an event's future, to be used again.
pub(super) type Slot<F> = Pin<Box<Option<F>>>;

/// An event that waits for something.
pub(super) struct Running<F> {
    pub(super) row: u32,
    pub(super) slot: Slot<F>,
    /// What it has emitted so far.
    pub(super) emits: OutcomeBuilder,
    pub(super) due: Option<Duration>,
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
