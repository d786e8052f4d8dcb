//! JSON to values.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::parse::parse;
use super::{Json, folded};
use crate::types::collection::{encode, encode_fields, encode_pairs, encode_vector, normalize};
use crate::types::decimal::Decimal;
use crate::types::{CqlType, Udt, text};

/// The value that JSON text means for a type; `None` is null.
///
/// # Errors
/// In Cassandra's words.
pub(crate) fn from_json(of: &CqlType, json: &str) -> Result<Option<Bytes>, String> {
    let parsed = parse(json).map_err(|error| format!("Could not decode JSON string '{json}': {error}"))?;
    value(of, &parsed)
}

/// The value of parsed JSON.
pub(super) fn value(of: &CqlType, json: &Json) -> Result<Option<Bytes>, String> {
    match json {
        Json::Null => Ok(None),
        json => present(of, json).map(Some),
    }
}

fn present(of: &CqlType, json: &Json) -> Result<Bytes, String> {
    let expected = |what: &str| Err(format!("Expected {what}, but got a {}: {json}", json.class()));
    match (of, json) {
        (CqlType::Text | CqlType::Ascii, Json::String(string)) => text::parse(of, string),
        (CqlType::Text, _) => expected("a UTF-8 string"),
        (CqlType::Ascii, _) => expected("an ascii string"),
        (CqlType::Int, Json::Number(_)) if json.class() != "Integer" => expected("an int value"),
        (CqlType::Bigint | CqlType::Counter, Json::Number(_)) if !["Integer", "Long"].contains(&json.class()) => {
            expected("a bigint value")
        }
        (CqlType::Tinyint | CqlType::Smallint | CqlType::Int, Json::Number(_) | Json::String(_)) => {
            text::parse(of, &json.to_string())
        }
        (CqlType::Bigint | CqlType::Counter | CqlType::Float | CqlType::Double, Json::Number(_) | Json::String(_)) => {
            text::parse(of, &json.to_string())
        }
        (CqlType::Tinyint, _) => expected("a byte value"),
        (CqlType::Smallint, _) => expected("a short value"),
        (CqlType::Int, _) => expected("an int value"),
        (CqlType::Bigint | CqlType::Counter, _) => expected("a bigint value"),
        (CqlType::Float, _) => expected("a float value"),
        (CqlType::Double, _) => expected("a double value"),
        (CqlType::Decimal, _) => Decimal::parse(&json.to_string())
            .map(|decimal| decimal.to_bytes().into())
            .ok_or_else(|| format!("Value '{json}' is not a valid representation of a decimal value")),
        (CqlType::Varint, _) => text::parse(of, &json.to_string())
            .map_err(|_| format!("Value '{json}' is not a valid representation of a varint value")),
        (CqlType::Boolean, Json::Boolean(value)) => Ok(vec![u8::from(*value)].into()),
        (CqlType::Boolean, Json::String(string)) => text::parse(of, string),
        (CqlType::Boolean, _) => expected("a boolean value"),
        (CqlType::Blob, Json::String(string)) => blob(string),
        (CqlType::Blob, _) => Err(format!("Value '{json}' is not a valid blob representation: it is no string")),
        // A number that is small enough for an `int` is none for Cassandra.
        (CqlType::Timestamp, Json::Number(_)) if json.class() == "Long" => text::parse(of, &json.to_string()),
        (CqlType::Date | CqlType::Time | CqlType::Timestamp | CqlType::Duration, Json::String(string)) => {
            text::parse(of, string)
        }
        (CqlType::Inet | CqlType::Uuid | CqlType::Timeuuid, Json::String(string)) => text::parse(of, string),
        (CqlType::Date, _) => expected("a string representation of a date value"),
        (CqlType::Time, _) => expected("a string representation of a time value"),
        (CqlType::Timestamp, _) => expected("a long or a datestring representation of a timestamp value"),
        (CqlType::Duration, _) => expected("a string representation of a duration"),
        (CqlType::Inet, _) => expected("a string representation of an inet value"),
        (CqlType::Uuid, _) => expected("a string representation of a uuid"),
        (CqlType::Timeuuid, _) => expected("a string representation of a timeuuid"),
        // A string may hold the JSON of what is no string, as keys of maps must.
        (_, Json::String(string)) => match parse(string) {
            Ok(Json::String(_)) | Err(_) => Err(format!("Error decoding JSON string: {string}")),
            Ok(Json::Null) => Err(format!("Error decoding JSON string: {string}")),
            Ok(inner) => present(of, &inner),
        },
        (CqlType::List { element, .. }, Json::List(items)) => {
            Ok(encode(&elements(element, items, "Invalid null element in list")?, false))
        }
        (CqlType::List { .. }, _) => expected("a list"),
        (CqlType::Set { element, .. }, Json::List(items)) => {
            let set = encode(&elements(element, items, "Invalid null element in set")?, false);
            Ok(normalize(of, &set))
        }
        (CqlType::Set { .. }, _) => expected("a list (representing a set)"),
        (CqlType::Map { key, value, .. }, Json::Map(entries)) => map(key, value, entries),
        (CqlType::Map { .. }, _) => expected("a map"),
        (CqlType::Tuple(parts), Json::List(items)) => tuple(parts, items, json),
        (CqlType::Tuple(_), _) => expected("a list representation of a tuple"),
        (CqlType::Udt { definition, .. }, Json::Map(entries)) => udt(definition, entries),
        (CqlType::Udt { .. }, _) => expected("a map"),
        (CqlType::Vector { element, dimension }, Json::List(items)) => {
            if items.len() != usize::from(*dimension) {
                let given = items.len();
                return Err(format!("List had incorrect size: expected {dimension} but given {given}; {json}"));
            }
            Ok(encode_vector(&elements(element, items, "Invalid null element in list")?, element))
        }
        (CqlType::Vector { .. }, _) => expected("a list"),
    }
}

