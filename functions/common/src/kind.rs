//! [`Kind`]: what a field becomes.

use std::fmt;

use veltrix_sdk::cql::CqlType;

/// A CQL type that fields can become, or the JSON itself as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The value as it is written, in a column of type `text`.
    Json,
    /// A value of this type.
    Cql(CqlType),
}

const SCALARS: [(&str, CqlType); 18] = [
    ("ascii", CqlType::Ascii),
    ("bigint", CqlType::BigInt),
    ("blob", CqlType::Blob),
    ("boolean", CqlType::Boolean),
    ("date", CqlType::Date),
    ("decimal", CqlType::Decimal),
    ("double", CqlType::Double),
    ("float", CqlType::Float),
    ("inet", CqlType::Inet),
    ("int", CqlType::Int),
    ("smallint", CqlType::SmallInt),
    ("text", CqlType::Text),
    ("time", CqlType::Time),
    ("timestamp", CqlType::Timestamp),
    ("timeuuid", CqlType::TimeUuid),
    ("tinyint", CqlType::TinyInt),
    ("uuid", CqlType::Uuid),
    ("varint", CqlType::Varint),
];

impl Kind {
    /// Reads a type as CQL writes it: `text`, `set<int>`, `map<text, decimal>`.
    ///
    /// # Errors
    /// It is none that a field can become.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        if text == "json" {
            return Ok(Self::Json);
        }
        let found = match text.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
            Some(("list", element)) => scalar(element).map(|element| CqlType::List(Box::new(element))),
            Some(("set", element)) => scalar(element).map(|element| CqlType::Set(Box::new(element))),
            Some(("map", entry)) => entry
                .split_once(',')
                .filter(|(key, _)| scalar(key) == Some(CqlType::Text))
                .and_then(|(_, value)| scalar(value))
                .map(|value| CqlType::Map(Box::new(CqlType::Text), Box::new(value))),
            Some(_) => None,
            None => scalar(&text),
        };
        found.map(Self::Cql).ok_or_else(|| {
            let known = SCALARS.map(|(name, _)| name).join(", ");
            format!("{text:?} is no type that a field can become, these are: json, {known}, list<…>, set<…>, map<text, …> of these")
        })
    }

    /// The type of the column.
    pub fn column(&self) -> &CqlType {
        match self {
            Self::Json => &CqlType::Text,
            Self::Cql(ty) => ty,
        }
    }

    /// Whether it can be part of a primary key.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::Json | Self::Cql(CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("json"),
            Self::Cql(ty) => ty.fmt(f),
        }
    }
}

fn scalar(name: &str) -> Option<CqlType> {
    let name = if name == "varchar" { "text" } else { name };
    SCALARS.into_iter().find(|(known, _)| *known == name).map(|(_, ty)| ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_cql_writes_them() {
        for text in ["text", "decimal", "list<int>", "set<text>", "map<text, decimal>", "json"] {
            assert_eq!(Kind::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Kind::parse("VARCHAR").unwrap(), Kind::Cql(CqlType::Text));
        for wrong in
            ["", "strnig", "list<>", "list<list<int>>", "map<int, int>", "map<text>", "counter", "frozen<set<int>>"]
        {
            assert!(Kind::parse(wrong).is_err(), "{wrong}");
        }
    }
}
