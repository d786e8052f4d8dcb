//! Expressions, literals and types.

use std::fmt::{self, Display, Formatter};

use super::{joined, quoted};
use crate::functions::is_native;
use crate::tree::{Expr, Literal, Marker, Operator, Type};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => name.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
            Self::Marker(marker) => marker.fmt(f),
            Self::Call { function, args } => {
                called(f, function)?;
                f.write_str("(")?;
                joined(f, args, ", ")?;
                f.write_str(")")
            }
            Self::CountAll => f.write_str("count(*)"),
            Self::Cast { value, to } => write!(f, "CAST({value} AS {to})"),
            Self::Hint { of, value } => {
                write!(f, "({of}) ")?;
                hinted(f, value)
            }
            Self::List(items) => bracketed(f, "[", items, "]"),
            Self::Set(items) => bracketed(f, "{", items, "}"),
            Self::Tuple(items) => bracketed(f, "(", items, ")"),
            Self::Map(entries) => pairs(f, entries),
            Self::Udt(fields) => pairs(f, fields),
            Self::Field(value, field) => {
                base(f, value)?;
                write!(f, ".{field}")
            }
            Self::Element(value, key) => {
                base(f, value)?;
                write!(f, "[{key}]")
            }
            Self::Slice(value, from, to) => {
                base(f, value)?;
                f.write_str("[")?;
                if let Some(from) = from {
                    write!(f, "{from} ")?;
                }
                f.write_str("..")?;
                if let Some(to) = to {
                    write!(f, " {to}")?;
                }
                f.write_str("]")
            }
            Self::Binary { op, left, right } => {
                operand(f, left, *op, false)?;
                write!(f, " {} ", op.as_str())?;
                operand(f, right, *op, true)
            }
            Self::Negate(value) => {
                f.write_str("-")?;
                unsigned(f, value)
            }
        }
    }
}

/// The name of a function: quoted, unless it is native.
fn called(f: &mut Formatter<'_>, function: &str) -> fmt::Result {
    if is_native(function) {
        return f.write_str(function);
    }
    if let Some((keyspace, name)) = function.split_once('.') {
        quoted(f, '"', keyspace)?;
        f.write_str(".")?;
        return quoted(f, '"', name);
    }
    quoted(f, '"', function)
}

/// An operand of `op`, in parentheses if it would bind otherwise without them.
fn operand(f: &mut Formatter<'_>, value: &Expr, op: Operator, right: bool) -> fmt::Result {
    let loose = match value {
        Expr::Binary { op: inner, .. } => match (inner.is_multiplicative(), op.is_multiplicative()) {
            (true, false) => false,
            (false, true) => true,
            (true, true) | (false, false) => right,
        },
        _ => false,
    };
    if loose { write!(f, "({value})") } else { value.fmt(f) }
}

/// What something is taken out of.
fn base(f: &mut Formatter<'_>, value: &Expr) -> fmt::Result {
    let bare = !matches!(value, Expr::Binary { .. } | Expr::Negate(_) | Expr::Literal(_) | Expr::Marker(_));
    if bare { value.fmt(f) } else { write!(f, "({value})") }
}

/// What follows a type hint, which binds tighter than all but brackets.
fn hinted(f: &mut Formatter<'_>, value: &Expr) -> fmt::Result {
    let bare = match value {
        Expr::Binary { .. } | Expr::Negate(_) | Expr::Field(..) | Expr::Element(..) | Expr::Slice(..) => false,
        Expr::Literal(literal) => !is_negative(literal),
        _ => true,
    };
    if bare { value.fmt(f) } else { write!(f, "({value})") }
}

/// What follows a `-`: not a second one, which would begin a comment, nor a number to take it in.
fn unsigned(f: &mut Formatter<'_>, value: &Expr) -> fmt::Result {
    let number = matches!(value, Expr::Literal(Literal::Integer(_) | Literal::Float(_) | Literal::Duration(_)));
    let bare = !number && !matches!(value, Expr::Binary { .. } | Expr::Negate(_));
    if bare { value.fmt(f) } else { write!(f, "({value})") }
}

fn is_negative(literal: &Literal) -> bool {
    match literal {
        Literal::Integer(text) | Literal::Float(text) | Literal::Duration(text) => text.starts_with('-'),
        Literal::Null | Literal::Boolean(_) | Literal::String(_) | Literal::Blob(_) | Literal::Uuid(_) => false,
    }
}

fn bracketed(f: &mut Formatter<'_>, open: &str, items: &[Expr], close: &str) -> fmt::Result {
    f.write_str(open)?;
    joined(f, items, ", ")?;
    f.write_str(close)
}

fn pairs<K: Display>(f: &mut Formatter<'_>, pairs: &[(K, Expr)]) -> fmt::Result {
    f.write_str("{")?;
    for (i, (key, value)) in pairs.iter().enumerate() {
        write!(f, "{}{key}: {value}", if i > 0 { ", " } else { "" })?;
    }
    f.write_str("}")
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(true) => f.write_str("true"),
            Self::Boolean(false) => f.write_str("false"),
            Self::Integer(text) | Self::Float(text) | Self::Uuid(text) | Self::Duration(text) => f.write_str(text),
            Self::String(text) => quoted(f, '\'', text),
            Self::Blob(hex) => write!(f, "0x{hex}"),
        }
    }
}

impl Display for Marker {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Positional => f.write_str("?"),
            Self::Named(name) => write!(f, ":{name}"),
        }
    }
}

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(native) => f.write_str(native.as_str()),
            Self::List(of) => write!(f, "list<{of}>"),
            Self::Set(of) => write!(f, "set<{of}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Frozen(of) => write!(f, "frozen<{of}>"),
            Self::Vector(of, dimension) => write!(f, "vector<{of}, {dimension}>"),
            Self::Tuple(types) => {
                f.write_str("tuple<")?;
                joined(f, types, ", ")?;
                f.write_str(">")
            }
            Self::Udt(name) => name.fmt(f),
            Self::UdtOf(keyspace, name) => write!(f, "{keyspace}.{name}"),
            Self::Custom(class) => quoted(f, '\'', class),
        }
    }
}
