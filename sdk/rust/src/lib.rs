//! Write Veltrix functions in Rust: events from Kafka in; rows in Cassandra and new events out.
//!
//! A function is a crate with one [`#[handler]`](macro@handler), built for `wasm32-wasip2`. The host calls it with events,
//! keeps those of one key in order, retries what failed, and commits what is done. The function holds no connection, no
//! offset and no loop.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use veltrix_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Sale {
//!     sku: String,
//!     quantity: i32,
//! }
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize)]
//! struct StockLow {
//!     left: i32,
//! }
//!
//! #[handler]
//! async fn stock(event: Event) -> Result<()> {
//!     let sale: Sale = event.json()?; // not the JSON expected: to the dead letters
//!     let left = cql("SELECT left FROM stock WHERE sku = ?").bind(&sale.sku).optional::<i32>().await?; // fails: again later
//!     let left = left.or_dead_letter("unknown-sku")?; // or as said here
//!     let rest = left - sale.quantity;
//!     let update = cql("UPDATE stock SET left = ? WHERE sku = ? IF left = ?").bind(rest).bind(&sale.sku).bind(left);
//!     if !update.run().await?.applied {
//!         return Err(Error::retry("someone else was faster"));
//!     }
//!     if rest < 5 {
//!         emit("stock-low").key(&sale.sku).json(&StockLow { left: rest })?; // sent when the event is acked
//!     }
//!     Ok(()) // ack
//! }
//!
//! // Its test, without Wasm, Kafka or Cassandra:
//! use veltrix_sdk::testing::{Host, Rows, Script, Verdict, event};
//!
//! let rows = Script::new()
//!     .on("SELECT left FROM stock WHERE sku = ?", Rows::of([6]))
//!     .on("UPDATE stock SET left = ? WHERE sku = ? IF left = ?", Rows::applied());
//! let run = Host::new().cassandra(&rows).run(stock, [event("sales").value(r#"{"sku": "mug", "quantity": 2}"#)]);
//!
//! assert_eq!(run.verdict(), Verdict::Ack);
//! assert_eq!(run.emits()[0].key_text(), Some("mug"));
//! assert_eq!(run.emits()[0].json::<StockLow>(), StockLow { left: 4 });
//! ```
//!
//! | to | see |
//! | --- | --- |
//! | read an event | [`Event`], [`Batch`] |
//! | emit events | [`emit`], [`Event::forward`] |
//! | read and write rows | [`mod@cql`] |
//! | write rows once for each event, whatever is repeated | [`once()`] |
//! | say what becomes of an event that failed | [`Error`], [`OrElse`] |
//! | read variables and secrets | [`Context`], [`var`], [`secret`] |
//! | stop where the deployment is wrong, not the event | [`misconfigured`] |
//! | log | [`mod@log`] |
//! | wait | [`sleep`] |
//! | test | `testing` (not on Wasm) |
//!
//! Whatever a handler does may happen twice: after a crash, or when a later step of it fails. Write rows so that the second
//! time changes nothing, or by [`once()`].

#![deny(missing_docs)]

// The generated bindings name this crate as other crates do.
#[cfg(target_family = "wasm")]
extern crate self as veltrix_sdk;

mod context;
pub mod cql;
mod emit;
mod error;
mod event;
#[cfg(any(target_family = "wasm", test))]
mod exchange;
pub(crate) mod host;
pub mod log;
mod once;
mod run;
pub(crate) mod task;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use context::*;
pub use emit::{Emit, emit};
pub use error::{DecodeError, Error, OrElse, Result};
pub use event::{Batch, Event};
pub use once::{Done, Effect, Once, once};
pub use run::Verdicts;

/// Makes a function the handler of its crate.
///
/// It takes, `async` or not,
///
/// | signature | is called with |
/// | --- | --- |
/// | `fn(Event) -> Result<()>` | one event; those of different keys side by side, those of one key in order |
/// | `fn(Event, &Context) -> Result<()>` | the same |
/// | `fn(Batch) -> Result<()>` or `-> Vec<Result<()>>` | all events of a call: one result for all, or one for each in order |
/// | `fn(Batch, &Context) -> …` | the same |
///
/// The types must be called `Event`, `Batch` and `Context`. The function stays as it is, so that other functions and unit tests
/// can call it; what is added is the export of the Wasm component. A crate has one handler: two are a duplicate export, which
/// the linker reports as a duplicate symbol on Wasm (not natively).
///
/// ```
/// use veltrix_sdk::prelude::*;
///
/// #[handler]
/// fn forward(event: Event, context: &Context) -> Result<()> {
///     event.forward(&context.require("to")?)
/// }
/// ```
pub use veltrix_sdk_macros::handler;

/// What a handler needs, in one line.
pub mod prelude {
    pub use crate::cql::{Consistency, cql};
    pub use crate::{Batch, Context, Error, Event, OrElse, Result, emit, handler, log, once, sleep};
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
