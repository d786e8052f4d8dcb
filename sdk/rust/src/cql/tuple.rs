//! Rust tuples as CQL tuples.

use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql, write_value};
use super::error::ValueError;
use super::types::CqlType;
use super::wire::Reader;

/// A field of a tuple or of a user-defined type: null or a value.
pub(crate) fn write_field<T: ToCql + ?Sized>(value: &T, ty: &CqlType, out: &mut Vec<u8>) -> Result<(), ValueError> {
    match write_value(value, ty, out)? {
        Encoded::Value | Encoded::Null => Ok(()),
        Encoded::Unset => Err(ValueError::invalid(ty, "unset inside a value")),
    }
}

/// The next field; fields that a later definition added are missing from the bytes of older values.
pub(crate) fn read_field<'a>(reader: &mut Reader<'a>, ty: &CqlType) -> Result<Option<&'a [u8]>, ValueError> {
    if reader.is_empty() {
        return Ok(None);
    }
    reader.bytes().map_err(ValueError::wire(ty))
}

fn type_of<C>(ty: &CqlType, i: usize, arity: usize) -> Result<&CqlType, ValueError> {
    match ty {
        CqlType::Tuple(types) if types.len() == arity => Ok(&types[i]),
        CqlType::Any => Ok(&CqlType::Any),
        _ => Err(ValueError::mismatch::<C>(ty)),
    }
}

macro_rules! tuples {
    ($($arity:literal: $($name:ident $i:tt),+;)*) => {$(
        impl<$($name: ToCql),+> ToCql for ($($name,)+) {
            fn cql_type(&self) -> CqlType {
                CqlType::Tuple(vec![$(self.$i.cql_type()),+])
            }
            fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
                $(
                    let field = type_of::<Self>(ty, $i, $arity)?;
                    write_field(&self.$i, field, out).map_err(|error| error.at(concat!("field ", $i)))?;
                )+
                Ok(Encoded::Value)
            }
        }

        impl<$($name: FromCql),+> FromCql for ($($name,)+) {
            fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
                let mut reader = Reader::new(present::<Self>(ty, bytes)?);
                let tuple = ($({
                    let field = type_of::<Self>(ty, $i, $arity)?;
                    let bytes = read_field(&mut reader, ty)?;
                    $name::from_cql(field, bytes).map_err(|error| error.at(concat!("field ", $i)))?
                },)+);
                super::collections::finished(&reader, ty)?;
                Ok(tuple)
            }
        }
    )*};
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
