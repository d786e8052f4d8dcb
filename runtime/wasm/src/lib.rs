//! The sandbox: loads a function's component, limits it, and calls it. Knows nothing of Kafka or Cassandra; what a
//! guest may ask of its host comes in through [`Services`] and [`Call`].
//!
//! [`Sandbox::load`] → [`Module`] → [`Sandbox::function`] → [`Function::instance`] → [`Instance::call`].

mod bindings;
mod cache;
mod contract;
mod engine;
mod error;
mod exchange;
mod function;
mod imports;
mod instance;
mod logs;
mod meter;
mod module;
mod quiet;
mod sandbox;
mod services;
mod state;
mod stop;
mod ticker;
mod wasi;

pub use cache::try_cache;
pub use contract::CONTRACT;
pub use error::{CallError, CallErrorKind, LoadError};
pub use exchange::{Ask, Reply, Request};
pub use function::{Function, Limits};
pub use instance::{Budget, Instance};
pub use module::{Module, ModuleInfo, World};
pub use sandbox::{Sandbox, SandboxConfig};
pub use services::{Call, CqlError, LEVEL_MISCONFIGURED, LEVEL_PANIC, Options, Page, Services, Statement, WHOLE_BATCH};
