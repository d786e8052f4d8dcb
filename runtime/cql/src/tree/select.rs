//! `SELECT`.

use super::{Expr, Name, Relation, Table};

/// `SELECT [JSON] [DISTINCT] … FROM … [WHERE …] [GROUP BY …] [ORDER BY …] [PER PARTITION LIMIT …]
/// [LIMIT …] [ALLOW FILTERING]`
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// `JSON`: each row as one text column.
    pub json: bool,
    /// `DISTINCT`
    pub distinct: bool,
    /// What is selected.
    pub selection: Selection,
    /// From which table.
    pub table: Table,
    /// Joined by `AND`; may be empty.
    pub filter: Vec<Relation>,
    /// May be empty.
    pub group_by: Vec<Expr>,
    /// May be empty.
    pub order_by: Vec<(Name, Order)>,
    /// An integer or a marker.
    pub per_partition_limit: Option<Expr>,
    /// An integer or a marker.
    pub limit: Option<Expr>,
    /// `ALLOW FILTERING`
    pub allow_filtering: bool,
}

/// What is selected.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// `*`
    All,
    /// Selectors, not empty.
    List(Vec<Selected>),
}

/// `selector [AS alias]`
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// The selector.
    pub value: Expr,
    /// The name of its column in the result.
    pub alias: Option<Name>,
}

/// A direction of `ORDER BY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `ASC`, the default.
    Ascending,
    /// `DESC`
    Descending,
}
