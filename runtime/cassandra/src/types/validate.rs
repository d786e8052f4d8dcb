//! Whether bytes are a value of a type, in Cassandra's words where they are not.

use super::collection::{fixed_length, take_length, take_part};
use super::{CqlType, duration, vint};

impl CqlType {
    /// # Errors
    /// What is wrong with the bytes.
    pub(crate) fn validate(&self, bytes: &[u8]) -> Result<(), String> {
        let length = bytes.len();
        let fits = |lengths: &[usize], what: &str| match lengths.contains(&length) {
            true => Ok(()),
            false => Err(format!("Expected {what} ({length})")),
        };
        match self {
            Self::Blob | Self::Varint => Ok(()),
            Self::Ascii => match bytes.iter().find(|byte| !byte.is_ascii()) {
                Some(byte) => Err(format!("Invalid byte for ascii: {}", *byte as i8)),
                None => Ok(()),
            },
            Self::Text => match std::str::from_utf8(bytes) {
                Ok(_) => Ok(()),
                Err(_) => Err("String didn't validate.".to_owned()),
            },
            Self::Boolean => fits(&[0, 1], "1 or 0 byte value"),
            Self::Tinyint => fits(&[1], "1 byte for a tinyint"),
            Self::Smallint => fits(&[2], "2 bytes for a smallint"),
            Self::Int => fits(&[0, 4], "4 or 0 byte int"),
            Self::Bigint | Self::Counter => fits(&[0, 8], "8 or 0 byte long"),
            Self::Timestamp => fits(&[0, 8], "8 or 0 byte long for date"),
            Self::Float => fits(&[0, 4], "4 or 0 byte value for a float"),
            Self::Double => fits(&[0, 8], "8 or 0 byte value for a double"),
            Self::Date => fits(&[4], "4 byte long for date"),
            Self::Time => fits(&[8], "8 byte long for time"),
            Self::Decimal if length > 0 && length < 4 => Err(format!("Expected 0 or at least 4 bytes ({length})")),
            Self::Decimal => Ok(()),
            Self::Inet if !matches!(length, 0 | 4 | 16) => {
                let hex: String = bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
                Err(format!("Expected 4 or 16 byte inetaddress; got {hex}"))
            }
            Self::Inet => Ok(()),
            Self::Uuid | Self::Timeuuid if !matches!(length, 0 | 16) => {
                Err(format!("UUID should be 16 or 0 bytes ({length})"))
            }
            Self::Uuid => Ok(()),
            Self::Timeuuid => match bytes.get(6).map(|byte| byte >> 4) {
                None | Some(1) => Ok(()),
                // The digit that Cassandra shows is not the version's.
                Some(_) => Err(format!("Invalid version for TimeUUID type: 0x{:x}", i32::from(bytes[0] as i8) >> 4)),
            },
            Self::Duration => duration::validate(bytes),
            Self::List { element, .. } => parts(bytes, "list", &[element]),
            Self::Set { element, .. } => parts(bytes, "set", &[element]),
            Self::Map { key, value, .. } => parts(bytes, "map", &[key, value]),
            Self::Tuple(parts) => tuple(bytes, parts),
            Self::Udt { definition, .. } => udt(bytes, &definition.fields),
            Self::Vector { element, dimension } => vector(self, bytes, element, *dimension),
        }
    }
}

/// A list, set or map.
fn parts(bytes: &[u8], what: &str, of: &[&CqlType]) -> Result<(), String> {
    let short = || format!("Not enough bytes to read a {what}");
    let mut rest = bytes;
    let count = take_length(&mut rest).ok_or_else(short)?;
    for _ in 0..count {
        for of in of {
            let part = take_part(&mut rest).ok_or_else(short)?;
            of.validate(part.ok_or("Null value read when not allowed")?)?;
        }
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err(format!("Unexpected extraneous bytes after {what} value")),
    }
}

