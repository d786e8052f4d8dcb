//! The host runtime: from Kafka's records to committed offsets.
//!
//! Modules in the order in which data flows.

pub mod event;
pub mod kafka;
pub mod source;

pub mod flow;
pub mod outbox;

mod dead_letter;
pub mod metrics;
