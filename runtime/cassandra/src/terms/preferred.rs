//! Of which types constants are.

use std::borrow::Cow;

use veltrix_cql::Literal;

use crate::functions::Match;
use crate::types::CqlType;
use crate::types::decimal::Decimal;

/// What Cassandra calls a kind of constant; `None` of null.
pub(super) fn kind(literal: &Literal) -> Option<(&'static str, Cow<'_, str>)> {
    Some(match literal {
        Literal::Null => return None,
        Literal::Boolean(true) => ("BOOLEAN", "true".into()),
        Literal::Boolean(false) => ("BOOLEAN", "false".into()),
        Literal::Integer(text) => ("INTEGER", text.into()),
        Literal::Float(text) => ("FLOAT", text.into()),
        Literal::String(text) => ("STRING", text.into()),
        Literal::Blob(text) => ("HEX", format!("0x{text}").into()),
        Literal::Uuid(text) => ("UUID", text.into()),
        Literal::Duration(text) => ("DURATION", text.into()),
    })
}

/// The type that a constant is of, if nothing else is wanted.
pub(super) fn preferred(literal: &Literal) -> Option<CqlType> {
    Some(match literal {
        Literal::Null => return None,
        Literal::Boolean(_) => CqlType::Boolean,
        Literal::Integer(text) if text.parse::<i32>().is_ok() => CqlType::Int,
        Literal::Integer(text) if text.parse::<i64>().is_ok() => CqlType::Bigint,
        Literal::Integer(_) => CqlType::Varint,
        Literal::Float(text) => match Decimal::parse(text) {
            // A number that a double can't tell from others is a decimal.
            Some(decimal) if Decimal::from_double(decimal.to_double()).is_none_or(|double| double != decimal) => {
                CqlType::Decimal
            }
            _ => CqlType::Double,
        },
        Literal::String(text) if text.is_ascii() => CqlType::Ascii,
        Literal::String(_) => CqlType::Text,
        Literal::Blob(_) => CqlType::Blob,
        Literal::Uuid(text) if text.as_bytes().get(14) == Some(&b'1') => CqlType::Timeuuid,
        Literal::Uuid(_) => CqlType::Uuid,
        Literal::Duration(_) => CqlType::Duration,
    })
}

/// How well a constant, not null, fits a type.
pub(super) fn suits(literal: &Literal, wanted: &CqlType) -> Match {
    use CqlType::{
        Ascii, Bigint, Blob, Boolean, Counter, Date, Decimal, Double, Duration, Float, Inet, Int, Smallint, Text, Time,
        Timestamp, Timeuuid, Tinyint, Tuple, Udt, Uuid, Varint, Vector,
    };
    if wanted.is_collection() || matches!(wanted, Udt { .. } | Vector { .. }) {
        return Match::No;
    }
    if preferred(literal).as_ref() == Some(wanted) {
        return Match::Exact;
    }
    let fits = match literal {
        _ if matches!(wanted, Tuple(_)) => true,
        Literal::Null => true,
        Literal::String(_) => matches!(wanted, Ascii | Text | Inet | Date | Time | Timestamp),
        Literal::Integer(_) => matches!(
            wanted,
            Bigint
                | Counter
                | Date
                | Decimal
                | Double
                | Duration
                | Float
                | Int
                | Smallint
                | Time
                | Timestamp
                | Tinyint
                | Varint
        ),
        Literal::Uuid(_) => matches!(wanted, Uuid | Timeuuid),
        Literal::Float(_) => matches!(wanted, Decimal | Double | Float),
        Literal::Boolean(_) => matches!(wanted, Boolean),
        Literal::Blob(_) => matches!(wanted, Blob),
        Literal::Duration(_) => matches!(wanted, Duration),
    };
    if fits { Match::Weak } else { Match::No }
}
