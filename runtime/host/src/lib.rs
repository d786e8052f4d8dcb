//! The host runtime: from Kafka's records to committed offsets.
//!
//! Modules in the order in which data flows.

pub mod control;

pub mod event;
pub mod jsonl;
pub mod kafka;
pub mod lines;
pub mod source;

pub mod flow;
pub mod function;
pub mod warm;

mod batch;
mod call;
pub mod cassandra;
pub mod schema;

pub mod dead_letter;
pub mod outbox;
pub mod outboxes;

mod transaction;
mod verdicts;

mod pipeline;

pub mod stage;

mod binding;
pub mod bounded;
mod breaker;
mod rate;
mod supervise;

pub mod admin;
pub mod metrics;
pub mod worker;
pub mod worker_id;

pub use worker::{Handle, Options, RunError, Snapshot, Swapped, Worker, run};
