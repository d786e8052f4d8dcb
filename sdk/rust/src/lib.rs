//! Write Veltrix functions in Rust.

extern crate self as veltrix_sdk;

mod context;
pub mod cql;
mod emit;
mod error;
mod event;
pub(crate) mod host;
pub mod log;
mod run;
pub(crate) mod task;

pub use context::*;
pub use emit::{Emit, emit};
pub use error::{DecodeError, Error, OrElse, Result};
pub use event::{Batch, Event};
pub use veltrix_sdk_macros::handler;

/// What a handler needs, in one line.
pub mod prelude {
    pub use crate::cql::{Consistency, cql};
    pub use crate::{Batch, Context, Error, Event, OrElse, Result, emit, handler, log, sleep};
}

/// For the code that `#[handler]` makes.
#[doc(hidden)]
pub mod __private {
    #[cfg(target_family = "wasm")]
    pub use crate::host::wasm::bindings;
    pub use crate::run::{each, whole};
    #[cfg(target_family = "wasm")]
    pub use wit_bindgen;
}
