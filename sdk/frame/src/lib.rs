//! The frames that a Veltrix host and a function exchange: a batch of events in, an outcome of verdicts and emits out.
//!
//! One frame crosses the component boundary each way. A frame is a table of columns, found by id, so that it grows by
//! new ids and costs one copy whatever the number of events. The layout is documented in `sdk/wit/README.md`.
//!
//! Cassandra requests and answers cross it likewise, many at a time: [`Request`], [`Answer`].
//!
//! Builders ([`BatchBuilder`], [`OutcomeBuilder`]) are reused from frame to frame and allocate nothing per row. Views
//! ([`Batch`], [`Outcome`]) borrow the frame; `parse` validates all of it once, so that reading can't fail afterwards.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod column;

mod batch;
mod builder;
mod cells;
mod error;
mod exchange;
mod layout;
mod outcome;
mod outcome_builder;

pub use batch::{Batch, Control, Headers};
pub use builder::{BatchBuilder, EventIn};
pub use error::{FrameError, Problem};
pub use exchange::{Answer, Answers, ErrorRef, PageRef, Request, Requests};
pub use outcome::{EmitRow, Emits, Outcome, Verdict, VerdictRow, Verdicts};
pub use outcome_builder::{EmitIn, EmitMark, OutcomeBuilder, VerdictIn};

/// The event index that means the batch as a whole.
pub const WHOLE: u32 = u32::MAX;
