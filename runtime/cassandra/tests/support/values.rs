//! Bound values: literals as they stand in data files, to the binary form of the type that the server wants.

use super::types::Type;

/// A bound value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Binary form.
    Value(Vec<u8>),
    Null,
    Unset,
}

/// `null`, `unset`, `empty` (no bytes), `0x…` (bytes as they are), or a literal of the type. Panics at what is none.
pub(crate) fn encode(of: &Type, literal: &str) -> Cell {
    match literal.trim() {
        "null" => Cell::Null,
        "unset" => Cell::Unset,
        literal => Cell::Value(value(of, literal).unwrap_or_else(|| panic!("`{literal}` cannot be bound to {of}"))),
    }
}

fn value(of: &Type, literal: &str) -> Option<Vec<u8>> {
    let literal = literal.trim();
    if literal == "empty" {
        return Some(Vec::new());
    }
    if let Some(digits) = literal.strip_prefix("0x") {
        let pairs = (0..digits.len()).step_by(2);
        return pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect();
    }
    match of {
        Type::Native(name) => native(name, literal),
        Type::Custom(_) => None,
        Type::List(of) => sequence(of, inside(literal, '[', ']')?),
        Type::Set(of) => sequence(of, inside(literal, '{', '}')?),
        Type::Map(of) => {
            let pairs = split(inside(literal, '{', '}')?, ',');
            let mut bytes = count(pairs.len());
            for pair in pairs {
                let [key, value] = split(pair, ':')[..] else { return None };
                bytes.extend(element(&of.0, key)?);
                bytes.extend(element(&of.1, value)?);
            }
            Some(bytes)
        }
        Type::Tuple(fields) => {
            let parts = split(inside(literal, '(', ')')?, ',');
            let parts: Option<Vec<_>> = fields.iter().zip(parts).map(|(of, part)| element(of, part)).collect();
            Some(parts?.concat())
        }
        Type::Udt { fields, .. } => {
            let Some(named) = inside(literal, '{', '}') else {
                let parts = split(inside(literal, '(', ')')?, ',');
                let parts: Option<Vec<_>> = fields.iter().zip(parts).map(|((_, of), part)| element(of, part)).collect();
                return Some(parts?.concat());
            };
            let pairs: Option<Vec<_>> = split(named, ',').into_iter().map(|pair| pair.split_once(':')).collect();
            let pairs = pairs?;
            let field =
                |name: &str| pairs.iter().find(|(own, _)| own.trim() == name).map_or("null", |(_, value)| value);
            let parts: Option<Vec<_>> = fields.iter().map(|(name, of)| element(of, field(name))).collect();
            Some(parts?.concat())
        }
        Type::Vector(of, _) => {
            let parts = split(inside(literal, '[', ']')?, ',');
            Some(parts.into_iter().map(|part| value(of, part)).collect::<Option<Vec<_>>>()?.concat())
        }
    }
}

fn native(name: &str, literal: &str) -> Option<Vec<u8>> {
    Some(match name {
        "text" | "ascii" => match inside(literal, '\'', '\'') {
            Some(text) => text.replace("''", "'").into_bytes(),
            None => literal.as_bytes().to_vec(),
        },
        "boolean" => vec![literal.parse::<bool>().ok()?.into()],
        "tinyint" => literal.parse::<i8>().ok()?.to_be_bytes().to_vec(),
        "smallint" => literal.parse::<i16>().ok()?.to_be_bytes().to_vec(),
        "int" => literal.parse::<i32>().ok()?.to_be_bytes().to_vec(),
        "bigint" | "counter" | "timestamp" | "time" => literal.parse::<i64>().ok()?.to_be_bytes().to_vec(),
        "date" => u32::try_from(literal.parse::<i64>().ok()? + (1 << 31)).ok()?.to_be_bytes().to_vec(),
        "float" => literal.parse::<f32>().ok()?.to_be_bytes().to_vec(),
        "double" => literal.parse::<f64>().ok()?.to_be_bytes().to_vec(),
        "varint" => {
            let bytes = literal.parse::<i64>().ok()?.to_be_bytes();
            let spare = |at: usize| bytes[at] == if bytes[at + 1] < 0x80 { 0 } else { 0xff };
            let start = (0..7).position(|at| !spare(at)).unwrap_or(7);
            bytes[start..].to_vec()
        }
        "uuid" | "timeuuid" => value(&Type::Native("blob"), &format!("0x{}", literal.replace('-', "")))?,
        _ => return None,
    })
}

fn sequence(of: &Type, literal: &str) -> Option<Vec<u8>> {
    let parts = split(literal, ',');
    let mut bytes = count(parts.len());
    for part in parts {
        bytes.extend(element(of, part)?);
    }
    Some(bytes)
}

fn element(of: &Type, literal: &str) -> Option<Vec<u8>> {
    if literal.trim() == "null" {
        return Some((-1_i32).to_be_bytes().to_vec());
    }
    let value = value(of, literal)?;
    Some([count(value.len()), value].concat())
}

fn count(number: usize) -> Vec<u8> {
    i32::try_from(number).expect("literals are short").to_be_bytes().to_vec()
}

fn inside(literal: &str, open: char, close: char) -> Option<&str> {
    literal.trim().strip_prefix(open)?.strip_suffix(close)
}

/// Parts between separators that are not within brackets or quotes; none of blank text.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut parts) = (0, false, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ if letter == separator && depth == 0 => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    if !text.trim().is_empty() {
        parts.push(&text[start..]);
    }
    parts
}
