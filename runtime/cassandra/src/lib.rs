//! A single-node, in-memory Cassandra for development and tests: real CQL over the native protocol.
#![deny(missing_docs)]

mod server;
mod wire;

mod api;
mod engine;

mod functions;
mod query;
mod schema;
mod storage;
mod system;
mod terms;
mod types;

pub use api::{
    Batch, BatchKind, BatchStatement, Bound, Column, Consistency, Error, Parameters, Prepared, Response, Rows,
    SchemaChange,
};
pub use engine::Engine;
pub use server::Server;
pub use system::System;
pub use types::{CqlType, Udt};
