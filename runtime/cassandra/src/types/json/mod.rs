//! Values as JSON, in both directions, and rows of `INSERT JSON` and `SELECT JSON`.

mod parse;
mod read;
mod row;
mod write;

pub(crate) use read::from_json;
pub(crate) use row::{row_from_json, row_to_json};
pub(crate) use write::to_json;

/// A parsed JSON text.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Boolean(bool),
    /// As written.
    Number(String),
    String(String),
    List(Vec<Json>),
    /// In the order of the text; a name may come twice, of which the last counts.
    Map(Vec<(String, Json)>),
}

impl Json {
    /// What Java calls it, as Cassandra's messages do.
    fn class(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "Boolean",
            Self::Number(text) if text.contains(['.', 'e', 'E']) => "Double",
            Self::Number(text) if text.parse::<i32>().is_ok() => "Integer",
            Self::Number(text) if text.parse::<i64>().is_ok() => "Long",
            Self::Number(_) => "BigInteger",
            Self::String(_) => "String",
            Self::List(_) => "ArrayList",
            Self::Map(_) => "LinkedHashMap",
        }
    }

    /// A number as Java has it: one with a point went through a double.
    fn number(text: &str) -> String {
        match text.contains(['.', 'e', 'E']) {
            true => super::number::java_double(text.parse().unwrap_or(f64::NAN)),
            false => text.strip_prefix('-').filter(|rest| *rest == "0").unwrap_or(text).to_owned(),
        }
    }
}

/// As Java prints it.
impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(&Self::number(text)),
            Self::String(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Map(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}={value}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

/// The name that a key means: as it is in quotes, else folded.
fn folded(key: &str) -> String {
    match key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.to_owned(),
        None => key.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{CqlType, Udt};

    fn round(of: &CqlType, json: &str, printed: &str) {
        let bytes = from_json(of, json).unwrap_or_else(|error| panic!("{json}: {error}"));
        if let Some(bytes) = &bytes {
            assert_eq!(of.validate(bytes), Ok(()), "{json}");
        }
        assert_eq!(to_json(of, bytes.as_deref()), printed);
    }

    #[test]
    fn prints_what_it_reads_as_cassandra_does() {
        let list = |of| CqlType::List { element: Arc::new(of), frozen: true };
        let map = CqlType::Map { key: Arc::new(CqlType::Int), value: Arc::new(CqlType::Text), frozen: true };
        let udt = Udt {
            keyspace: "ks".into(),
            name: "u".into(),
            fields: vec![("a".into(), CqlType::Int), ("B".into(), CqlType::Text)],
        };
        for (of, json, printed) in [
            (CqlType::Int, "5", "5"),
            (CqlType::Int, "\"5\"", "5"),
            (CqlType::Text, r#""a\u00e9\n\"""#, r#""aé\n\"""#),
            (CqlType::Decimal, "1.50", "1.5"),
            (CqlType::Decimal, "\"1.50\"", "1.50"),
            (CqlType::Double, "5", "5.0"),
            (CqlType::Double, "\"NaN\"", "null"),
            (CqlType::Blob, "\"0xCAFE\"", "\"0xcafe\""),
            (CqlType::Timestamp, "9999999999", "\"1970-04-26 17:46:39.999Z\""),
            (list(CqlType::Int), "[1,\"2\"]", "[1, 2]"),
            (list(CqlType::Int), "null", "null"),
            (map, "{\"2\": \"b\", \"1\": \"a\"}", "{\"1\": \"a\", \"2\": \"b\"}"),
            (CqlType::Tuple([CqlType::Int, CqlType::Text].into()), "[null, \"x\"]", "[null, \"x\"]"),
            (
                CqlType::Udt { definition: Arc::new(udt), frozen: true },
                r#"{"A": 1, "\"B\"": "x"}"#,
                r#"{"a": 1, "\"B\"": "x"}"#,
            ),
            (CqlType::Vector { element: Arc::new(CqlType::Float), dimension: 2 }, "[1, 2.5]", "[1.0, 2.5]"),
        ] {
            round(&of, json, printed);
        }
    }

    #[test]
    fn refuses_in_cassandras_words() {
        let list = CqlType::List { element: Arc::new(CqlType::Int), frozen: true };
        for (of, json, message) in [
            (&CqlType::Bigint, "5.0", "Expected a bigint value, but got a Double: 5.0"),
            (&CqlType::Int, "[1]", "Expected an int value, but got a ArrayList: [1]"),
            (&list, "{\"a\": 1}", "Expected a list, but got a LinkedHashMap: {a=1}"),
            (&list, "[null]", "Invalid null element in list"),
            (&CqlType::Uuid, "5", "Expected a string representation of a uuid, but got a Integer: 5"),
            (
                &CqlType::Timestamp,
                "0",
                "Expected a long or a datestring representation of a timestamp value, but got a Integer: 0",
            ),
            (&CqlType::Tinyint, "300", "Unable to make byte from '300'"),
        ] {
            assert_eq!(from_json(of, json), Err(message.to_owned()));
        }
        for bad in ["", "x", "[1", "{\"a\" 1}", "1 2", "\"a", "[1,]", "01", "\"\\u12\"", "nul"] {
            assert!(from_json(&CqlType::Text, bad).unwrap_err().contains("decode JSON"), "{bad}");
        }
        let deep = "[".repeat(10_000);
        assert!(from_json(&list, &deep).is_err());
    }
}
