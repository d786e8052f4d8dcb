//! Columns as the CQL v4 protocol describes them: `[string]` name and `[option]` type.

use scylla::frame::response::result::{CollectionType, ColumnSpec, ColumnType, NativeType};

/// Name and type of each column, back to back.
pub(super) fn columns(specs: &[ColumnSpec<'_>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(specs.len() * 16);
    for spec in specs {
        string(&mut out, spec.name());
        option(&mut out, spec.typ());
    }
    out
}

/// Whether they are the same to a reader of rows.
pub(super) fn same(left: &[ColumnSpec<'_>], right: &[ColumnSpec<'_>]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).all(|(left, right)| left.name() == right.name() && left.typ() == right.typ())
}

fn short(out: &mut Vec<u8>, n: u16) {
    out.extend(n.to_be_bytes());
}

/// Names and class names are far shorter than 64 KiB; a longer one would be cut at a character.
fn string(out: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    short(out, text.len() as u16);
    out.extend(text.as_bytes());
}

fn option(out: &mut Vec<u8>, ty: &ColumnType<'_>) {
    match ty {
        ColumnType::Native(native) => short(out, native_id(native)),
        ColumnType::Collection { typ, .. } => match typ {
            CollectionType::List(of) => {
                short(out, 0x20);
                option(out, of);
            }
            CollectionType::Map(key, value) => {
                short(out, 0x21);
                option(out, key);
                option(out, value);
            }
            CollectionType::Set(of) => {
                short(out, 0x22);
                option(out, of);
            }
            _ => custom(out, ty),
        },
        ColumnType::UserDefinedType { definition, .. } => {
            short(out, 0x30);
            string(out, &definition.keyspace);
            string(out, &definition.name);
            short(out, definition.field_types.len() as u16);
            for (name, ty) in &definition.field_types {
                string(out, name);
                option(out, ty);
            }
        }
        ColumnType::Tuple(types) => {
            short(out, 0x31);
            short(out, types.len() as u16);
            types.iter().for_each(|ty| option(out, ty));
        }
        // Version 4 of the protocol has no number for vectors.
        ColumnType::Vector { .. } => custom(out, ty),
        // The driver's enum may grow.
        _ => custom(out, ty),
    }
}

fn custom(out: &mut Vec<u8>, ty: &ColumnType<'_>) {
    short(out, 0);
    string(out, &class(ty));
}

fn native_id(native: &NativeType) -> u16 {
    match native {
        NativeType::Ascii => 0x01,
        NativeType::BigInt => 0x02,
        NativeType::Blob => 0x03,
        NativeType::Boolean => 0x04,
        NativeType::Counter => 0x05,
        NativeType::Decimal => 0x06,
        NativeType::Double => 0x07,
        NativeType::Float => 0x08,
        NativeType::Int => 0x09,
        NativeType::Timestamp => 0x0B,
        NativeType::Uuid => 0x0C,
        NativeType::Text => 0x0D,
        NativeType::Varint => 0x0E,
        NativeType::Timeuuid => 0x0F,
        NativeType::Inet => 0x10,
        NativeType::Date => 0x11,
        NativeType::Time => 0x12,
        NativeType::SmallInt => 0x13,
        NativeType::TinyInt => 0x14,
        NativeType::Duration => 0x15,
        // The driver's enum may grow: bytes are what is left.
        _ => 0x03,
    }
}

/// Cassandra's class of a type, as it names custom types.
fn class(ty: &ColumnType<'_>) -> String {
    let name = match ty {
        ColumnType::Vector { typ, dimensions } => {
            return format!("{PACKAGE}VectorType({} , {dimensions})", class(typ));
        }
        ColumnType::Tuple(types) => {
            let types: Vec<_> = types.iter().map(class).collect();
            return format!("{PACKAGE}TupleType({})", types.join(","));
        }
        ColumnType::Collection { typ: CollectionType::List(of), .. } => {
            return format!("{PACKAGE}ListType({})", class(of));
        }
        ColumnType::Collection { typ: CollectionType::Set(of), .. } => {
            return format!("{PACKAGE}SetType({})", class(of));
        }
        ColumnType::Collection { typ: CollectionType::Map(key, value), .. } => {
            return format!("{PACKAGE}MapType({},{})", class(key), class(value));
        }
        ColumnType::Native(native) => native_class(native),
        // User-defined types inside of vectors, and what the driver may add: bytes are what is left.
        _ => "BytesType",
    };
    format!("{PACKAGE}{name}")
}

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

fn native_class(native: &NativeType) -> &'static str {
    match native {
        NativeType::Ascii => "AsciiType",
        NativeType::BigInt => "LongType",
        NativeType::Boolean => "BooleanType",
        NativeType::Counter => "CounterColumnType",
        NativeType::Date => "SimpleDateType",
        NativeType::Decimal => "DecimalType",
        NativeType::Double => "DoubleType",
        NativeType::Duration => "DurationType",
        NativeType::Float => "FloatType",
        NativeType::Inet => "InetAddressType",
        NativeType::Int => "Int32Type",
        NativeType::SmallInt => "ShortType",
        NativeType::Text => "UTF8Type",
        NativeType::Time => "TimeType",
        NativeType::Timestamp => "TimestampType",
        NativeType::Timeuuid => "TimeUUIDType",
        NativeType::TinyInt => "ByteType",
        NativeType::Uuid => "UUIDType",
        NativeType::Varint => "IntegerType",
        // `Blob`, and what the driver may add.
        _ => "BytesType",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scylla::frame::response::result::{TableSpec, UserDefinedType};

    use super::*;

    fn encoded(ty: ColumnType<'static>) -> Vec<u8> {
        columns(&[ColumnSpec::borrowed("c", ty, TableSpec::borrowed("k", "t"))]).split_off(3)
    }

    fn int() -> ColumnType<'static> {
        ColumnType::Native(NativeType::Int)
    }

    #[test]
    fn names_come_before_types() {
        let specs = ["a", "bc"].map(|name| ColumnSpec::borrowed(name, int(), TableSpec::borrowed("k", "t")));
        assert_eq!(columns(&specs), [0, 1, b'a', 0, 9, 0, 2, b'b', b'c', 0, 9]);
    }

    #[test]
    fn nests_types_as_the_protocol_does() {
        let list = |of| ColumnType::Collection { frozen: false, typ: CollectionType::List(Box::new(of)) };
        assert_eq!(encoded(list(int())), [0, 0x20, 0, 9]);
        let text = ColumnType::Native(NativeType::Text);
        let map = CollectionType::Map(Box::new(text), Box::new(list(int())));
        assert_eq!(encoded(ColumnType::Collection { frozen: true, typ: map }), [0, 0x21, 0, 0x0D, 0, 0x20, 0, 9]);
        assert_eq!(encoded(ColumnType::Tuple(vec![int(), int()])), [0, 0x31, 0, 2, 0, 9, 0, 9]);
        let definition =
            UserDefinedType { name: "u".into(), keyspace: "k".into(), field_types: vec![("f".into(), int())] };
        assert_eq!(
            encoded(ColumnType::UserDefinedType { frozen: false, definition: Arc::new(definition) }),
            [0, 0x30, 0, 1, b'k', 0, 1, b'u', 0, 1, 0, 1, b'f', 0, 9]
        );
    }

    #[test]
    fn vectors_are_custom_types() {
        let ty = ColumnType::Vector { typ: Box::new(ColumnType::Native(NativeType::Float)), dimensions: 3 };
        let class = b"org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)";
        assert_eq!(encoded(ty), [&[0, 0, 0, class.len() as u8][..], class].concat());
    }
}
