//! User-defined types: [`Udt`] by field name, and the macro [`udt!`](crate::udt) for structs.

use super::collections::finished;
use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::tuple::{read_field, write_field};
use super::types::{CqlType, UdtType};
use super::value::Value;
use super::wire::Reader;

/// A value of a user-defined type, by the names of its fields. For a struct of your own, see
/// [`udt!`](crate::udt).
///
/// ```
/// # use veltrix_sdk::cql::{Udt, ValueError};
/// let address = Udt::new().with("street", "Low Road 1")?.with("zip", 1234)?;
/// assert_eq!(address.get::<i32>("zip")?, 1234);
/// # Ok::<(), ValueError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Udt {
    fields: Vec<(String, Value)>,
}

impl Udt {
    /// A value without fields: those that are not given are null.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field.
    ///
    /// # Errors
    /// As [`Value::new`].
    pub fn with(mut self, name: impl Into<String>, value: impl ToCql) -> Result<Self, ValueError> {
        let (name, value) = (name.into(), Value::new(value)?);
        self.fields.retain(|(other, _)| *other != name);
        self.fields.push((name, value));
        Ok(self)
    }

    /// Reads a field.
    ///
    /// # Errors
    /// There is no such field, or it can't be read as a `T`.
    pub fn get<T: FromCql>(&self, name: &str) -> Result<T, ValueError> {
        let Some((_, value)) = self.fields.iter().find(|(other, _)| other == name) else {
            let names: Vec<_> = self.fields.iter().map(|(name, _)| name.as_str()).collect();
            return Err(ValueError::no_field(name, &names));
        };
        value.get().map_err(|error| error.at(format_args!("field {name}")))
    }

    /// Names and values of the fields, in the order of the type's definition if it came from a row.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl FromCql for Udt {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let mut udt = Self::new();
        decode_fields::<Self>(ty, bytes, |name, ty, bytes| {
            udt.fields.push((name.to_owned(), Value::from_cql(ty, bytes)?));
            Ok(())
        })?;
        Ok(udt)
    }
}

impl ToCql for Udt {
    fn cql_type(&self) -> CqlType {
        udt_of(self.fields().map(|(name, value)| (name, value.cql_type().clone())))
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_str(), value as &dyn ToCql)).collect();
        encode_fields::<Self>(&fields, ty, out)
    }
}

/// A `[bytes]` that is null.
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// The type of fields that are known by name alone.
#[doc(hidden)]
pub fn udt_of<'f>(fields: impl Iterator<Item = (&'f str, CqlType)>) -> CqlType {
    let fields = fields.map(|(name, ty)| (name.to_owned(), ty)).collect();
    CqlType::Udt(UdtType { keyspace: String::new(), name: "udt".to_owned(), fields })
}

/// Writes fields in the order of the type's definition; fields that aren't given are null, others an error.
#[doc(hidden)]
pub fn encode_fields<C: ?Sized>(
    fields: &[(&str, &dyn ToCql)],
    ty: &CqlType,
    out: &mut Vec<u8>,
) -> Result<Encoded, ValueError> {
    let udt = match ty {
        CqlType::Udt(udt) => udt,
        CqlType::Any => {
            for (name, value) in fields {
                write_field(*value, &CqlType::Any, out).map_err(|error| error.at(format_args!("field {name}")))?;
            }
            return Ok(Encoded::Value);
        }
        _ => return Err(ValueError::mismatch::<C>(ty)),
    };
    let names: Vec<_> = udt.fields.iter().map(|(name, _)| name.as_str()).collect();
    if let Some((name, _)) = fields.iter().find(|(name, _)| !names.contains(name)) {
        return Err(ValueError::no_field(name, &names).at(ty));
    }
    for (name, field_type) in &udt.fields {
        match fields.iter().find(|(other, _)| other == name) {
            Some((_, value)) => {
                write_field(*value, field_type, out).map_err(|error| error.at(format_args!("field {name}")))?;
            }
            None => out.extend_from_slice(&NULL),
        }
    }
    Ok(Encoded::Value)
}

/// Hands over each field of a value, in the order of the type's definition.
fn decode_fields<C>(
    ty: &CqlType,
    bytes: Option<&[u8]>,
    mut each: impl FnMut(&str, &CqlType, Option<&[u8]>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let CqlType::Udt(udt) = ty else { return Err(ValueError::mismatch::<C>(ty)) };
    let mut reader = Reader::new(present::<C>(ty, bytes)?);
    for (name, field_type) in &udt.fields {
        each(name, field_type, read_field(&mut reader, ty)?)?;
    }
    finished(&reader, ty)
}

/// Makes a struct a value of a user-defined type, both ways: fields by name, in any order.
///
/// When read, a field that the type doesn't have is an error, others of the type are ignored; when written, those are null.
///
/// ```
/// use veltrix_sdk::cql::Value;
///
/// #[derive(Debug, PartialEq)]
/// struct Address {
///     street: String,
///     zip: Option<i32>,
/// }
/// veltrix_sdk::udt!(Address { street, zip = "postal_code" });
///
/// let home = Value::new(Address { street: "Low Road 1".into(), zip: None })?;
/// assert_eq!(home.get::<Address>()?.street, "Low Road 1");
/// # Ok::<(), veltrix_sdk::cql::ValueError>(())
/// ```
#[macro_export]
macro_rules! udt {
    ($name:ident { $($field:ident $(= $column:literal)?),+ $(,)? }) => {
        impl $crate::cql::ToCql for $name {
            fn cql_type(&self) -> $crate::cql::CqlType {
                $crate::cql::__private::udt_of(
                    [$(($crate::__field_name!($field $($column)?), $crate::cql::ToCql::cql_type(&self.$field))),+]
                        .into_iter(),
                )
            }
            fn encode(
                &self,
                ty: &$crate::cql::CqlType,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::std::result::Result<$crate::cql::Encoded, $crate::cql::ValueError> {
                $crate::cql::__private::encode_fields::<Self>(
                    &[$(($crate::__field_name!($field $($column)?), &self.$field as &dyn $crate::cql::ToCql)),+],
                    ty,
                    out,
                )
            }
        }

        impl $crate::cql::FromCql for $name {
            fn from_cql(
                ty: &$crate::cql::CqlType,
                bytes: ::std::option::Option<&[u8]>,
            ) -> ::std::result::Result<Self, $crate::cql::ValueError> {
                let udt = <$crate::cql::Udt as $crate::cql::FromCql>::from_cql(ty, bytes)?;
                Ok(Self { $($field: udt.get($crate::__field_name!($field $($column)?))?),+ })
            }
        }
    };
}

/// The name of a field in CQL: its own, unless another is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __field_name {
    ($field:ident $column:literal) => {
        $column
    };
    ($field:ident) => {
        stringify!($field)
    };
}
