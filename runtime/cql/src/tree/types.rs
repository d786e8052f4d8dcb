//! Types, as casts and type hints name them.

use super::Name;

/// A CQL type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A native type.
    Native(Native),
    /// `list<…>`
    List(Box<Type>),
    /// `set<…>`
    Set(Box<Type>),
    /// `map<…, …>`
    Map(Box<Type>, Box<Type>),
    /// `tuple<…>`, not empty.
    Tuple(Vec<Type>),
    /// `vector<…, n>`
    Vector(Box<Type>, u16),
    /// `frozen<…>`
    Frozen(Box<Type>),
    /// A user-defined type of the table's keyspace.
    Udt(Name),
    /// A user-defined type that is named with a keyspace; by [`parse_any`](crate::parse_any) only.
    UdtOf(Name, Name),
    /// `'class'`: a type by its class; by [`parse_any`](crate::parse_any) only.
    Custom(String),
}

macro_rules! native {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// A native type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Native { $($variant),* }

        impl Native {
            /// All of them.
            pub const ALL: &[Native] = &[$(Native::$variant),*];

            /// As CQL writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The type of that folded name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

native! {
    Ascii "ascii", Bigint "bigint", Blob "blob", Boolean "boolean", Counter "counter",
    Date "date", Decimal "decimal", Double "double", Duration "duration", Float "float",
    Inet "inet", Int "int", Smallint "smallint", Text "text", Time "time",
    Timestamp "timestamp", Timeuuid "timeuuid", Tinyint "tinyint", Uuid "uuid",
    Varchar "varchar", Varint "varint",
}
