//! `INSERT`, `UPDATE` and `DELETE`.

use super::{Expr, Marker, Name, Relation, Table};

/// `INSERT INTO … [IF NOT EXISTS] [USING …]`
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// Into which table.
    pub table: Table,
    /// What is inserted.
    pub values: InsertValues,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `USING …`, in its order, which is that of bind markers; may be empty.
    pub using: Vec<Using>,
}

/// What is inserted.
#[derive(Debug, Clone, PartialEq)]
pub enum InsertValues {
    /// `(a, b) VALUES (1, 2)`: columns and their values, not empty.
    Columns(Vec<(Name, Expr)>),
    /// `JSON '…' [DEFAULT …]`
    Json {
        /// A string or a marker.
        value: JsonValue,
        /// What columns get that the text leaves out.
        default: JsonDefault,
    },
}

/// The text of `INSERT … JSON`.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonValue {
    /// Constant text.
    Text(String),
    /// Bound text.
    Marker(Marker),
}

/// What `INSERT … JSON` does to columns that the text leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonDefault {
    /// They become null, the default.
    Null,
    /// They stay as they are.
    Unset,
}

/// `UPDATE … [USING …] SET … WHERE … [IF …]`
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Which table.
    pub table: Table,
    /// `USING …`, in its order, which is that of bind markers; may be empty.
    pub using: Vec<Using>,
    /// Not empty.
    pub assignments: Vec<Assignment>,
    /// Joined by `AND`, not empty.
    pub filter: Vec<Relation>,
    /// `IF …`
    pub condition: Option<Condition>,
}

/// One assignment of `SET`.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// `column = value`
    Set(Name, Expr),
    /// `column = column + value`, also written `column += value`.
    Add(Name, Expr),
    /// `column = column - value`, also written `column -= value`.
    Subtract(Name, Expr),
    /// `column = value + column`
    Prepend(Name, Expr),
    /// `column[key] = value`
    Element(Name, Expr, Expr),
    /// `column.field = value`
    Field(Name, Name, Expr),
}

/// `DELETE [targets] FROM … [USING TIMESTAMP …] WHERE … [IF …]`
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// Empty: whole rows.
    pub targets: Vec<Target>,
    /// From which table.
    pub table: Table,
    /// `USING TIMESTAMP …`; may be empty.
    pub using: Vec<Using>,
    /// Joined by `AND`, not empty.
    pub filter: Vec<Relation>,
    /// `IF …`
    pub condition: Option<Condition>,
}

/// What `DELETE` takes from a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A column.
    Column(Name),
    /// `column[key]`
    Element(Name, Expr),
    /// `column.field`
    Field(Name, Name),
}

/// What an `UPDATE` or `DELETE` depends on.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// `IF EXISTS`
    Exists,
    /// `IF …`, joined by `AND`, not empty.
    If(Vec<Relation>),
}

/// One option of `USING`; its value is an integer or a marker. At most one of each.
#[derive(Debug, Clone, PartialEq)]
pub enum Using {
    /// Microseconds since the epoch.
    Timestamp(Expr),
    /// Seconds.
    Ttl(Expr),
}
