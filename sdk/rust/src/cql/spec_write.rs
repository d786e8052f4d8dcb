//! Writes `[option]` type specifications: what the stand-in of unit tests answers with, and how it is told a value's type.

use super::spec::MARSHAL;
use super::types::CqlType;

/// Writes columns as [`parse_columns`] reads them.
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
        CqlType::Vector(..) => write_string(&class_name(ty), out),
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

fn write_string(text: &str, out: &mut Vec<u8>) {
    write_count(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn write_count(count: usize, out: &mut Vec<u8>) {
    let count = u16::try_from(count).expect("names and field counts are far below 65,536");
    out.extend_from_slice(&count.to_be_bytes());
}

fn class_name(ty: &CqlType) -> String {
    let name = match ty {
        CqlType::Vector(element, dimensions) => {
            return format!("{MARSHAL}VectorType({} , {dimensions})", class_name(element));
        }
        CqlType::Custom(name) => return name.clone(),
        CqlType::Ascii => "AsciiType",
        CqlType::BigInt => "LongType",
        CqlType::Blob => "BytesType",
        CqlType::Boolean => "BooleanType",
        CqlType::Date => "SimpleDateType",
        CqlType::Decimal => "DecimalType",
        CqlType::Double => "DoubleType",
        CqlType::Duration => "DurationType",
        CqlType::Float => "FloatType",
        CqlType::Inet => "InetAddressType",
        CqlType::Int => "Int32Type",
        CqlType::SmallInt => "ShortType",
        CqlType::Text => "UTF8Type",
        CqlType::Time => "TimeType",
        CqlType::Timestamp => "TimestampType",
        CqlType::TimeUuid => "TimeUUIDType",
        CqlType::TinyInt => "ByteType",
        CqlType::Uuid => "UUIDType",
        CqlType::Varint => "IntegerType",
        // Not read back: the stand-in has no vectors of collections.
        CqlType::Any | CqlType::Counter | CqlType::List(_) | CqlType::Map(..) | CqlType::Set(_) => "UnknownType",
        CqlType::Tuple(_) | CqlType::Udt(_) => "UnknownType",
    };
    format!("{MARSHAL}{name}")
}
