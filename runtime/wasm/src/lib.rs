//! The sandbox: loads a function's component, limits it, and calls it. Knows nothing of Kafka or Cassandra; what a
//! guest may ask of its host comes in through [`Services`] and [`Call`].

mod error;
mod services;
mod skeleton;

pub use error::{CallError, CallErrorKind, LoadError};
pub use services::{Call, CqlError, LEVEL_PANIC, Options, Page, Services, Statement, WHOLE_BATCH};
pub use skeleton::*;
