//! Decisions about one partition's events, apart from all I/O: what may run, what a failure leads
//! to, who is to blame for a trap, and what may be committed.

pub mod batch_size;
mod bits;
pub mod dedupe;
#[cfg(test)]
mod dedupe_simulation;
pub mod identify;
pub mod isolate;
pub mod lanes;
pub mod ledger;
pub mod memo;
pub mod partition;
pub mod retry;
pub mod seen;
#[cfg(test)]
mod simulation;

pub use batch_size::BatchSize;
pub use dedupe::Dedupe;
pub use identify::Identify;
pub use isolate::Mode;
pub use lanes::{CallId, Millis, Seq};
pub use memo::Memo;
pub use partition::{Bounds, Fate, Note, Partition, Ruling};
pub use retry::RetryPolicy;
pub use seen::{Past, Rule, Seen};
