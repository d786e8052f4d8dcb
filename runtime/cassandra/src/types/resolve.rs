//! Types as statements write them, to types of a keyspace.

use std::collections::BTreeMap;
use std::sync::Arc;

use veltrix_cql::{Native, Type};

use super::{CqlType, Udt};
use crate::api::Error;
use crate::schema::Keyspace;

/// Where Cassandra's own types are.
const PACKAGE: &str = "org.apache.cassandra.db.marshal.";

/// The type that a statement on the keyspace means.
///
/// # Errors
/// `Invalid`, for unknown types and those that can't be.
pub(crate) fn resolve(of: &Type, keyspace: &Keyspace) -> Result<CqlType, Error> {
    resolve_in(of, &keyspace.name, &keyspace.types)
}

/// As [`resolve`], with the user-defined types themselves.
pub(crate) fn resolve_in(of: &Type, keyspace: &str, types: &BTreeMap<String, Arc<Udt>>) -> Result<CqlType, Error> {
    let inner = |of: &Type| resolve_in(of, keyspace, types);
    Ok(match of {
        Type::Native(of) => native(*of),
        Type::List(element) => CqlType::List { element: Arc::new(part(of, element, inner(element)?)?), frozen: false },
        Type::Set(element) => {
            let resolved = part(of, element, inner(element)?)?;
            if resolved == CqlType::Duration {
                return invalid(format!("Durations are not allowed inside sets: {}", written(of)));
            }
            CqlType::Set { element: Arc::new(resolved), frozen: false }
        }
        Type::Map(key, value) => {
            let resolved = part(of, key, inner(key)?)?;
            if resolved == CqlType::Duration {
                return invalid(format!("Durations are not allowed as map keys: {}", written(of)));
            }
            let value = part(of, value, inner(value)?)?;
            CqlType::Map { key: Arc::new(resolved), value: Arc::new(value), frozen: false }
        }
        Type::Tuple(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| frozen(part, keyspace, types)).collect::<Result<_, _>>()?;
            if parts.contains(&CqlType::Counter) {
                return invalid("Counters are not allowed inside tuples");
            }
            CqlType::Tuple(parts.into())
        }
        Type::Vector(element, dimension) => {
            CqlType::Vector { element: Arc::new(frozen(element, keyspace, types)?), dimension: *dimension }
        }
        Type::Frozen(inner) => match &**inner {
            Type::Native(_) | Type::Custom(_) => {
                // Cassandra's parser says so.
                return Err(Error::Syntax(format!(
                    "frozen<> is only allowed on collections, tuples, and user-defined types (got {})",
                    written(inner)
                )));
            }
            inner => frozen(inner, keyspace, types)?,
        },
        Type::Udt(name) => user(name.as_str(), keyspace, types)?,
        Type::UdtOf(other, _) if other.as_str() != keyspace => {
            return invalid(format!(
                "Statement on keyspace {keyspace} cannot refer to a user type in keyspace {}; user types can only be \
                 used in the keyspace they are defined in",
                other.as_str()
            ));
        }
        Type::UdtOf(_, name) => user(name.as_str(), keyspace, types)?,
        Type::Custom(class) => match by_class(class) {
            Some(of) => of,
            None if class.contains('(') => return invalid(format!("Custom types are not supported: '{class}'")),
            None => {
                let full = if class.contains('.') { class.clone() } else { format!("{PACKAGE}{class}") };
                return Err(Error::Syntax(format!(
                    "Error setting type {class}: Unable to find abstract-type class '{full}'"
                )));
            }
        },
    })
}

/// The type in `frozen<…>`, or in something that freezes what is in it: there, inner collections need no `frozen`.
fn frozen(of: &Type, keyspace: &str, types: &BTreeMap<String, Arc<Udt>>) -> Result<CqlType, Error> {
    let inner = |of: &Type| frozen(of, keyspace, types);
    let thawed = match of {
        Type::List(element) => CqlType::List { element: Arc::new(countless(of, inner(element)?)?), frozen: true },
        Type::Set(element) => match countless(of, inner(element)?)? {
            CqlType::Duration => return invalid(format!("Durations are not allowed inside sets: {}", written(of))),
            element => CqlType::Set { element: Arc::new(element), frozen: true },
        },
        Type::Map(key, value) => match countless(of, inner(key)?)? {
            CqlType::Duration => return invalid(format!("Durations are not allowed as map keys: {}", written(of))),
            key => {
                let value = countless(of, inner(value)?)?;
                CqlType::Map { key: Arc::new(key), value: Arc::new(value), frozen: true }
            }
        },
        Type::Native(_) | Type::Tuple(_) | Type::Vector(..) | Type::Frozen(_) => resolve_in(of, keyspace, types)?,
        Type::Udt(_) | Type::UdtOf(..) | Type::Custom(_) => resolve_in(of, keyspace, types)?,
    };
    Ok(thawed.freeze())
}

/// A part of a collection that is not frozen: it must be frozen itself, if it can be.
fn part(of: &Type, inner: &Type, resolved: CqlType) -> Result<CqlType, Error> {
    if resolved.is_multicell() {
        let what = if matches!(inner, Type::Udt(_) | Type::UdtOf(..)) { "UDTs" } else { "collections" };
        return invalid(format!("Non-frozen {what} are not allowed inside collections: {}", written(of)));
    }
    countless(of, resolved)
}

