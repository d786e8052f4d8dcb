//! Types by their Java class names: how the protocol writes those it has no number for.

use crate::types::CqlType;

const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// Such as `org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)`.
pub(crate) fn class(of: &CqlType) -> String {
    let name = match of {
        CqlType::Ascii => "AsciiType",
        CqlType::Bigint => "LongType",
        CqlType::Blob => "BytesType",
        CqlType::Boolean => "BooleanType",
        CqlType::Counter => "CounterColumnType",
        CqlType::Date => "SimpleDateType",
        CqlType::Decimal => "DecimalType",
        CqlType::Double => "DoubleType",
        CqlType::Duration => "DurationType",
        CqlType::Float => "FloatType",
        CqlType::Inet => "InetAddressType",
        CqlType::Int => "Int32Type",
        CqlType::Smallint => "ShortType",
        CqlType::Text => "UTF8Type",
        CqlType::Time => "TimeType",
        CqlType::Timestamp => "TimestampType",
        CqlType::Timeuuid => "TimeUUIDType",
        CqlType::Tinyint => "ByteType",
        CqlType::Uuid => "UUIDType",
        CqlType::Varint => "IntegerType",
        CqlType::List { element, frozen } => {
            return frozen_if(*frozen, format!("{PACKAGE}ListType({})", class(element)));
        }
        CqlType::Set { element, frozen } => return frozen_if(*frozen, format!("{PACKAGE}SetType({})", class(element))),
        CqlType::Map { key, value, frozen } => {
            return frozen_if(*frozen, format!("{PACKAGE}MapType({},{})", class(key), class(value)));
        }
        CqlType::Tuple(elements) => {
            let elements: Vec<_> = elements.iter().map(class).collect();
            return frozen_if(true, format!("{PACKAGE}TupleType({})", elements.join(",")));
        }
        CqlType::Udt { definition, frozen } => {
            let mut inner = format!("{},{}", definition.keyspace, hex(&definition.name));
            for (name, of) in &definition.fields {
                inner.push_str(&format!(",{}:{}", hex(name), class(of)));
            }
            return frozen_if(*frozen, format!("{PACKAGE}UserType({inner})"));
        }
        CqlType::Vector { element, dimension } => {
            return format!("{PACKAGE}VectorType({} , {dimension})", class(element));
        }
    };
    format!("{PACKAGE}{name}")
}

fn frozen_if(frozen: bool, class: String) -> String {
    if frozen { format!("{PACKAGE}FrozenType({class})") } else { class }
}

fn hex(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}
