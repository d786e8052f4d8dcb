//! Terms and selectors: one tree, since Cassandra's two grammars share all but columns.

use super::{Name, Type};

/// A term, or in a select list and `GROUP BY` a selector.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column; in selectors only.
    Column(Name),
    /// A constant.
    Literal(Literal),
    /// `?` or `:name`
    Marker(Marker),
    /// A function; [`parse`](crate::parse) takes those of the allow list only.
    Call {
        /// Folded name; with [`parse_any`](crate::parse_any) it may be `keyspace.name`.
        function: String,
        /// Arguments.
        args: Vec<Expr>,
    },
    /// `count(*)`
    CountAll,
    /// `CAST(value AS type)`
    Cast {
        /// What is converted.
        value: Box<Expr>,
        /// To which type.
        to: Type,
    },
    /// `(type) value`: says of which type a literal or marker is.
    Hint {
        /// The type.
        of: Type,
        /// The value.
        value: Box<Expr>,
    },
    /// `[a, b]`: a list or a vector.
    List(Vec<Expr>),
    /// `{a, b}`; `{}` may also be an empty map.
    Set(Vec<Expr>),
    /// `{k: v}`, not empty.
    Map(Vec<(Expr, Expr)>),
    /// `{field: v}`, a user-defined type; not empty.
    Udt(Vec<(Name, Expr)>),
    /// `(a, b)`, not empty. With one element it may mean mere parentheses; it is kept as written.
    Tuple(Vec<Expr>),
    /// `value.field`; in selectors only.
    Field(Box<Expr>, Name),
    /// `value[key]`; in selectors only.
    Element(Box<Expr>, Box<Expr>),
    /// `value[from..to]`; in selectors only.
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `left op right`
    Binary {
        /// The operator.
        op: Operator,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `-value`, where the value is no number.
    Negate(Box<Expr>),
}

/// A constant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean(bool),
    /// Decimal digits, with `-` if negative.
    Integer(String),
    /// As written: digits, point, exponent; or `NaN`, `Infinity`; with `-` if negative.
    Float(String),
    /// Text, unescaped.
    String(String),
    /// Lower-case hex digits, without `0x`.
    Blob(String),
    /// Lower case.
    Uuid(String),
    /// As written in either notation, upper-case `P…` or lower-case units; with `-` if negative.
    Duration(String),
}

/// A bind marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Marker {
    /// `?`
    Positional,
    /// `:name`
    Named(Name),
}

/// An arithmetic operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

impl Operator {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }

    /// Whether it binds tighter than `+` and `-`.
    pub(crate) fn is_multiplicative(self) -> bool {
        match self {
            Self::Add | Self::Subtract => false,
            Self::Multiply | Self::Divide | Self::Modulo => true,
        }
    }
}
