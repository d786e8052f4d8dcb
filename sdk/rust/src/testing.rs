//! Unit tests of handlers, without Wasm, Kafka or Cassandra: a [`Host`] in memory runs them, by the same code as on Wasm.
//!
//! ```
//! use veltrix_sdk::prelude::*;
//! use veltrix_sdk::testing::{Host, Rows, Script, Verdict, event};
//!
//! #[handler]
//! async fn count(event: Event, context: &Context) -> Result<()> {
//!     let sku = event.key_text().or_dead_letter("no-sku")?;
//!     let left = cql("SELECT left FROM stock WHERE sku = ?").bind(sku).one::<i32>().await?;
//!     if left < context.require("low")?.parse()? {
//!         emit("stock-low").key(sku).json(&left)?;
//!     }
//!     Ok(())
//! }
//!
//! let stock = Script::new().on("SELECT left FROM stock WHERE sku = ?", Rows::of([3]));
//! let host = Host::new().var("low", "5").cassandra(&stock);
//!
//! let run = host.run(count, [event("sales").key("mug")]);
//! assert_eq!(run.verdict(), Verdict::Ack);
//! assert_eq!(run.emits()[0].topic(), "stock-low");
//! assert_eq!(run.emits()[0].json::<i32>(), 3);
//! assert_eq!(stock.calls()[0].get::<String>(0).unwrap(), "mug");
//!
//! let run = host.run(count, [event("sales")]);
//! assert_eq!(run.verdict(), Verdict::dead_letter("no-sku"));
//! assert!(run.emits().is_empty());
//! ```
//!
//! # What it does, and what it doesn't
//! A run is one call: events of one topic and partition, those with equal keys in order, others side by side. Verdicts and
//! emits go through the frames that a host gets. [`sleep`](crate::sleep) takes no time: the clock jumps. A panic of the handler is
//! a panic of the test.
//!
//! There are no retries: `Verdict::Retry` is what the test sees, and [`Record::begun`] is how it plays the next attempt. CQL
//! is not interpreted: [`Script`] answers texts. Limits of memory, CPU and time, grants, and the `emits` of the manifest are not
//! checked.

mod handler;
mod host;
mod record;
mod run;

pub use self::handler::Handler;
pub use self::host::{Host, run};
pub use self::record::{Record, event};
pub use self::run::{Emitted, LogLine, Run, Verdict};
pub use crate::cql::script::{Answer, Call, IntoRow, Rows, Script};

#[cfg(test)]
mod tests;
