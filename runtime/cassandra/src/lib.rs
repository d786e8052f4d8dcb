//! A single-node, in-memory Cassandra for development and tests: real CQL over the native protocol.
#![deny(missing_docs)]

mod api;
mod engine;
mod schema;
mod types;

pub use api::{Batch, BatchKind, BatchStatement, Bound, Column, Consistency, Error, Parameters, Prepared, Response, Rows, SchemaChange};
pub use engine::Engine;
pub use types::{CqlType, Udt};
