//! Write Veltrix functions in Rust.

extern crate self as veltrix_sdk;

pub mod cql;
pub(crate) mod host;
pub(crate) mod task;
