//! Types as CQL writes them.

use std::fmt::{self, Display, Formatter};

use super::CqlType;

impl Display for CqlType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let native = match self {
            Self::Ascii => "ascii",
            Self::Bigint => "bigint",
            Self::Blob => "blob",
            Self::Boolean => "boolean",
            Self::Counter => "counter",
            Self::Date => "date",
            Self::Decimal => "decimal",
            Self::Double => "double",
            Self::Duration => "duration",
            Self::Float => "float",
            Self::Inet => "inet",
            Self::Int => "int",
            Self::Smallint => "smallint",
            Self::Text => "text",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::Timeuuid => "timeuuid",
            Self::Tinyint => "tinyint",
            Self::Uuid => "uuid",
            Self::Varint => "varint",
            Self::List { element, frozen } => return frozen_if(f, *frozen, |f| write!(f, "list<{element}>")),
            Self::Set { element, frozen } => return frozen_if(f, *frozen, |f| write!(f, "set<{element}>")),
            Self::Map { key, value, frozen } => return frozen_if(f, *frozen, |f| write!(f, "map<{key}, {value}>")),
            Self::Tuple(parts) => {
                return frozen_if(f, true, |f| {
                    f.write_str("tuple<")?;
                    for (i, part) in parts.iter().enumerate() {
                        write!(f, "{}{part}", if i > 0 { ", " } else { "" })?;
                    }
                    f.write_str(">")
                });
            }
            Self::Udt { definition, frozen } => {
                return frozen_if(f, *frozen, |f| f.write_str(&identifier(&definition.name)));
            }
            Self::Vector { element, dimension } => return write!(f, "vector<{element}, {dimension}>"),
        };
        f.write_str(native)
    }
}

fn frozen_if(
    f: &mut Formatter<'_>,
    frozen: bool,
    inner: impl FnOnce(&mut Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    if !frozen {
        return inner(f);
    }
    f.write_str("frozen<")?;
    inner(f)?;
    f.write_str(">")
}

/// A name as CQL writes it: in quotes only where it needs them.
pub(crate) fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !veltrix_cql::is_reserved(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
