//! CQL values as JSON, and as cells of a table.

use scylla::value::{CqlDecimal, CqlValue, CqlVarint};
use serde_json::{Map, Value, json};

/// A value as JSON: numbers where JSON has them, or else the text that CQL shows; a map whose keys are not text is a list
/// of pairs.
pub(crate) fn to_json(value: Option<&CqlValue>) -> Value {
    let Some(value) = value else { return Value::Null };
    match value {
        CqlValue::Ascii(text) | CqlValue::Text(text) => json!(text),
        CqlValue::Boolean(flag) => json!(flag),
        CqlValue::TinyInt(number) => json!(number),
        CqlValue::SmallInt(number) => json!(number),
        CqlValue::Int(number) => json!(number),
        CqlValue::BigInt(number) => json!(number),
        CqlValue::Counter(counter) => json!(counter.0),
        CqlValue::Float(number) if number.is_finite() => json!(number),
        CqlValue::Float(number) => json!(number.to_string()),
        CqlValue::Double(number) if number.is_finite() => json!(number),
        CqlValue::Double(number) => json!(number.to_string()),
        CqlValue::Varint(number) => json!(varint(number)),
        CqlValue::Decimal(number) => json!(decimal(number)),
        CqlValue::Blob(bytes) => json!(hex(bytes)),
        CqlValue::Uuid(id) => json!(id.to_string()),
        CqlValue::Timeuuid(id) => json!(id.to_string()),
        CqlValue::Inet(address) => json!(address.to_string()),
        CqlValue::Date(date) => json!(day(i64::from(date.0) - (1 << 31))),
        CqlValue::Timestamp(time) => json!(timestamp(time.0)),
        CqlValue::Time(time) => json!(clock(time.0, 1_000_000_000, 9)),
        CqlValue::Duration(span) => json!(format!("{}mo{}d{}ns", span.months, span.days, span.nanoseconds)),
        CqlValue::Empty => json!(""),
        CqlValue::List(items) | CqlValue::Set(items) | CqlValue::Vector(items) => {
            items.iter().map(|item| to_json(Some(item))).collect()
        }
        CqlValue::Tuple(items) => items.iter().map(|item| to_json(item.as_ref())).collect(),
        CqlValue::Map(entries) => map(entries),
        CqlValue::UserDefinedType { fields, .. } => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), to_json(value.as_ref()))).collect())
        }
        // The driver may learn of more types; what it shows is better than nothing.
        other => json!(format!("{other:?}")),
    }
}

/// A value as a cell: text bare, on one line; null as nothing CQL could mean otherwise.
pub(crate) fn to_cell(value: Option<&CqlValue>) -> String {
    match to_json(value) {
        Value::String(text) => {
            text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
        }
        other => other.to_string(),
    }
}