fn tuple(bytes: &[u8], parts: &[CqlType]) -> Result<(), String> {
    let mut rest = bytes;
    for (i, of) in parts.iter().enumerate() {
        if rest.is_empty() {
            return Ok(());
        }
        if rest.len() < 4 {
            return Err(format!("Not enough bytes to read size of {i}th component"));
        }
        let part = take_part(&mut rest).ok_or_else(|| format!("Not enough bytes to read {i}th component"))?;
        part.map_or(Ok(()), |part| of.validate(part))?;
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err("Invalid remaining data after end of tuple value".to_owned()),
    }
}

fn udt(bytes: &[u8], fields: &[(String, CqlType)]) -> Result<(), String> {
    let mut rest = bytes;
    for (i, (name, of)) in fields.iter().enumerate() {
        if rest.is_empty() {
            return Ok(());
        }
        if rest.len() < 4 {
            return Err(format!("Not enough bytes to read size of {i}th field {name}"));
        }
        let part = take_part(&mut rest).ok_or_else(|| format!("Not enough bytes to read {i}th field {name}"))?;
        let valid = part.map_or(Ok(()), |part| of.validate(part));
        valid.map_err(|error| format!("Failure validating the {i}th field {name}; {error}"))?;
    }
    match rest.is_empty() {
        true => Ok(()),
        false => Err("Invalid remaining data after end of UDT value".to_owned()),
    }
}

fn vector(of: &CqlType, bytes: &[u8], element: &CqlType, dimension: u16) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("Invalid empty vector value".to_owned());
    }
    let short = || format!("Not enough bytes to read a {of}");
    let mut rest = bytes;
    for _ in 0..dimension {
        let length = match fixed_length(element) {
            Some(length) => length,
            None => usize::try_from(vint::take(&mut rest).ok_or_else(short)?).map_err(|_| short())?,
        };
        let (part, after) = rest.split_at_checked(length).ok_or_else(short)?;
        element.validate(part)?;
        rest = after;
    }
    match rest.len() {
        0 => Ok(()),
        more => Err(format!("Unexpected {more} extraneous bytes after {of} value")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::collection::{encode, encode_fields};

    #[test]
    fn refuses_other_lengths_in_cassandras_words() {
        for (of, bytes, message) in [
            (CqlType::Int, &[1u8, 2][..], "Expected 4 or 0 byte int (2)"),
            (CqlType::Tinyint, &[], "Expected 1 byte for a tinyint (0)"),
            (CqlType::Text, &[0xff], "String didn't validate."),
            (CqlType::Ascii, &[0xc3], "Invalid byte for ascii: -61"),
            (CqlType::Timeuuid, &[0x40; 16], "Invalid version for TimeUUID type: 0x4"),
            (CqlType::Decimal, &[0], "Expected 0 or at least 4 bytes (1)"),
        ] {
            assert_eq!(of.validate(bytes), Err(message.to_owned()));
        }
        for of in [CqlType::Int, CqlType::Text, CqlType::Uuid, CqlType::Boolean, CqlType::Varint] {
            assert_eq!(of.validate(&[]), Ok(()), "empty is a value of {of}");
        }
    }

    #[test]
    fn looks_into_collections_and_tuples() {
        let list = CqlType::List { element: Arc::new(CqlType::Int), frozen: true };
        assert_eq!(list.validate(&encode(&[1i32.to_be_bytes()], false)), Ok(()));
        assert!(list.validate(&encode(&[[1u8]], false)).unwrap_err().contains("byte int"));
        assert!(list.validate(&[0, 0, 0, 1]).unwrap_err().contains("Not enough bytes to read a list"));
        assert!(list.validate(&[0, 0, 0, 0, 7]).unwrap_err().contains("extraneous"));
        let pair = CqlType::Tuple([CqlType::Int, CqlType::Text].into());
        assert_eq!(pair.validate(&encode_fields::<&[u8]>(&[None, Some(b"a")])), Ok(()));
        assert!(pair.validate(&[0, 0]).unwrap_err().contains("size of 0th component"));
        let floats = CqlType::Vector { element: Arc::new(CqlType::Float), dimension: 2 };
        assert_eq!(floats.validate(&[0; 8]), Ok(()));
        assert!(floats.validate(&[0; 7]).is_err() && floats.validate(&[0; 9]).is_err());
    }
}
