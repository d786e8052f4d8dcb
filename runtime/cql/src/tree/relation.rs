//! What `WHERE` and `IF` say of columns.

use super::{Expr, Marker, Name};

/// `subject test`, joined to others by `AND`.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// What is tested.
    pub subject: Subject,
    /// The test.
    pub test: Test,
}

/// The left side of a relation.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A column.
    Column(Name),
    /// `column[key]`
    Element(Name, Expr),
    /// `column.field`; in `IF` only.
    Field(Name, Name),
    /// `(a, b)`, not empty; in `WHERE` only.
    Tuple(Vec<Name>),
    /// `token(a, b)`, not empty; in `WHERE` only.
    Token(Vec<Name>),
}

/// The right side of a relation.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `= value` and the like.
    Compare(Comparison, Expr),
    /// `IN …`
    In(InValues),
    /// `CONTAINS value`
    Contains(Expr),
    /// `CONTAINS KEY value`
    ContainsKey(Expr),
    /// `LIKE value`; by [`parse_any`](crate::parse_any) only.
    Like(Expr),
    /// `IS NOT NULL`; by [`parse_any`](crate::parse_any) only.
    IsNotNull,
}

/// What follows `IN`.
#[derive(Debug, Clone, PartialEq)]
pub enum InValues {
    /// `(a, b)`, may be empty.
    List(Vec<Expr>),
    /// `?`: the whole list is bound.
    Marker(Marker),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`; in `IF` only, but for [`parse_any`](crate::parse_any).
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}
