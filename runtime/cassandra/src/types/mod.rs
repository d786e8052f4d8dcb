//! CQL types and values in their binary form.

use std::sync::Arc;

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
    List { element: Arc<CqlType>, frozen: bool },
    Set { element: Arc<CqlType>, frozen: bool },
    Map { key: Arc<CqlType>, value: Arc<CqlType>, frozen: bool },
    /// Always frozen in effect.
    Tuple(Arc<[CqlType]>),
    Udt { definition: Arc<Udt>, frozen: bool },
    Vector { element: Arc<CqlType>, dimension: u16 },
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