fn map(entries: &[(CqlValue, CqlValue)]) -> Value {
    let named = entries.iter().map(|(key, value)| match key {
        CqlValue::Ascii(key) | CqlValue::Text(key) => Some((key.clone(), to_json(Some(value)))),
        _ => None,
    });
    match named.collect::<Option<Map<_, _>>>() {
        Some(object) => Value::Object(object),
        None => entries.iter().map(|(key, value)| json!([to_json(Some(key)), to_json(Some(value))])).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn varint(number: &CqlVarint) -> String {
    digits(number.as_signed_bytes_be_slice())
}

fn decimal(number: &CqlDecimal) -> String {
    let (bytes, scale) = number.as_signed_be_bytes_slice_and_exponent();
    let digits = digits(bytes);
    let Ok(scale) = usize::try_from(scale) else { return format!("{digits}E+{}", i64::from(scale).unsigned_abs()) };
    if scale == 0 || scale > 1_000 {
        return if scale == 0 { digits } else { format!("{digits}E-{scale}") };
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Decimal digits of a two's complement number, most significant byte first.
fn digits(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude: Vec<u8> = bytes.iter().map(|byte| if negative { !byte } else { *byte }).collect();
    if negative {
        // Two's complement: invert and add one; a carry out of the top needs one more byte.
        let carried = magnitude.iter_mut().rev().all(|byte| {
            *byte = byte.wrapping_add(1);
            *byte == 0
        });
        if carried {
            magnitude.insert(0, 1);
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0;
        for byte in &mut magnitude {
            let value = rest * 256 + u32::from(*byte);
            *byte = (value / 10) as u8;
            rest = value % 10;
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    let text: String = digits.into_iter().rev().collect();
    match (text.is_empty(), negative) {
        (true, _) => "0".to_owned(),
        (false, true) => format!("-{text}"),
        (false, false) => text,
    }
}

/// Milliseconds since the epoch as ISO 8601.
pub(crate) fn timestamp(milliseconds: i64) -> String {
    let days = milliseconds.div_euclid(86_400_000);
    format!("{}T{}Z", day(days), clock(milliseconds.rem_euclid(86_400_000), 1_000, 3))
}

/// Time of day from a count of parts of a second.
fn clock(count: i64, per_second: i64, places: usize) -> String {
    let (seconds, parts) = (count / per_second, count % per_second);
    format!("{:02}:{:02}:{:02}.{parts:0places$}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A date of the Gregorian calendar from days since 1970-01-01. Years are counted from March, in eras of 400 years.
fn day(days: i64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use scylla::value::{CqlDate, CqlTime, CqlTimestamp};

    use super::*;

    #[test]
    fn shows_numbers_of_any_length() {
        assert_eq!(digits(&[]), "0");
        assert_eq!(digits(&[0xff]), "-1");
        assert_eq!(digits(&[0x80]), "-128");
        assert_eq!(digits(&i128::MIN.to_be_bytes()), i128::MIN.to_string());
        assert_eq!(digits(&i128::MAX.to_be_bytes()), i128::MAX.to_string());
        assert_eq!(digits(&1_000_000_007_i64.to_be_bytes()), "1000000007");
    }

    #[test]
    fn places_the_point_of_a_decimal() {
        let show = |unscaled: i64, scale| {
            decimal(&CqlDecimal::from_signed_be_bytes_and_exponent(unscaled.to_be_bytes().to_vec(), scale))
        };
        assert_eq!(show(12_345, 2), "123.45");
        assert_eq!(show(-5, 3), "-0.005");
        assert_eq!(show(7, 0), "7");
        assert_eq!(show(7, -2), "7E+2");
    }

    #[test]
    fn shows_times_as_iso_8601() {
        let show = |value| to_json(Some(&value));
        assert_eq!(show(CqlValue::Timestamp(CqlTimestamp(951_825_600_250))), json!("2000-02-29T12:00:00.250Z"));
        assert_eq!(show(CqlValue::Timestamp(CqlTimestamp(-1))), json!("1969-12-31T23:59:59.999Z"));
        assert_eq!(show(CqlValue::Date(CqlDate(1 << 31))), json!("1970-01-01"));
        assert_eq!(show(CqlValue::Time(CqlTime(3_661_000_000_001))), json!("01:01:01.000000001"));
    }

    #[test]
    fn shows_collections() {
        let pair = |key, value| (key, CqlValue::Int(value));
        let text = |text: &str| CqlValue::Text(text.to_owned());
        assert_eq!(to_json(Some(&CqlValue::Map(vec![pair(text("a"), 1)]))), json!({"a": 1}));
        assert_eq!(to_json(Some(&CqlValue::Map(vec![pair(CqlValue::Int(1), 2)]))), json!([[1, 2]]));
        assert_eq!(to_json(Some(&CqlValue::Tuple(vec![None, Some(text("x"))]))), json!([null, "x"]));
        assert_eq!(to_json(Some(&CqlValue::Blob(vec![0, 255]))), json!("0x00ff"));
        assert_eq!(to_json(Some(&CqlValue::Double(f64::NAN))), json!("NaN"));
        assert_eq!(to_cell(Some(&text("a\nb"))), "a\\nb");
        assert_eq!(to_cell(None), "null");
    }
}
