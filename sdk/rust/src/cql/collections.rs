//! Lists, sets and vectors.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, Hash};

use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql, write_value};
use super::error::ValueError;
use super::types::CqlType;
use super::wire::{Reader, write_vint};

/// Each element of a collection is a `[bytes]`.
const ELEMENT: usize = 4;

/// The elements of a list, a set or a vector, as a Rust sequence.
fn encode_sequence<'v, C: ?Sized, T: ToCql + 'v>(
    values: impl ExactSizeIterator<Item = &'v T>,
    ty: &CqlType,
    out: &mut Vec<u8>,
) -> Result<Encoded, ValueError> {
    let element = match ty {
        CqlType::List(element) | CqlType::Set(element) => element,
        CqlType::Any => &CqlType::Any,
        CqlType::Vector(element, dimensions) => return encode_vector(values, ty, element, *dimensions, out),
        _ => return Err(ValueError::mismatch::<C>(ty)),
    };
    write_count(values.len(), ty, out)?;
    for (i, value) in values.enumerate() {
        write_element(value, element, out).map_err(|error| error.at(format_args!("element {i}")))?;
    }
    Ok(Encoded::Value)
}

fn encode_vector<'v, T: ToCql + 'v>(
    values: impl ExactSizeIterator<Item = &'v T>,
    ty: &CqlType,
    element: &CqlType,
    dimensions: u32,
    out: &mut Vec<u8>,
) -> Result<Encoded, ValueError> {
    if values.len() != dimensions as usize {
        return Err(ValueError::invalid(ty, format_args!("{} elements", values.len())));
    }
    for value in values {
        let mut bytes = Vec::new();
        let encoded = value.encode(element, &mut bytes)?;
        if encoded != Encoded::Value {
            return Err(ValueError::invalid(ty, "an element is null"));
        }
        if element.vector_width().is_none() {
            write_vint(bytes.len() as u64, out);
        }
        out.append(&mut bytes);
    }
    Ok(Encoded::Value)
}

pub(crate) fn write_count(count: usize, ty: &CqlType, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let count = i32::try_from(count).map_err(|_| ValueError::invalid(ty, "too many elements"))?;
    out.extend_from_slice(&count.to_be_bytes());
    Ok(())
}

/// The server takes no nulls inside lists, sets and maps.
pub(crate) fn write_element<T: ToCql + ?Sized>(value: &T, ty: &CqlType, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match write_value(value, ty, out)? {
        Encoded::Value => Ok(()),
        Encoded::Null | Encoded::Unset => Err(ValueError::invalid(ty, "null inside a collection")),
    }
}

/// Reads the elements of a list, a set or a vector. Null is an empty one: the server keeps no empty collections.
fn decode_sequence<C, T: FromCql>(
    ty: &CqlType,
    bytes: Option<&[u8]>,
    mut each: impl FnMut(T),
) -> Result<(), ValueError> {
    let element = match ty {
        CqlType::List(element) | CqlType::Set(element) => element,
        CqlType::Any => &CqlType::Any,
        CqlType::Vector(element, dimensions) => return decode_vector::<C, T>(ty, element, *dimensions, bytes, each),
        _ => return Err(ValueError::mismatch::<C>(ty)),
    };
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
    let mut reader = Reader::new(bytes);
    for i in 0..reader.count(ELEMENT).map_err(ValueError::wire(ty))? {
        let value = reader.bytes().map_err(ValueError::wire(ty))?;
        each(T::from_cql(element, value).map_err(|error| error.at(format_args!("element {i}")))?);
    }
    finished(&reader, ty)
}

fn decode_vector<C, T: FromCql>(
    ty: &CqlType,
    element: &CqlType,
    dimensions: u32,
    bytes: Option<&[u8]>,
    mut each: impl FnMut(T),
) -> Result<(), ValueError> {
    let mut reader = Reader::new(present::<C>(ty, bytes)?);
    for _ in 0..dimensions {
        let width = match element.vector_width() {
            Some(width) => width,
            None => usize::try_from(reader.vint().map_err(ValueError::wire(ty))?).unwrap_or(usize::MAX),
        };
        each(T::from_cql(element, Some(reader.take(width).map_err(ValueError::wire(ty))?))?);
    }
    finished(&reader, ty)
}

pub(crate) fn finished(reader: &Reader<'_>, ty: &CqlType) -> Result<(), ValueError> {
    if reader.is_empty() {
        return Ok(());
    }
    Err(ValueError::invalid(ty, format_args!("{} bytes too many", reader.remaining())))
}

fn list_of<'v, T: ToCql + 'v>(mut values: impl Iterator<Item = &'v T>) -> CqlType {
    CqlType::List(Box::new(values.next().map_or(CqlType::Any, ToCql::cql_type)))
}

fn set_of<'v, T: ToCql + 'v>(mut values: impl Iterator<Item = &'v T>) -> CqlType {
    CqlType::Set(Box::new(values.next().map_or(CqlType::Any, ToCql::cql_type)))
}

/// A Rust set is no list: what order would it have?
fn only_sets<C: ?Sized>(ty: &CqlType) -> Result<(), ValueError> {
    match ty {
        CqlType::Set(_) | CqlType::Any => Ok(()),
        _ => Err(ValueError::mismatch::<C>(ty)),
    }
}

impl<T: ToCql> ToCql for [T] {
    fn cql_type(&self) -> CqlType {
        list_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        encode_sequence::<Self, T>(self.iter(), ty, out)
    }
}

impl<T: ToCql> ToCql for Vec<T> {
    fn cql_type(&self) -> CqlType {
        list_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        encode_sequence::<Self, T>(self.iter(), ty, out)
    }
}

impl<T: ToCql, const N: usize> ToCql for [T; N] {
    fn cql_type(&self) -> CqlType {
        list_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        encode_sequence::<Self, T>(self.iter(), ty, out)
    }
}

impl<T: ToCql, S> ToCql for HashSet<T, S> {
    fn cql_type(&self) -> CqlType {
        set_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        only_sets::<Self>(ty)?;
        encode_sequence::<Self, T>(self.iter(), ty, out)
    }
}

impl<T: ToCql> ToCql for BTreeSet<T> {
    fn cql_type(&self) -> CqlType {
        set_of(self.iter())
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        only_sets::<Self>(ty)?;
        encode_sequence::<Self, T>(self.iter(), ty, out)
    }
}

impl<T: FromCql> FromCql for Vec<T> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let mut values = Self::new();
        decode_sequence::<Self, T>(ty, bytes, |value| values.push(value))?;
        Ok(values)
    }
}

/// Exactly `N` elements: mostly for vectors.
impl<T: FromCql, const N: usize> FromCql for [T; N] {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let values = Vec::<T>::from_cql(ty, bytes)?;
        values.try_into().map_err(|values: Vec<T>| {
            ValueError::invalid(ty, format_args!("{} elements read as an array of {N}", values.len()))
        })
    }
}

impl<T: FromCql + Eq + Hash, S: BuildHasher + Default> FromCql for HashSet<T, S> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        only_sets::<Self>(ty)?;
        let mut values = Self::default();
        decode_sequence::<Self, T>(ty, bytes, |value| {
            values.insert(value);
        })?;
        Ok(values)
    }
}

impl<T: FromCql + Ord> FromCql for BTreeSet<T> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        only_sets::<Self>(ty)?;
        let mut values = Self::new();
        decode_sequence::<Self, T>(ty, bytes, |value| {
            values.insert(value);
        })?;
        Ok(values)
    }
}
