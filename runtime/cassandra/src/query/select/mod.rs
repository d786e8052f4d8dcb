//! `SELECT`: what it means (`analyse`), and how it is answered: partitions and rows are walked in order, and each row
//! goes into a sink that makes result rows of it.

mod analyse;
mod group;
mod input;
mod json;
mod order;
mod paging;
mod run;
mod selection;
mod sink;
mod walk;

use std::sync::Arc;

use crate::api::Column as Named;
use crate::query::restrictions::Restrictions;
use crate::schema::Table;
use crate::terms::Term;
use selection::Selection;

pub(crate) use run::Page;

/// A `SELECT`, analysed.
#[derive(Debug)]
pub(crate) struct Select {
    /// Its table.
    pub(crate) table: Arc<Table>,
    /// Columns of its result.
    pub(crate) columns: Arc<[Named]>,
    selection: Selection,
    restrictions: Restrictions,
    /// Of `SELECT JSON`: what goes into its texts.
    json: Option<Vec<Named>>,
    distinct: bool,
    /// From the last row of a partition to the first.
    reversed: bool,
    /// Of several partitions, columns and whether they descend.
    sort: Vec<(usize, bool)>,
    per_partition_limit: Option<Term>,
    limit: Option<Term>,
    /// Tells this statement from others, for its paging state.
    digest: u64,
}
