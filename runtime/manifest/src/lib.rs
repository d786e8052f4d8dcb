//! `veltrix.toml`: read into a typed [`Manifest`] with every default applied, or into all its [`Problems`] at once,
//! each with line, column and what to write instead. What the keys mean is in this crate's README.

mod model;
mod problem;

pub use model::{
    Batch, Binding, Cassandra, DeadLetter, Dedupe, DedupeBy, Delivery, Function, Grant, Instances, Kafka, Limits,
    Manifest, Ordering, Retry, Secret, Start, is_pattern,
};
pub use problem::{Problem, Problems};
