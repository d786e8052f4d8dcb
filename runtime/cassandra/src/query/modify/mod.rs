//! `INSERT`, `UPDATE` and `DELETE`: what they mean (`analyse`, `operation`), and the mutations they make (`build`,
//! `write`).

mod analyse;
mod build;
mod insert;
mod lists;
mod operation;
mod system;
mod write;

use std::sync::Arc;

use crate::query::condition::Condition;
use crate::query::restrictions::{Restrictions, Statement};
use crate::schema::Table;
use crate::terms::Term;
use operation::Operation;

pub(crate) use analyse::using;
pub(crate) use build::{Target, out_of_bound};
pub(crate) use lists::Clock;
pub(crate) use system::{system_key, system_store};

/// A statement that writes, analysed.
#[derive(Debug)]
pub(crate) struct Modify {
    /// Its table.
    pub(crate) table: Arc<Table>,
    /// Which statement.
    pub(crate) statement: Statement,
    /// On what it depends.
    pub(crate) condition: Option<Condition>,
    /// It says `USING TIMESTAMP`.
    pub(crate) timestamp: Option<Term>,
    /// It says `USING TTL`.
    pub(crate) ttl: Option<Term>,
    restrictions: Restrictions,
    operations: Vec<Operation>,
    /// The text of `INSERT JSON`, which says at its run what is written.
    json: Option<insert::Json>,
}
