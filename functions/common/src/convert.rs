//! JSON, or plain text, to CQL values. What does not fit is none: nothing is rounded, cut or guessed.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use veltrix_sdk::cql::{CqlType, Date, Decimal, Time, Timestamp, ToCql, Uuid, Value, Varint};

use crate::json::Json;
use crate::kind::Kind;

/// Longer numbers take longer to convert than they are worth: digits, and the size of a decimal's exponent.
const MOST_DIGITS: usize = 1_000;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of a kind that a JSON value is.
pub(crate) fn from_json(json: Json<'_>, kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Json => value(json.raw()),
        Kind::Cql(CqlType::List(element) | CqlType::Set(element)) => {
            let elements = json.is_array().then(|| json.elements().map(|json| scalar(json, element)))?;
            value(elements.collect::<Option<Vec<Value>>>()?)
        }
        Kind::Cql(CqlType::Map(_, element)) => {
            let members = json.is_object().then(|| json.members())?;
            let entries = members.map(|(name, json)| Some((name.text().into_owned(), scalar(json, element)?)));
            value(entries.collect::<Option<BTreeMap<String, Value>>>()?)
        }
        Kind::Cql(ty) => scalar(json, ty),
    }
}

/// The value of a kind that a text is: of an event's key, say.
pub(crate) fn from_text(text: &str, kind: &Kind) -> Option<Value> {
    match kind {
        Kind::Json => value(text),
        Kind::Cql(CqlType::Boolean) => value(text.parse::<bool>().ok()?),
        Kind::Cql(ty) => written(text, ty).or_else(|| number(text, ty)),
    }
}

fn scalar(json: Json<'_>, ty: &CqlType) -> Option<Value> {
    if *ty == CqlType::Boolean {
        return value(json.as_bool()?);
    }
    if let Some(digits) = json.as_number() {
        return number(digits, ty);
    }
    let text = json.as_str()?;
    match ty {
        // What many languages can't write as a JSON number without loss.
        CqlType::BigInt | CqlType::Varint | CqlType::Decimal => number(&text, ty),
        _ => written(&text, ty),
    }
}

/// What JSON writes as a string.
fn written(text: &str, ty: &CqlType) -> Option<Value> {
    match ty {
        CqlType::Text => value(text),
        CqlType::Ascii => value(text.is_ascii().then_some(text)?),
        CqlType::Uuid => value(text.parse::<Uuid>().ok()?),
        CqlType::TimeUuid => value(text.parse::<Uuid>().ok().filter(|uuid| uuid.version() == 1)?),
        CqlType::Timestamp => value(text.parse::<Timestamp>().ok()?),
        CqlType::Date => value(text.parse::<Date>().ok()?),
        CqlType::Time => value(text.parse::<Time>().ok()?),
        CqlType::Inet => value(text.parse::<IpAddr>().ok()?),
        CqlType::Blob => value(BASE64.decode(text).ok()?),
        _ => None,
    }
}

/// What JSON writes as a number. Whole numbers have neither a point nor an exponent.
fn number(digits: &str, ty: &CqlType) -> Option<Value> {
    // Rust also reads "inf" and "+1": neither is a JSON number.
    if !digits.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    match ty {
        CqlType::TinyInt => value(digits.parse::<i8>().ok()?),
        CqlType::SmallInt => value(digits.parse::<i16>().ok()?),
        CqlType::Int => value(digits.parse::<i32>().ok()?),
        CqlType::BigInt => value(digits.parse::<i64>().ok()?),
        CqlType::Timestamp => value(Timestamp::from_millis(digits.parse().ok()?)),
        CqlType::Float => value(digits.parse::<f32>().ok().filter(|number| number.is_finite())?),
        CqlType::Double => value(digits.parse::<f64>().ok().filter(|number| number.is_finite())?),
        CqlType::Varint if digits.len() <= MOST_DIGITS => value(digits.parse::<Varint>().ok()?),
        CqlType::Decimal => value(decimal(digits)?),
        _ => None,
    }
}

pub(crate) fn decimal(digits: &str) -> Option<Decimal> {
    let short = digits.len() <= MOST_DIGITS;
    let decimal: Decimal = short.then(|| digits.parse().ok())??;
    (decimal.scale().unsigned_abs() as usize <= MOST_DIGITS).then_some(decimal)
}

