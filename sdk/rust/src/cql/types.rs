//! CQL types: what the host says of a statement's parameters and columns (`[option]` of the CQL v4 protocol).

use std::fmt;

use super::wire::{Reader, WireError};

/// Types nest: a list of sets of tuples. Deeper than this is refused, so that bad bytes can't exhaust the stack.
const MAX_DEPTH: u32 = 16;
const MARSHAL: &str = "org.apache.cassandra.db.marshal.";

/// A CQL type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CqlType {
    /// Not known: the stand-in of unit tests has no schema. A value then goes as the type it has by itself.
    Any,
    /// `ascii`
    Ascii,
    /// `bigint`
    BigInt,
    /// `blob`
    Blob,
    /// `boolean`
    Boolean,
    /// `counter`
    Counter,
    /// A type this SDK doesn't know, by the name the server gives it.
    Custom(String),
    /// `date`
    Date,
    /// `decimal`
    Decimal,
    /// `double`
    Double,
    /// `duration`
    Duration,
    /// `float`
    Float,
    /// `inet`
    Inet,
    /// `int`
    Int,
    /// `list<…>`, frozen or not
    List(Box<CqlType>),
    /// `map<…, …>`, frozen or not
    Map(Box<CqlType>, Box<CqlType>),
    /// `set<…>`, frozen or not
    Set(Box<CqlType>),
    /// `smallint`
    SmallInt,
    /// `text`, also named `varchar`
    Text,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timeuuid`
    TimeUuid,
    /// `tinyint`
    TinyInt,
    /// `tuple<…>`
    Tuple(Vec<CqlType>),
    /// A user-defined type, frozen or not
    Udt(UdtType),
    /// `uuid`
    Uuid,
    /// `varint`
    Varint,
    /// `vector<…, n>`
    Vector(Box<CqlType>, u32),
}

/// A user-defined type: its name and its fields in the order of its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdtType {
    /// The keyspace it is defined in.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// Name and type of each field.
    pub fields: Vec<(String, CqlType)>,
}

/// A parameter of a statement, or a column of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, as the server gives it.
    pub name: String,
    /// The type.
    pub ty: CqlType,
}

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
        return Some(CqlType::Vector(Box::new(known_class(element, depth)?), dimensions.trim().parse().ok()?));
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

/// Writes columns as [`parse_columns`] reads them.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn write_columns<'c>(columns: impl IntoIterator<Item = (&'c str, &'c CqlType)>, out: &mut Vec<u8>) {
    for (name, ty) in columns {
        write_string(name, out);
        write_type(ty, out);
    }
}

/// Writes one `[option]`.
pub(crate) fn write_type(ty: &CqlType, out: &mut Vec<u8>) {
    let id: u16 = match ty {
        CqlType::Any | CqlType::Custom(_) | CqlType::Vector(..) => 0x00,
        CqlType::Ascii => 0x01,
        CqlType::BigInt => 0x02,
        CqlType::Blob => 0x03,
        CqlType::Boolean => 0x04,
        CqlType::Counter => 0x05,
        CqlType::Decimal => 0x06,
        CqlType::Double => 0x07,
        CqlType::Float => 0x08,
        CqlType::Int => 0x09,
        CqlType::Timestamp => 0x0b,
        CqlType::Uuid => 0x0c,
        CqlType::Text => 0x0d,
        CqlType::Varint => 0x0e,
        CqlType::TimeUuid => 0x0f,
        CqlType::Inet => 0x10,
        CqlType::Date => 0x11,
        CqlType::Time => 0x12,
        CqlType::SmallInt => 0x13,
        CqlType::TinyInt => 0x14,
        CqlType::Duration => 0x15,
        CqlType::List(_) => 0x20,
        CqlType::Map(..) => 0x21,
        CqlType::Set(_) => 0x22,
        CqlType::Udt(_) => 0x30,
        CqlType::Tuple(_) => 0x31,
    };
    out.extend_from_slice(&id.to_be_bytes());
    match ty {
        CqlType::Any => write_string("", out),
        CqlType::Custom(name) => write_string(name, out),
        CqlType::Vector(element, dimensions) => {
            write_string(&format!("{MARSHAL}VectorType({} , {dimensions})", class_name(element)), out);
        }
        CqlType::List(element) | CqlType::Set(element) => write_type(element, out),
        CqlType::Map(key, value) => {
            write_type(key, out);
            write_type(value, out);
        }
        CqlType::Udt(udt) => {
            write_string(&udt.keyspace, out);
            write_string(&udt.name, out);
            write_count(udt.fields.len(), out);
            for (name, ty) in &udt.fields {
                write_string(name, out);
                write_type(ty, out);
            }
        }
        CqlType::Tuple(types) => {
            write_count(types.len(), out);
            types.iter().for_each(|ty| write_type(ty, out));
        }
        _ => {}
    }
}