fn countless(of: &Type, part: CqlType) -> Result<CqlType, Error> {
    match part {
        CqlType::Counter => invalid(format!("Counters are not allowed inside collections: {}", written(of))),
        part => Ok(part),
    }
}

fn user(name: &str, keyspace: &str, types: &BTreeMap<String, Arc<Udt>>) -> Result<CqlType, Error> {
    match types.get(name) {
        Some(definition) => Ok(CqlType::Udt { definition: Arc::clone(definition), frozen: false }),
        None => invalid(format!("Unknown type {keyspace}.{name}")),
    }
}

fn native(of: Native) -> CqlType {
    match of {
        Native::Ascii => CqlType::Ascii,
        Native::Bigint => CqlType::Bigint,
        Native::Blob => CqlType::Blob,
        Native::Boolean => CqlType::Boolean,
        Native::Counter => CqlType::Counter,
        Native::Date => CqlType::Date,
        Native::Decimal => CqlType::Decimal,
        Native::Double => CqlType::Double,
        Native::Duration => CqlType::Duration,
        Native::Float => CqlType::Float,
        Native::Inet => CqlType::Inet,
        Native::Int => CqlType::Int,
        Native::Smallint => CqlType::Smallint,
        Native::Text | Native::Varchar => CqlType::Text,
        Native::Time => CqlType::Time,
        Native::Timestamp => CqlType::Timestamp,
        Native::Timeuuid => CqlType::Timeuuid,
        Native::Tinyint => CqlType::Tinyint,
        Native::Uuid => CqlType::Uuid,
        Native::Varint => CqlType::Varint,
    }
}

/// A native type by the class that Cassandra has for it.
fn by_class(class: &str) -> Option<CqlType> {
    Some(match class.strip_prefix(PACKAGE).unwrap_or(class) {
        "AsciiType" => CqlType::Ascii,
        "LongType" => CqlType::Bigint,
        "BytesType" => CqlType::Blob,
        "BooleanType" => CqlType::Boolean,
        "CounterColumnType" => CqlType::Counter,
        "SimpleDateType" => CqlType::Date,
        "DecimalType" => CqlType::Decimal,
        "DoubleType" => CqlType::Double,
        "DurationType" => CqlType::Duration,
        "FloatType" => CqlType::Float,
        "InetAddressType" => CqlType::Inet,
        "Int32Type" => CqlType::Int,
        "ShortType" => CqlType::Smallint,
        "UTF8Type" => CqlType::Text,
        "TimeType" => CqlType::Time,
        "TimestampType" => CqlType::Timestamp,
        "TimeUUIDType" => CqlType::Timeuuid,
        "ByteType" => CqlType::Tinyint,
        "UUIDType" => CqlType::Uuid,
        "IntegerType" => CqlType::Varint,
        _ => return None,
    })
}

/// As messages show it: without the quotes that only the grammar needs.
fn written(of: &Type) -> String {
    of.to_string().replace('"', "")
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}

#[cfg(test)]
mod tests {
    use veltrix_cql::{Command, Ddl, parse_any};

    use super::*;

    fn resolved(text: &str) -> Result<String, String> {
        let types = BTreeMap::from([(
            "pair".to_owned(),
            Arc::new(Udt { keyspace: "ks".into(), name: "pair".into(), fields: vec![("a".into(), CqlType::Int)] }),
        )]);
        let command = parse_any(&format!("CREATE TYPE t (f {text})")).map_err(|error| error.to_string())?;
        let Command::Schema(Ddl::CreateType { fields, .. }) = command else { return Err("no type".to_owned()) };
        resolve_in(&fields[0].1, "ks", &types).map(|of| of.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn freezes_what_is_inside_of_frozen() {
        for (text, printed) in [
            ("list<int>", "list<int>"),
            ("varchar", "text"),
            ("frozen<map<text, set<int>>>", "frozen<map<text, frozen<set<int>>>>"),
            ("tuple<int, list<pair>>", "frozen<tuple<int, frozen<list<frozen<pair>>>>>"),
            ("vector<float, 3>", "vector<float, 3>"),
            ("list<tuple<int>>", "list<frozen<tuple<int>>>"),
            ("ks.pair", "pair"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(printed));
        }
    }

    #[test]
    fn refuses_in_cassandras_words() {
        for (text, message) in [
            ("list<list<int>>", "Non-frozen collections are not allowed inside collections: list<list<int>>"),
            ("set<pair>", "Non-frozen UDTs are not allowed inside collections: set<pair>"),
            ("set<duration>", "Durations are not allowed inside sets: set<duration>"),
            ("frozen<int>", "frozen<> is only allowed on collections, tuples, and user-defined types (got int)"),
            ("list<counter>", "Counters are not allowed inside collections: list<counter>"),
            ("nothing", "Unknown type ks.nothing"),
            ("map<duration, int>", "Durations are not allowed as map keys: map<duration, int>"),
        ] {
            assert_eq!(resolved(text), Err(message.to_owned()));
        }
    }
}
