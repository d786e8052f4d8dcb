//! Cassandra: statements with typed values, rows, pages, conditional writes and batches.
//!
//! ```no_run
//! use veltrix_sdk::cql::{CqlError, cql};
//!
//! # async fn run(sku: &str, order: &str) -> Result<(), CqlError> {
//! let left = cql("SELECT left FROM stock WHERE sku = ?").bind(sku).one::<i32>().await?;
//! let outcome = cql("UPDATE stock SET left = ?, last_order = ? WHERE sku = ? IF left = ?")
//!     .bind(left - 1)
//!     .bind(order)
//!     .bind(sku)
//!     .bind(left)
//!     .run()
//!     .await?;
//! if !outcome.applied {
//!     // Someone else was faster.
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A function reaches the tables that the manifest grants it, and no others. Each text is prepared once per instance; the
//! types of its parameters and columns are then known, and a Rust value of another type is an error that names both.
//!
//! # Types
//!
//! | CQL | Rust | also bound from | also read as |
//! | --- | --- | --- | --- |
//! | `tinyint` | `i8` | | `i16`, `i32`, `i64` |
//! | `smallint` | `i16` | `i8` | `i32`, `i64` |
//! | `int` | `i32` | `i8`, `i16` | `i64` |
//! | `bigint`, `counter` | `i64` | `i8`, `i16`, `i32` | |
//! | `float` | `f32` | | `f64` |
//! | `double` | `f64` | `f32` | |
//! | `boolean` | `bool` | | |
//! | `text`, `varchar`, `ascii` | `String` | `str`, `Cow<str>` | `Box<str>`, `Rc<str>`, `Arc<str>` |
//! | `blob` | `Vec<u8>` | `[u8]`, `[u8; N]`, `Cow<[u8]>` | `[u8; N]` |
//! | `uuid`, `timeuuid` | [`Uuid`] | | |
//! | `timestamp` | [`Timestamp`] | | |
//! | `date` | [`Date`] | | |
//! | `time` | [`Time`] | | |
//! | `duration` | [`Duration`] | | |
//! | `varint` | [`Varint`] | | |
//! | `decimal` | [`Decimal`] | | |
//! | `inet` | [`IpAddr`](std::net::IpAddr) | | |
//! | `list<T>` | `Vec<T>` | `[T]`, `[T; N]` | `[T; N]` |
//! | `set<T>` | `HashSet<T>`, `BTreeSet<T>` | `Vec<T>`, `[T]`, `[T; N]` | `Vec<T>` |
//! | `map<K, V>` | `HashMap<K, V>`, `BTreeMap<K, V>` | | |
//! | `vector<T, n>` | `Vec<T>`, `[T; N]` | `[T]` | |
//! | `tuple<…>` | tuples of up to 8 | | |
//! | user-defined | [`Udt`], structs by [`udt!`](crate::udt) | | |
//! | any | [`Value`] | | [`Value`] |
//! | null | `Option<T>` | | an empty collection |
//! | left as it is | | [`Unset`], [`MaybeUnset<T>`] | |
//!
//! Numbers widen, and never narrow. References, `Box`, `Rc` and `Arc` stand for what they hold. Frozen or not makes no
//! difference here. Types of your own implement [`ToCql`] and [`FromCql`] by passing on to one of these.

mod batch;
mod calendar;
mod collections;
mod decimal;
mod decode;
mod duration;
mod encode;
mod error;
mod instant;
mod map;
mod options;
mod outcome;
mod page;
mod query;
mod row;
#[cfg(not(target_family = "wasm"))]
pub mod script;
mod spec;
#[cfg(not(target_family = "wasm"))]
mod spec_write;
mod statement;
mod tuple;
mod types;
mod udt;
mod uuid;
mod value;
mod varint;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use batch::Writes;
pub use batch::{Batch, batch};
pub use decimal::Decimal;
pub use decode::FromCql;
pub use duration::Duration;
pub use encode::{Encoded, MaybeUnset, ToCql, Unset};
pub use error::{Applied, CqlError, CqlErrorKind, ValueError};
pub use instant::{Date, ParseTimeError, Time, Timestamp};
pub use options::{Consistency, SerialConsistency};
pub use outcome::Outcome;
pub use page::{Page, PageToken, Pages};
pub use query::{Cql, cql};
pub use row::{ColumnIndex, FromRow, Row};
pub use types::{Column, CqlType, UdtType};
pub use udt::Udt;
pub use uuid::{ParseUuidError, Uuid};
pub use value::Value;
pub use varint::{ParseNumberError, Varint, VarintRangeError};

/// What the macros expand to.
#[doc(hidden)]
pub mod __private {
    pub use super::udt::{encode_fields, udt_of};
}
