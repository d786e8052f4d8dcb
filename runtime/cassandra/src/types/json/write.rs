//! Values to JSON.

use crate::types::collection::{elements, fields, vector};
use crate::types::{CqlType, calendar, decimal, number, text};

/// A value as JSON; null is `null`.
pub(crate) fn to_json(of: &CqlType, value: Option<&[u8]>) -> String {
    let Some(bytes) = value else { return "null".to_owned() };
    match of {
        CqlType::List { element, .. } | CqlType::Set { element, .. } => {
            joined(elements(bytes, false).map(|part| to_json(element, part)))
        }
        CqlType::Map { key, value, .. } => {
            let parts: Vec<_> = elements(bytes, true).collect();
            let entries =
                parts.chunks_exact(2).map(|pair| format!("{}: {}", key_json(key, pair[0]), to_json(value, pair[1])));
            braced(entries)
        }
        CqlType::Tuple(parts) => {
            let mut values = fields(bytes);
            joined(parts.iter().map(|part| to_json(part, values.next().flatten())))
        }
        CqlType::Udt { definition, .. } => {
            let mut values = fields(bytes);
            let entries = definition.fields.iter().map(|(name, of)| {
                let value = to_json(of, values.next().flatten());
                format!("{}: {value}", name_json(name))
            });
            braced(entries)
        }
        CqlType::Vector { element, dimension } => {
            let parts = vector(bytes, element, *dimension);
            joined(parts.into_iter().map(|part| to_json(element, Some(part))))
        }
        _ => native(of, bytes),
    }
}

fn native(of: &CqlType, bytes: &[u8]) -> String {
    match of {
        CqlType::Ascii | CqlType::Text => quoted(&String::from_utf8_lossy(bytes)),
        CqlType::Blob => format!("\"{}\"", text::blob(bytes)),
        _ if bytes.is_empty() => "\"\"".to_owned(),
        CqlType::Float if !number::float(bytes).is_finite() => "null".to_owned(),
        CqlType::Double if !number::double(bytes).is_finite() => "null".to_owned(),
        CqlType::Decimal => decimal::Decimal::from_bytes(bytes).to_string(),
        CqlType::Timestamp => format!("\"{}\"", calendar::timestamp_text(number::signed(bytes), ' ')),
        CqlType::Date | CqlType::Time | CqlType::Duration | CqlType::Inet | CqlType::Uuid | CqlType::Timeuuid => {
            format!("\"{}\"", text::print(of, bytes))
        }
        _ => text::print(of, bytes),
    }
}

/// A key of a JSON map must be a string, whatever it is.
fn key_json(of: &CqlType, key: Option<&[u8]>) -> String {
    let json = to_json(of, key);
    if json.starts_with('"') { json } else { quoted(&json) }
}

/// The name of a column or field; in quotes of its own if it would be folded.
pub(super) fn name_json(name: &str) -> String {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => quoted(&format!("\"{name}\"")),
        false => quoted(name),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

pub(super) fn braced(entries: impl Iterator<Item = String>) -> String {
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
