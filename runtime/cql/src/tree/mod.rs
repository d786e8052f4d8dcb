//! The syntax tree. It holds what was said, folded and unescaped, and no positions.

mod command;
mod expr;
mod modify;
mod relation;
mod schema;
mod select;
mod types;

pub use command::{BatchKind, BatchText, Command, Describe, Described};
pub use expr::{Expr, Literal, Marker, Operator};
pub use modify::{Assignment, Condition, Delete, Insert, InsertValues, JsonDefault, JsonValue, Target, Update, Using};
pub use relation::{Comparison, InValues, Relation, Subject, Test};
pub use schema::{
    AlterTable, AlterType, ColumnDefinition, CreateIndex, CreateTable, Ddl, Dropped, IndexTarget, Options, PrimaryKey,
    Property,
};
pub use select::{Order, Select, Selected, Selection};
pub use types::{Native, Type};

/// One data statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `SELECT`
    Select(Select),
    /// `INSERT`
    Insert(Insert),
    /// `UPDATE`
    Update(Update),
    /// `DELETE`
    Delete(Delete),
}

/// An identifier after folding and unescaping; never empty. Printed quoted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(pub String);

impl Name {
    /// The name itself, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// A table, with its keyspace where the statement names one or was qualified.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Keyspace; `None` means the session's.
    pub keyspace: Option<Name>,
    /// Table or materialized view.
    pub name: Name,
}
