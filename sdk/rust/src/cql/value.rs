//! [`Value`]: any CQL value as it came.

use super::collections::{finished, write_count, write_element};
use super::decode::FromCql;
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::tuple::{read_field, write_field};
use super::types::CqlType;
use super::udt::Udt;
use super::wire::Reader;

/// A value of any type, with its type: read it later by [`get`](Self::get), or bind it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    ty: CqlType,
    bytes: Option<Vec<u8>>,
}

impl Value {
    /// Takes the value as the type it has by itself; unset becomes null.
    ///
    /// # Errors
    /// The value can't be encoded: a null inside a list, a text over 2 GiB.
    pub fn new(value: impl ToCql) -> Result<Self, ValueError> {
        let ty = value.cql_type();
        let mut bytes = Vec::new();
        let encoded = value.encode(&ty, &mut bytes)?;
        Ok(Self { ty, bytes: (encoded == Encoded::Value).then_some(bytes) })
    }

    pub(crate) fn raw(ty: CqlType, bytes: Option<Vec<u8>>) -> Self {
        Self { ty, bytes }
    }

    /// Its type.
    pub fn cql_type(&self) -> &CqlType {
        &self.ty
    }

    /// Its bytes in the CQL encoding; `None` is null.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        self.bytes.as_deref()
    }

    /// Reads the value.
    ///
    /// # Errors
    /// As [`FromCql::from_cql`].
    pub fn get<T: FromCql>(&self) -> Result<T, ValueError> {
        T::from_cql(&self.ty, self.as_bytes())
    }
}

impl FromCql for Value {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        Ok(Self::raw(ty.clone(), bytes.map(<[u8]>::to_vec)))
    }
}

impl ToCql for Value {
    fn cql_type(&self) -> CqlType {
        self.ty.clone()
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let Some(bytes) = &self.bytes else { return Ok(Encoded::Null) };
        recode(&self.ty, bytes, ty, out)
    }
}

/// Turns the bytes of one type into those of another, where the table of types allows it.
fn recode(from: &CqlType, bytes: &[u8], to: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
    let some = Some(bytes);
    match (from, to) {
        (_, CqlType::Any) | (CqlType::Any, _) => out.extend_from_slice(bytes),
        _ if from == to => out.extend_from_slice(bytes),
        (CqlType::TinyInt, _) => return i8::from_cql(from, some)?.encode(to, out),
        (CqlType::SmallInt, _) => return i16::from_cql(from, some)?.encode(to, out),
        (CqlType::Int, _) => return i32::from_cql(from, some)?.encode(to, out),
        (CqlType::BigInt | CqlType::Counter, _) => return i64::from_cql(from, some)?.encode(to, out),
        (CqlType::Float, _) => return f32::from_cql(from, some)?.encode(to, out),
        (CqlType::Text | CqlType::Ascii, _) => return String::from_cql(from, some)?.encode(to, out),
        (CqlType::Uuid | CqlType::TimeUuid, _) => return super::Uuid::from_cql(from, some)?.encode(to, out),
        (CqlType::List(_) | CqlType::Vector(..), CqlType::List(_) | CqlType::Set(_) | CqlType::Vector(..))
        | (CqlType::Set(_), CqlType::Set(_)) => return Vec::<Value>::from_cql(from, some)?.encode(to, out),
        (CqlType::Map(from_key, from_value), CqlType::Map(to_key, to_value)) => {
            let mut reader = Reader::new(bytes);
            let count = reader.count(8).map_err(ValueError::wire(from))?;
            write_count(count, to, out)?;
            for _ in 0..count {
                for (from, to) in [(from_key, to_key), (from_value, to_value)] {
                    let element = reader.bytes().map_err(ValueError::wire(from))?;
                    write_element(&Value::from_cql(from, element)?, to, out)?;
                }
            }
            finished(&reader, from)?;
        }
        (CqlType::Tuple(from_types), CqlType::Tuple(to_types)) if from_types.len() == to_types.len() => {
            let mut reader = Reader::new(bytes);
            for (from, to) in from_types.iter().zip(to_types) {
                write_field(&Value::from_cql(from, read_field(&mut reader, from)?)?, to, out)?;
            }
        }
        (CqlType::Udt(_), CqlType::Udt(_)) => return Udt::from_cql(from, some)?.encode(to, out),
        _ => return Err(ValueError::mismatch::<Value>(to).at(format_args!("a value of type {from}"))),
    }
    Ok(Encoded::Value)
}
