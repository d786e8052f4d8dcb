//! CQL types and values in their binary form.

pub(crate) mod calendar;
pub(crate) mod collection;
mod compare;
pub(crate) mod decimal;
pub(crate) mod duration;
pub(crate) mod json;
pub(crate) mod name;
pub(crate) mod number;
mod resolve;
pub(crate) mod text;
mod validate;
pub(crate) mod vint;

use std::sync::Arc;

pub(crate) use resolve::resolve;

/// A resolved CQL type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CqlType {
    Ascii,
    Bigint,
    Blob,
    Boolean,
    Counter,
    Date,
    Decimal,
    Double,
    Duration,
    Float,
    Inet,
    Int,
    Smallint,
    Text,
    Time,
    Timestamp,
    Timeuuid,
    Tinyint,
    Uuid,
    Varint,
    List {
        element: Arc<CqlType>,
        frozen: bool,
    },
    Set {
        element: Arc<CqlType>,
        frozen: bool,
    },
    Map {
        key: Arc<CqlType>,
        value: Arc<CqlType>,
        frozen: bool,
    },
    /// Always frozen in effect.
    Tuple(Arc<[CqlType]>),
    Udt {
        definition: Arc<Udt>,
        frozen: bool,
    },
    Vector {
        element: Arc<CqlType>,
        dimension: u16,
    },
}

/// A user-defined type as it is now; an altered type is a new definition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Udt {
    /// Keyspace of the type.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// Fields in order.
    pub fields: Vec<(String, CqlType)>,
}

impl CqlType {
    /// A column of this type has a cell for each element or field.
    pub(crate) fn is_multicell(&self) -> bool {
        match self {
            Self::List { frozen, .. }
            | Self::Set { frozen, .. }
            | Self::Map { frozen, .. }
            | Self::Udt { frozen, .. } => !frozen,
            _ => false,
        }
    }

    /// A list, set or map.
    pub(crate) fn is_collection(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Set { .. } | Self::Map { .. })
    }

    /// The same type, frozen as deep as it goes.
    pub(crate) fn freeze(&self) -> Self {
        match self {
            Self::List { element, .. } => Self::List { element: Arc::new(element.freeze()), frozen: true },
            Self::Set { element, .. } => Self::Set { element: Arc::new(element.freeze()), frozen: true },
            Self::Map { key, value, .. } => {
                Self::Map { key: Arc::new(key.freeze()), value: Arc::new(value.freeze()), frozen: true }
            }
            Self::Udt { definition, .. } => Self::Udt { definition: Arc::clone(definition), frozen: true },
            Self::Vector { element, dimension } => {
                Self::Vector { element: Arc::new(element.freeze()), dimension: *dimension }
            }
            other => other.clone(),
        }
    }

    /// Whether a value of the other type can stand where one of this is wanted, since both have the same binary form
    /// and any value of the other is one of this.
    pub(crate) fn takes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Blob, _) | (Self::Text, Self::Ascii) | (Self::Uuid, Self::Timeuuid) => true,
            (Self::Bigint, Self::Timestamp) | (Self::Timestamp | Self::Time, Self::Bigint) => true,
            (Self::Date, Self::Int) | (Self::Varint, Self::Int | Self::Bigint | Self::Timestamp) => true,
            (Self::List { element: a, .. }, Self::List { element: b, .. })
            | (Self::Set { element: a, .. }, Self::Set { element: b, .. }) => a.takes(b),
            (Self::Map { key: a, value: c, .. }, Self::Map { key: b, value: d, .. }) => a.takes(b) && c.takes(d),
            (Self::Tuple(a), Self::Tuple(b)) => a.len() >= b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.takes(b)),
            (Self::Vector { element: a, dimension: n }, Self::Vector { element: b, dimension: m }) => {
                n == m && a.takes(b)
            }
            (Self::Udt { definition: a, .. }, Self::Udt { definition: b, .. }) => {
                a.keyspace == b.keyspace && a.name == b.name
            }
            (a, b) => a == b,
        }
    }

    /// Whether any part of it is a duration, which has no order.
    pub(crate) fn has_duration(&self) -> bool {
        self.any(&|part| matches!(part, Self::Duration))
    }

    /// Whether the user-defined type is any part of it.
    pub(crate) fn uses(&self, keyspace: &str, name: &str) -> bool {
        self.any(&|part| match part {
            Self::Udt { definition, .. } => definition.keyspace == keyspace && definition.name == name,
            _ => false,
        })
    }

    /// Whether it or any part of it, at any depth, is as `test` says.
    fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self)
            || match self {
                Self::List { element, .. } | Self::Set { element, .. } | Self::Vector { element, .. } => {
                    element.any(test)
                }
                Self::Map { key, value, .. } => key.any(test) || value.any(test),
                Self::Tuple(parts) => parts.iter().any(|part| part.any(test)),
                Self::Udt { definition, .. } => definition.fields.iter().any(|(_, of)| of.any(test)),
                _ => false,
            }
    }

    /// The same type where each user-defined type is what `with` says.
    pub(crate) fn replace(&self, with: &dyn Fn(&Arc<Udt>) -> Arc<Udt>) -> Self {
        let inner = |of: &Arc<Self>| Arc::new(of.replace(with));
        match self {
            Self::List { element, frozen } => Self::List { element: inner(element), frozen: *frozen },
            Self::Set { element, frozen } => Self::Set { element: inner(element), frozen: *frozen },
            Self::Map { key, value, frozen } => Self::Map { key: inner(key), value: inner(value), frozen: *frozen },
            Self::Tuple(parts) => Self::Tuple(parts.iter().map(|part| part.replace(with)).collect()),
            Self::Vector { element, dimension } => Self::Vector { element: inner(element), dimension: *dimension },
            Self::Udt { definition, frozen } => Self::Udt { definition: with(definition), frozen: *frozen },
            other => other.clone(),
        }
    }
}
