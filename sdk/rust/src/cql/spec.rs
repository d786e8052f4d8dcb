//! Reads the `[option]` type specifications of the CQL v4 protocol.

use super::types::{Column, CqlType, UdtType};
use super::wire::{Reader, WireError};

/// Types nest: a list of sets of tuples. Deeper than this is refused, so that bad bytes can't exhaust the stack.
const MAX_DEPTH: u32 = 16;
pub(crate) const MARSHAL: &str = "org.apache.cassandra.db.marshal.";

/// Reads columns until the bytes end: per column `[string]` name and `[option]` type.
pub(crate) fn parse_columns(bytes: &[u8]) -> Result<Vec<Column>, WireError> {
    let mut reader = Reader::new(bytes);
    let mut columns = Vec::new();
    while !reader.is_empty() {
        let name = reader.string()?.to_owned();
        columns.push(Column { name, ty: parse_type(&mut reader, MAX_DEPTH)? });
    }
    Ok(columns)
}

/// Reads one `[option]`.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn parse_one(reader: &mut Reader<'_>) -> Result<CqlType, WireError> {
    parse_type(reader, MAX_DEPTH)
}

fn parse_type(reader: &mut Reader<'_>, depth: u32) -> Result<CqlType, WireError> {
    let Some(depth) = depth.checked_sub(1) else { return Err(WireError::new("types nested too deeply")) };
    Ok(match reader.u16()? {
        0x00 => custom(reader.string()?, depth),
        0x01 => CqlType::Ascii,
        0x02 => CqlType::BigInt,
        0x03 => CqlType::Blob,
        0x04 => CqlType::Boolean,
        0x05 => CqlType::Counter,
        0x06 => CqlType::Decimal,
        0x07 => CqlType::Double,
        0x08 => CqlType::Float,
        0x09 => CqlType::Int,
        0x0b => CqlType::Timestamp,
        0x0c => CqlType::Uuid,
        // 0x0a was `text` before v3.
        0x0a | 0x0d => CqlType::Text,
        0x0e => CqlType::Varint,
        0x0f => CqlType::TimeUuid,
        0x10 => CqlType::Inet,
        0x11 => CqlType::Date,
        0x12 => CqlType::Time,
        0x13 => CqlType::SmallInt,
        0x14 => CqlType::TinyInt,
        0x15 => CqlType::Duration,
        0x20 => CqlType::List(Box::new(parse_type(reader, depth)?)),
        0x21 => CqlType::Map(Box::new(parse_type(reader, depth)?), Box::new(parse_type(reader, depth)?)),
        0x22 => CqlType::Set(Box::new(parse_type(reader, depth)?)),
        0x30 => {
            let (keyspace, name) = (reader.string()?.to_owned(), reader.string()?.to_owned());
            let mut fields = Vec::new();
            for _ in 0..reader.u16()? {
                fields.push((reader.string()?.to_owned(), parse_type(reader, depth)?));
            }
            CqlType::Udt(UdtType { keyspace, name, fields })
        }
        0x31 => {
            let mut types = Vec::new();
            for _ in 0..reader.u16()? {
                types.push(parse_type(reader, depth)?);
            }
            CqlType::Tuple(types)
        }
        id => return Err(WireError::new(format!("unknown type 0x{id:04x}"))),
    })
}

/// Types that v4 has no number for come by the name of their class; so do vectors, `VectorType(FloatType , 3)`.
fn custom(class: &str, depth: u32) -> CqlType {
    if class.is_empty() {
        return CqlType::Any;
    }
    known_class(class, depth).unwrap_or_else(|| CqlType::Custom(class.to_owned()))
}

fn known_class(class: &str, depth: u32) -> Option<CqlType> {
    let depth = depth.checked_sub(1)?;
    let class = class.trim();
    let class = class.strip_prefix(MARSHAL).unwrap_or(class);
    if let Some(inside) = class.strip_prefix("VectorType(").and_then(|rest| rest.strip_suffix(')')) {
        let (element, dimensions) = inside.rsplit_once(',')?;
        let dimensions = dimensions.trim().parse().ok().filter(|dimensions| *dimensions > 0)?;
        return Some(CqlType::Vector(Box::new(known_class(element, depth)?), dimensions));
    }
    Some(match class {
        "AsciiType" => CqlType::Ascii,
        "LongType" => CqlType::BigInt,
        "BytesType" => CqlType::Blob,
        "BooleanType" => CqlType::Boolean,
        "SimpleDateType" => CqlType::Date,
        "DecimalType" => CqlType::Decimal,
        "DoubleType" => CqlType::Double,
        "DurationType" => CqlType::Duration,
        "FloatType" => CqlType::Float,
        "InetAddressType" => CqlType::Inet,
        "Int32Type" => CqlType::Int,
        "ShortType" => CqlType::SmallInt,
        "UTF8Type" => CqlType::Text,
        "TimeType" => CqlType::Time,
        "TimestampType" => CqlType::Timestamp,
        "TimeUUIDType" => CqlType::TimeUuid,
        "ByteType" => CqlType::TinyInt,
        "UUIDType" => CqlType::Uuid,
        "IntegerType" => CqlType::Varint,
        _ => return None,
    })
}