fn value(value: impl ToCql) -> Option<Value> {
    Value::new(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(json: &str, kind: &str) -> Option<Value> {
        from_json(Json::parse(json.as_bytes()).unwrap(), &Kind::parse(kind).unwrap())
    }

    /// The value as it would be bound to a column of that type.
    fn bytes(json: &str, kind: &str) -> Option<Vec<u8>> {
        let parsed = Kind::parse(kind).unwrap();
        let value = converted(json, kind)?;
        let mut bytes = Vec::new();
        value.encode(parsed.column(), &mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn numbers_keep_every_digit_or_are_refused() {
        let int = |json| converted(json, "int").map(|value| value.get::<i32>().unwrap());
        assert_eq!([int("-5"), int("2147483647"), int("2147483648")], [Some(-5), Some(i32::MAX), None]);
        assert_eq!([int("1.0"), int("1e3"), int("\"5\""), int("true"), int("null")], [None; 5]);
        let big = |json| converted(json, "bigint").map(|value| value.get::<i64>().unwrap());
        assert_eq!(big("9223372036854775807"), Some(i64::MAX));
        assert_eq!([big("9223372036854775808"), big("\"9007199254740993\"")], [None, Some(9_007_199_254_740_993)]);
        assert_eq!([big("\"+5\""), big("\"inf\""), big("\"\"")], [None; 3]);
        let decimal = |json| converted(json, "decimal").map(|value| value.get::<Decimal>().unwrap().to_string());
        assert_eq!(decimal("0.10"), Some("0.10".into()));
        assert_eq!(decimal("123456789012345678901234567890.12"), Some("123456789012345678901234567890.12".into()));
        assert_eq!([decimal("1e1001"), decimal("1e-1001"), decimal(&"9".repeat(1_001))], [None, None, None]);
        let varint = |json| converted(json, "varint").map(|value| value.get::<Varint>().unwrap().to_string());
        assert_eq!(varint("-18446744073709551617"), Some("-18446744073709551617".into()));
        let double = |json| converted(json, "double").map(|value| value.get::<f64>().unwrap());
        assert_eq!([double("1e308"), double("1e309"), double("0.5")], [Some(1e308), None, Some(0.5)]);
    }

    #[test]
    fn each_type_has_its_text() {
        for (json, kind) in [
            ("\"é\"", "text"),
            ("\"a\"", "ascii"),
            ("\"123e4567-e89b-12d3-a456-426614174000\"", "uuid"),
            ("\"123e4567-e89b-12d3-a456-426614174000\"", "timeuuid"),
            ("\"2026-03-02T06:00:00.5+01:00\"", "timestamp"),
            ("1772431200000", "timestamp"),
            ("\"2026-03-02\"", "date"),
            ("\"12:30:00\"", "time"),
            ("\"::1\"", "inet"),
            ("\"AP8=\"", "blob"),
            ("\"AP8\"", "blob"),
            ("true", "boolean"),
            ("[1, 2]", "list<int>"),
            ("[]", "list<text>"),
            ("[\"a\", \"a\"]", "set<text>"),
            ("{\"a\": 1}", "map<text, int>"),
            ("{\"a\": 1.5}", "map<text, decimal>"),
            ("{\"a\": [1]}", "json"),
        ] {
            assert!(bytes(json, kind).is_some(), "{json} as {kind}");
        }
        assert_eq!(bytes("\"AP8\"", "blob"), Some(vec![0, 255]));
        assert_eq!(bytes("{\"a\":  1}", "json"), Some(b"{\"a\":  1}".to_vec()));
        for (json, kind) in [
            ("1", "text"),
            ("\"é\"", "ascii"),
            ("\"c0ffee\"", "uuid"),
            ("\"6ba7b810-9dad-41d1-80b4-00c04fd430c8\"", "timeuuid"),
            ("\"yesterday\"", "timestamp"),
            ("1.5", "timestamp"),
            ("\"2026-02-30\"", "date"),
            ("\"%%\"", "blob"),
            ("1", "boolean"),
            ("[1, null]", "list<int>"),
            ("[1, \"2\"]", "set<int>"),
            ("{}", "list<int>"),
            ("[]", "map<text, int>"),
            ("{\"a\": null}", "map<text, int>"),
        ] {
            assert_eq!(bytes(json, kind), None, "{json} as {kind}");
        }
    }

    #[test]
    fn of_names_that_repeat_in_a_map_the_last_counts() {
        let map: BTreeMap<String, i32> = converted("{\"a\": 1, \"a\": 2}", "map<text, int>").unwrap().get().unwrap();
        assert_eq!(map, BTreeMap::from([("a".to_owned(), 2)]));
    }

    #[test]
    fn plain_text_is_read_by_the_type() {
        let of = |text, kind| from_text(text, &Kind::parse(kind).unwrap()).is_some();
        assert!(of("a", "text") && of("-7", "int") && of("true", "boolean") && of("2026-03-02", "date"));
        assert!(!of("", "int") && !of("7 ", "int") && !of("yes", "boolean") && !of("1", "set<int>"));
    }
}
