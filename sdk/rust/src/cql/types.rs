//! CQL types, as the host tells them of a statement's parameters and columns.

use std::fmt;

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

/// As CQL writes it: `map<text, frozen<address>>` without the `frozen`.
impl fmt::Display for CqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Any => "a type that is not known",
            Self::Ascii => "ascii",
            Self::BigInt => "bigint",
            Self::Blob => "blob",
            Self::Boolean => "boolean",
            Self::Counter => "counter",
            Self::Custom(name) => return write!(f, "'{name}'"),
            Self::Date => "date",
            Self::Decimal => "decimal",
            Self::Double => "double",
            Self::Duration => "duration",
            Self::Float => "float",
            Self::Inet => "inet",
            Self::Int => "int",
            Self::List(element) => return write!(f, "list<{element}>"),
            Self::Map(key, value) => return write!(f, "map<{key}, {value}>"),
            Self::Set(element) => return write!(f, "set<{element}>"),
            Self::SmallInt => "smallint",
            Self::Text => "text",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimeUuid => "timeuuid",
            Self::TinyInt => "tinyint",
            Self::Tuple(types) => {
                f.write_str("tuple<")?;
                for (i, ty) in types.iter().enumerate() {
                    write!(f, "{}{ty}", if i == 0 { "" } else { ", " })?;
                }
                ">"
            }
            Self::Udt(udt) => &udt.name,
            Self::Uuid => "uuid",
            Self::Varint => "varint",
            Self::Vector(element, dimensions) => return write!(f, "vector<{element}, {dimensions}>"),
        };
        f.write_str(name)
    }
}

impl CqlType {
    /// Whether zero bytes are a value of the type, and not what some servers keep for "nothing here".
    pub(crate) fn has_empty_value(&self) -> bool {
        match self {
            Self::Ascii | Self::Text | Self::Blob | Self::Any | Self::Custom(_) => true,
            // Their encodings need bytes: a count, a length, or the number itself.
            Self::BigInt | Self::Boolean | Self::Counter | Self::Date | Self::Decimal | Self::Double => false,
            Self::Duration | Self::Float | Self::Inet | Self::Int | Self::SmallInt | Self::Time => false,
            Self::Timestamp | Self::TimeUuid | Self::TinyInt | Self::Uuid | Self::Varint => false,
            Self::List(_) | Self::Map(..) | Self::Set(_) | Self::Vector(..) => false,
            // All fields may be absent.
            Self::Tuple(_) | Self::Udt(_) => true,
        }
    }

    /// The bytes an element takes in a vector, where that is fixed. (That `smallint` and the like aren't is the
    /// server's choice.)
    pub(crate) fn vector_width(&self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Float | Self::Int => Some(4),
            Self::BigInt | Self::Double | Self::Timestamp => Some(8),
            Self::Uuid | Self::TimeUuid => Some(16),
            Self::Vector(element, dimensions) => element.vector_width()?.checked_mul(*dimensions as usize),
            _ => None,
        }
    }
}
