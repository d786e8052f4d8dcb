//! [`ToCql`]: Rust values to CQL bytes.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::error::ValueError;
use super::types::CqlType;

/// What [`ToCql::encode`] made of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoded {
    /// Bytes were appended (perhaps none: an empty text).
    Value,
    /// No value.
    Null,
    /// Leave the column as it is.
    Unset,
}

/// A Rust value that can be bound to a parameter of a statement.
///
/// The module's table says which types go together. For a type of your own, pass on to the type it wraps:
///
/// ```
/// use veltrix_sdk::cql::{CqlType, Encoded, ToCql, ValueError};
///
/// struct Sku(String);
///
/// impl ToCql for Sku {
///     fn cql_type(&self) -> CqlType {
///         self.0.cql_type()
///     }
///     fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
///         self.0.encode(ty, out)
///     }
/// }
/// ```
pub trait ToCql {
    /// The type the value has by itself. It is what counts where the statement's types aren't known: in the stand-in of
    /// unit tests.
    fn cql_type(&self) -> CqlType;

    /// Appends the value in the encoding of `ty`, without its length.
    ///
    /// # Errors
    /// The types don't go together, or this value is not one of `ty`.
    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError>;
}

/// Appends `value` with its length: a `[value]` of the protocol.
pub(crate) fn write_value<T: ToCql + ?Sized>(
    value: &T,
    ty: &CqlType,
    out: &mut Vec<u8>,
) -> Result<Encoded, ValueError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let encoded = value.encode(ty, out)?;
    let len = match encoded {
        Encoded::Value => i32::try_from(out.len() - start - 4).map_err(|_| ValueError::invalid(ty, "over 2 GiB"))?,
        Encoded::Null => -1,
        Encoded::Unset => -2,
    };
    if len < 0 {
        out.truncate(start + 4);
    }
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    Ok(encoded)
}

macro_rules! forward {
    ($($(#[$doc:meta])* [$($generics:tt)*] $ty:ty;)*) => {$(
        $(#[$doc])*
        impl<$($generics)*> ToCql for $ty {
            fn cql_type(&self) -> CqlType {
                (**self).cql_type()
            }
            fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
                (**self).encode(ty, out)
            }
        }
    )*};
}

forward! {
    [T: ToCql + ?Sized] &T;
    [T: ToCql + ?Sized] Box<T>;
    [T: ToCql + ?Sized] Rc<T>;
    [T: ToCql + ?Sized] Arc<T>;
    [B: ToCql + ToOwned + ?Sized] Cow<'_, B>;
    [] String;
    [] Vec<u8>;
}

/// Null, if `None`.
impl<T: ToCql> ToCql for Option<T> {
    fn cql_type(&self) -> CqlType {
        self.as_ref().map_or(CqlType::Any, ToCql::cql_type)
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        match self {
            Some(value) => value.encode(ty, out),
            None => Ok(Encoded::Null),
        }
    }
}

/// Leaves a column as it is, where `None` would delete what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unset;

impl ToCql for Unset {
    fn cql_type(&self) -> CqlType {
        CqlType::Any
    }

    fn encode(&self, _: &CqlType, _: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        Ok(Encoded::Unset)
    }
}

/// A value, or [`Unset`]: to write only those columns of a statement that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaybeUnset<T> {
    /// Write this.
    Set(T),
    /// Leave the column as it is.
    Unset,
}

impl<T: ToCql> ToCql for MaybeUnset<T> {
    fn cql_type(&self) -> CqlType {
        match self {
            Self::Set(value) => value.cql_type(),
            Self::Unset => CqlType::Any,
        }
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        match self {
            Self::Set(value) => value.encode(ty, out),
            Self::Unset => Ok(Encoded::Unset),
        }
    }
}

/// Integers and floats widen without loss, and never narrow.
macro_rules! numbers {
    ($($rust:ty, $own:ident => $($cql:pat => $wide:ty),+;)*) => {$(
        impl ToCql for $rust {
            fn cql_type(&self) -> CqlType {
                CqlType::$own
            }
            fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
                match ty {
                    CqlType::Any => out.extend_from_slice(&self.to_be_bytes()),
                    $($cql => out.extend_from_slice(&<$wide>::from(*self).to_be_bytes()),)+
                    _ => return Err(ValueError::mismatch::<Self>(ty)),
                }
                Ok(Encoded::Value)
            }
        }
    )*};
}

numbers! {
    i8, TinyInt => CqlType::TinyInt => i8, CqlType::SmallInt => i16, CqlType::Int => i32,
        CqlType::BigInt | CqlType::Counter => i64;
    i16, SmallInt => CqlType::SmallInt => i16, CqlType::Int => i32, CqlType::BigInt | CqlType::Counter => i64;
    i32, Int => CqlType::Int => i32, CqlType::BigInt | CqlType::Counter => i64;
    i64, BigInt => CqlType::BigInt | CqlType::Counter => i64;
    f32, Float => CqlType::Float => f32, CqlType::Double => f64;
    f64, Double => CqlType::Double => f64;
}

impl ToCql for bool {
    fn cql_type(&self) -> CqlType {
        CqlType::Boolean
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Boolean | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.push(u8::from(*self));
        Ok(Encoded::Value)
    }
}

impl ToCql for str {
    fn cql_type(&self) -> CqlType {
        CqlType::Text
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        match ty {
            CqlType::Text | CqlType::Any => {}
            CqlType::Ascii if self.is_ascii() => {}
            CqlType::Ascii => return Err(ValueError::invalid(ty, "the text has other characters")),
            _ => return Err(ValueError::mismatch::<Self>(ty)),
        }
        out.extend_from_slice(self.as_bytes());
        Ok(Encoded::Value)
    }
}

impl ToCql for [u8] {
    fn cql_type(&self) -> CqlType {
        CqlType::Blob
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Blob | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(self);
        Ok(Encoded::Value)
    }
}

impl<const N: usize> ToCql for [u8; N] {
    fn cql_type(&self) -> CqlType {
        CqlType::Blob
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        self.as_slice().encode(ty, out)
    }
}

impl ToCql for IpAddr {
    fn cql_type(&self) -> CqlType {
        CqlType::Inet
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Inet | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        match self {
            Self::V4(ip) => out.extend_from_slice(&ip.octets()),
            Self::V6(ip) => out.extend_from_slice(&ip.octets()),
        }
        Ok(Encoded::Value)
    }
}
