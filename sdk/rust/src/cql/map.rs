//! Maps.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::collections::{finished, write_count, write_element};
use super::decode::FromCql;
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::types::CqlType;
use super::wire::Reader;

/// A key and a value, a `[bytes]` each.
const ENTRY: usize = 8;

fn map_of<'m, K: ToCql + 'm, V: ToCql + 'm>(mut entries: impl Iterator<Item = (&'m K, &'m V)>) -> CqlType {
    let (key, value) =
        entries.next().map_or((CqlType::Any, CqlType::Any), |(key, value)| (key.cql_type(), value.cql_type()));
    CqlType::Map(Box::new(key), Box::new(value))
}

fn types<C>(ty: &CqlType) -> Result<(&CqlType, &CqlType), ValueError> {
    match ty {
        CqlType::Map(key, value) => Ok((key, value)),
        CqlType::Any => Ok((&CqlType::Any, &CqlType::Any)),
        _ => Err(ValueError::mismatch::<C>(ty)),
    }
}

fn encode<'m, C, K: ToCql + 'm, V: ToCql + 'm>(
    entries: impl ExactSizeIterator<Item = (&'m K, &'m V)>,
    ty: &CqlType,
    out: &mut Vec<u8>,
) -> Result<Encoded, ValueError> {
    let (key_type, value_type) = types::<C>(ty)?;
    write_count(entries.len(), ty, out)?;
    for (key, value) in entries {
        write_element(key, key_type, out).map_err(|error| error.at("key"))?;
        write_element(value, value_type, out).map_err(|error| error.at("value"))?;
    }
    Ok(Encoded::Value)
}

/// Null is an empty map: the server keeps no empty collections.
fn decode<C, K: FromCql, V: FromCql>(
    ty: &CqlType,
    bytes: Option<&[u8]>,
    mut each: impl FnMut(K, V),
) -> Result<(), ValueError> {
    let (key_type, value_type) = types::<C>(ty)?;
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
    let mut reader = Reader::new(bytes);
    for _ in 0..reader.count(ENTRY).map_err(ValueError::wire(ty))? {
        let key = reader.bytes().map_err(ValueError::wire(ty))?;
        let value = reader.bytes().map_err(ValueError::wire(ty))?;
        let key = K::from_cql(key_type, key).map_err(|error| error.at("key"))?;
        each(key, V::from_cql(value_type, value).map_err(|error| error.at("value"))?);
    }
    finished(&reader, ty)
}

impl<K: ToCql, V: ToCql, S> ToCql for HashMap<K, V, S> {
    fn cql_type(&self) -> CqlType {
        map_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        encode::<Self, K, V>(self.iter(), ty, out)
    }
}

impl<K: ToCql, V: ToCql> ToCql for BTreeMap<K, V> {
    fn cql_type(&self) -> CqlType {
        map_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        encode::<Self, K, V>(self.iter(), ty, out)
    }
}

impl<K: FromCql + Eq + Hash, V: FromCql, S: BuildHasher + Default> FromCql for HashMap<K, V, S> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let mut map = Self::default();
        decode::<Self, K, V>(ty, bytes, |key, value| drop(map.insert(key, value)))?;
        Ok(map)
    }
}

impl<K: FromCql + Ord, V: FromCql> FromCql for BTreeMap<K, V> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let mut map = Self::new();
        decode::<Self, K, V>(ty, bytes, |key, value| drop(map.insert(key, value)))?;
        Ok(map)
    }
}
