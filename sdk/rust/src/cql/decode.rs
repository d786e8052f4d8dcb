//! [`FromCql`]: CQL bytes to Rust values.

use std::borrow::Cow;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::error::ValueError;
use super::types::CqlType;

/// A Rust type that a column can be read as.
///
/// The module's table says which types go together. For a type of your own, pass on to the type it wraps:
///
/// ```
/// use veltrix_sdk::cql::{CqlType, FromCql, ValueError};
///
/// struct Sku(String);
///
/// impl FromCql for Sku {
///     fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
///         String::from_cql(ty, bytes).map(Sku)
///     }
/// }
/// ```
pub trait FromCql: Sized {
    /// Reads a value of type `ty`; `None` is null.
    ///
    /// # Errors
    /// The types don't go together, the value is null and the type can't say so, or the bytes are not a `ty`.
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError>;
}

/// The bytes of a value that must be there.
pub(crate) fn present<'a, T>(ty: &CqlType, bytes: Option<&'a [u8]>) -> Result<&'a [u8], ValueError> {
    match bytes {
        Some(bytes) if !bytes.is_empty() || ty.has_empty_value() => Ok(bytes),
        _ => Err(ValueError::null::<T>(ty)),
    }
}

/// The bytes of a value of fixed width.
pub(crate) fn fixed<T, const N: usize>(ty: &CqlType, bytes: Option<&[u8]>) -> Result<[u8; N], ValueError> {
    let bytes = present::<T>(ty, bytes)?;
    bytes.try_into().map_err(|_| ValueError::invalid(ty, format_args!("{} bytes, not {N}", bytes.len())))
}

/// `None`, if null.
impl<T: FromCql> FromCql for Option<T> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        match bytes {
            Some(bytes) if !bytes.is_empty() || ty.has_empty_value() => T::from_cql(ty, Some(bytes)).map(Some),
            // Asked nevertheless, so that a wrong type is found before the first value is there.
            _ => match T::from_cql(ty, None) {
                Err(error) if !error.is_null() => Err(error),
                _ => Ok(None),
            },
        }
    }
}

macro_rules! wrapped {
    ($([$($generics:tt)*] $ty:ty => $inner:ty;)*) => {$(
        impl<$($generics)*> FromCql for $ty {
            fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
                <$inner>::from_cql(ty, bytes).map(Into::into)
            }
        }
    )*};
}

wrapped! {
    [T: FromCql] Box<T> => T;
    [T: FromCql] Rc<T> => T;
    [T: FromCql] Arc<T> => T;
    [] Box<str> => String;
    [] Rc<str> => String;
    [] Arc<str> => String;
}

impl<B: ToOwned<Owned: FromCql> + ?Sized> FromCql for Cow<'static, B> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        B::Owned::from_cql(ty, bytes).map(Cow::Owned)
    }
}

/// Integers and floats widen without loss, and never narrow.
macro_rules! numbers {
    ($($rust:ty => $($cql:pat => $narrow:ty),+;)*) => {$(
        impl FromCql for $rust {
            fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
                Ok(match ty {
                    CqlType::Any => Self::from_be_bytes(fixed::<Self, _>(ty, bytes)?),
                    $($cql => <$narrow>::from_be_bytes(fixed::<Self, _>(ty, bytes)?).into(),)+
                    _ => return Err(ValueError::mismatch::<Self>(ty)),
                })
            }
        }
    )*};
}

numbers! {
    i8 => CqlType::TinyInt => i8;
    i16 => CqlType::SmallInt => i16, CqlType::TinyInt => i8;
    i32 => CqlType::Int => i32, CqlType::SmallInt => i16, CqlType::TinyInt => i8;
    i64 => CqlType::BigInt | CqlType::Counter => i64, CqlType::Int => i32, CqlType::SmallInt => i16,
        CqlType::TinyInt => i8;
    f32 => CqlType::Float => f32;
    f64 => CqlType::Double => f64, CqlType::Float => f32;
}

impl FromCql for bool {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Boolean | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        fixed::<Self, 1>(ty, bytes).map(|[byte]| byte != 0)
    }
}

impl FromCql for String {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Text | CqlType::Ascii | CqlType::Any) = ty else {
            return Err(ValueError::mismatch::<Self>(ty));
        };
        let bytes = present::<Self>(ty, bytes)?;
        str::from_utf8(bytes).map(str::to_owned).map_err(|error| ValueError::invalid(ty, error))
    }
}

impl FromCql for Vec<u8> {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Blob | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        present::<Self>(ty, bytes).map(<[u8]>::to_vec)
    }
}

impl<const N: usize> FromCql for [u8; N] {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Blob | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        fixed::<Self, N>(ty, bytes)
    }
}

impl FromCql for IpAddr {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Inet | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        let bytes = present::<Self>(ty, bytes)?;
        if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
            return Ok(v4.into());
        }
        let v6 = <[u8; 16]>::try_from(bytes);
        v6.map(Self::from).map_err(|_| ValueError::invalid(ty, format_args!("{} bytes", bytes.len())))
    }
}
