//! CQL's data statements: analysed once, run with bound values on what tables hold.

mod batch;
mod cas;
mod condition;
mod context;
mod modify;
mod read;
mod restrictions;
mod scope;
mod select;

pub(crate) use batch::{Batch, check as check_batch};
pub(crate) use cas::{Outcome, Part, applied, decide};
pub(crate) use context::Context;
pub(crate) use modify::{Clock, Modify, system_store};
pub(crate) use scope::{Scope, find_table};
pub(crate) use select::{Page, Select};
