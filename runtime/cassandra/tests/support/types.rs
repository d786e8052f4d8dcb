//! Types as a server names them in its answers.

use std::fmt;

use scylla::frame::response::result::{CollectionType, ColumnType, NativeType};

/// A type. The protocol does not say what is frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    /// By its name in CQL.
    Native(&'static str),
    /// By its Java class.
    Custom(String),
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<(Type, Type)>),
    Tuple(Vec<Type>),
    Vector(Box<Type>, u16),
    Udt {
        keyspace: String,
        name: String,
        fields: Vec<(String, Type)>,
    },
}

impl Type {
    /// As the driver says it.
    pub(crate) fn of(driver: &ColumnType<'_>) -> Self {
        match driver {
            ColumnType::Native(native) => Self::Native(native_name(native)),
            ColumnType::Collection { typ: CollectionType::List(of), .. } => Self::List(Self::of(of).into()),
            ColumnType::Collection { typ: CollectionType::Set(of), .. } => Self::Set(Self::of(of).into()),
            ColumnType::Collection { typ: CollectionType::Map(key, value), .. } => {
                Self::Map((Self::of(key), Self::of(value)).into())
            }
            ColumnType::Vector { typ, dimensions } => Self::Vector(Self::of(typ).into(), *dimensions),
            ColumnType::UserDefinedType { definition, .. } => Self::Udt {
                keyspace: definition.keyspace.to_string(),
                name: definition.name.to_string(),
                fields: definition.field_types.iter().map(|(name, of)| (name.to_string(), Self::of(of))).collect(),
            },
            ColumnType::Tuple(fields) => Self::Tuple(fields.iter().map(Self::of).collect()),
            other => panic!("the driver knows a type that this harness does not: {other:?}"),
        }
    }
}

fn native_name(native: &NativeType) -> &'static str {
    match native {
        NativeType::Ascii => "ascii",
        NativeType::Boolean => "boolean",
        NativeType::Blob => "blob",
        NativeType::Counter => "counter",
        NativeType::Date => "date",
        NativeType::Decimal => "decimal",
        NativeType::Double => "double",
        NativeType::Duration => "duration",
        NativeType::Float => "float",
        NativeType::Int => "int",
        NativeType::BigInt => "bigint",
        NativeType::Text => "text",
        NativeType::Timestamp => "timestamp",
        NativeType::Inet => "inet",
        NativeType::SmallInt => "smallint",
        NativeType::TinyInt => "tinyint",
        NativeType::Time => "time",
        NativeType::Timeuuid => "timeuuid",
        NativeType::Uuid => "uuid",
        NativeType::Varint => "varint",
        other => panic!("the driver knows a type that this harness does not: {other:?}"),
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(name) => f.write_str(name),
            Self::Custom(class) => write!(f, "'{class}'"),
            Self::List(of) => write!(f, "list<{of}>"),
            Self::Set(of) => write!(f, "set<{of}>"),
            Self::Map(of) => write!(f, "map<{}, {}>", of.0, of.1),
            Self::Vector(of, dimensions) => write!(f, "vector<{of}, {dimensions}>"),
            Self::Tuple(fields) => {
                let fields: Vec<String> = fields.iter().map(Type::to_string).collect();
                write!(f, "tuple<{}>", fields.join(", "))
            }
            Self::Udt { keyspace, name, fields } => {
                let fields: Vec<String> = fields.iter().map(|(name, of)| format!("{name} {of}")).collect();
                write!(f, "{keyspace}.{name}({})", fields.join(", "))
            }
        }
    }
}