fn blob(string: &str) -> Result<Bytes, String> {
    let bytes = match string.strip_prefix("0x") {
        Some(hex) => text::parse(&CqlType::Blob, hex),
        None => Err(format!("String representation of blob is missing 0x prefix: {string}")),
    };
    bytes.map_err(|error| format!("Value '{string}' is not a valid blob representation: {error}"))
}

fn elements(of: &CqlType, items: &[Json], null: &str) -> Result<Vec<Bytes>, String> {
    items.iter().map(|item| value(of, item)?.ok_or_else(|| null.to_owned())).collect()
}

fn map(key: &CqlType, of: &CqlType, entries: &[(String, Json)]) -> Result<Bytes, String> {
    let mut pairs = Vec::new();
    for (name, item) in entries {
        let name = present(key, &Json::String(name.clone()))?;
        pairs.push((name, value(of, item)?.ok_or("Invalid null value in map")?));
    }
    Ok(encode_pairs(key, pairs))
}

fn tuple(parts: &[CqlType], items: &[Json], json: &Json) -> Result<Bytes, String> {
    if items.len() > parts.len() {
        return Err(format!("Tuple contains extra items (expected {}): {json}", parts.len()));
    }
    if items.len() < parts.len() {
        return Err(format!("Tuple is missing items (expected {}): {json}", parts.len()));
    }
    let values: Vec<_> = parts.iter().zip(items).map(|(of, item)| value(of, item)).collect::<Result<_, _>>()?;
    Ok(encode_fields(&values))
}

fn udt(definition: &Udt, entries: &[(String, Json)]) -> Result<Bytes, String> {
    let mut given: BTreeMap<String, &Json> = entries.iter().map(|(key, value)| (folded(key), value)).collect();
    let mut values = Vec::new();
    for (field, of) in &definition.fields {
        values.push(match given.remove(field) {
            Some(json) => value(of, json)?,
            None => None,
        });
    }
    match given.keys().next() {
        Some(unknown) => Err(format!("Unknown field '{unknown}' in value of user defined type {}", definition.name)),
        None => Ok(encode_fields(&values)),
    }
}
