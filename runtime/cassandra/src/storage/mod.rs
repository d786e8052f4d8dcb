//! What tables hold: partitions in token order, their rows in clustering order, and the rules by which writes to
//! the same place are reconciled. Knows types by their order only, and nothing of CQL.

mod cell;
mod clustering;
mod decided;
mod layout;
mod merge;
mod packed;
mod partition;
mod purge;
mod ranges;
mod rows;
mod store;
#[cfg(test)]
mod tests;
mod token;
mod update;

pub(crate) use cell::{Cell, Deletion, Item, Life, Liveness};
pub(crate) use clustering::{Position, Side, components, push_component};
pub(crate) use decided::decided;
pub(crate) use layout::Layout;
pub(crate) use packed::{Packed, RowBuilder, RowRef};
pub(crate) use partition::Partition;
pub(crate) use store::{Change, Key, Mutation, Store};
pub(crate) use token::token;
pub(crate) use update::{Increment, Update};
