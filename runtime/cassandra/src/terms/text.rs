//! Expressions as Cassandra's messages and result columns show them.

use veltrix_cql::{Expr, Literal, Marker, Type};

use crate::schema::Keyspace;

/// An expression as messages show it.
pub(crate) fn term_text(expr: &Expr, keyspace: &Keyspace) -> String {
    let text = |expr: &Expr| term_text(expr, keyspace);
    let list = |items: &[Expr]| items.iter().map(text).collect::<Vec<_>>().join(", ");
    match expr {
        Expr::Column(name) => name.as_str().to_owned(),
        Expr::Literal(Literal::Null) => "NULL".to_owned(),
        Expr::Literal(Literal::String(text)) => format!("'{text}'"),
        Expr::Literal(literal) => literal.to_string(),
        Expr::Marker(Marker::Positional) => "?".to_owned(),
        Expr::Marker(Marker::Named(name)) => format!(":{}", name.as_str()),
        Expr::Call { function, args } => format!("{function}({})", list(args)),
        Expr::CountAll => "count(*)".to_owned(),
        Expr::Cast { value, to } => format!("cast({} as {})", text(value), type_text(to, keyspace)),
        Expr::Hint { of, value } => format!("({}){}", type_text(of, keyspace), text(value)),
        Expr::List(items) => format!("[{}]", list(items)),
        Expr::Set(items) => format!("{{{}}}", list(items)),
        Expr::Tuple(items) => format!("({})", list(items)),
        Expr::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", text(key), text(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Expr::Udt(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{}: {}", name.as_str(), text(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Expr::Field(value, field) => format!("{}.{}", text(value), field.as_str()),
        Expr::Element(value, key) => format!("{}[{}]", text(value), text(key)),
        Expr::Slice(value, from, to) => {
            let bound = |bound: &Option<Box<Expr>>| bound.as_ref().map(|bound| text(bound)).unwrap_or_default();
            format!("{}[{}..{}]", text(value), bound(from), bound(to))
        }
        Expr::Binary { op, left, right } => format!("{} {} {}", text(left), op.as_str(), text(right)),
        Expr::Negate(value) => format!("-{}", text(value)),
    }
}

/// A type as it was written, user-defined ones with their keyspace.
pub(super) fn type_text(of: &Type, keyspace: &Keyspace) -> String {
    let text = |of: &Type| type_text(of, keyspace);
    match of {
        Type::Native(of) => of.as_str().replace("varchar", "text"),
        Type::List(element) => format!("list<{}>", text(element)),
        Type::Set(element) => format!("set<{}>", text(element)),
        Type::Map(key, value) => format!("map<{}, {}>", text(key), text(value)),
        Type::Tuple(parts) => format!("tuple<{}>", parts.iter().map(text).collect::<Vec<_>>().join(", ")),
        Type::Vector(element, dimension) => format!("vector<{}, {dimension}>", text(element)),
        Type::Frozen(inner) => format!("frozen<{}>", text(inner)),
        Type::Udt(name) => format!("{}.{}", keyspace.name, name.as_str()),
        Type::UdtOf(keyspace, name) => format!("{}.{}", keyspace.as_str(), name.as_str()),
        Type::Custom(class) => format!("'{class}'"),
    }
}
