//! Cassandra for functions: one shared session per worker, and per function an [`Access`] that checks its grants.
//! Values and rows pass through as the CQL binary protocol has them; the driver's types stay in here.
//!
//! [`Cassandra::connect`] → [`Access`] (a function) → [`Statements`] (an instance, its numbers) →
//! [`Access::execute`], [`Access::batch`] (an event).

mod access;
mod cache;
mod error;
mod grants;
mod monitor;
mod options;
mod outstanding;
mod paging;
mod prepared;
mod requests;
mod rows;
mod session;
mod statements;
mod types;
mod values;

pub use access::Access;
pub use error::{Kind, kind_name};
pub use options::EventTime;
pub use outstanding::Outstanding;
pub use prepared::Prepared;
pub use session::{Cassandra, Config, State};
pub use statements::Statements;
