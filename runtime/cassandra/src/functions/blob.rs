//! Values to blobs and back, and tokens.

use bytes::Bytes;

use super::{Function, bytes};
use crate::api::Error;
use crate::storage;
use crate::types::{CqlType, text};

const TYPES: [(&str, CqlType); 20] = [
    ("ascii", CqlType::Ascii),
    ("bigint", CqlType::Bigint),
    ("boolean", CqlType::Boolean),
    ("counter", CqlType::Counter),
    ("date", CqlType::Date),
    ("decimal", CqlType::Decimal),
    ("double", CqlType::Double),
    ("duration", CqlType::Duration),
    ("float", CqlType::Float),
    ("inet", CqlType::Inet),
    ("int", CqlType::Int),
    ("smallint", CqlType::Smallint),
    ("text", CqlType::Text),
    ("time", CqlType::Time),
    ("timestamp", CqlType::Timestamp),
    ("timeuuid", CqlType::Timeuuid),
    ("tinyint", CqlType::Tinyint),
    ("uuid", CqlType::Uuid),
    ("varchar", CqlType::Text),
    ("varint", CqlType::Varint),
];

/// `int_as_blob`, `intasblob`, `blob_as_int` and `blobasint`, for each type.
pub(super) fn conversion(name: &str) -> Option<Function> {
    let of = |known: &str| TYPES.iter().find(|(other, _)| *other == known).map(|(_, of)| of.clone());
    let to = name.strip_suffix("_as_blob").or_else(|| name.strip_suffix("asblob")).and_then(of);
    if let Some(of) = to {
        return Some(Function::strict(name, &[of], CqlType::Blob, |_, arguments| Ok(arguments[0].clone())));
    }
    let from = name.strip_prefix("blob_as_").or_else(|| name.strip_prefix("blobas")).and_then(of)?;
    Some(Function::strict(name, &[CqlType::Blob], from, from_blob))
}

fn from_blob(function: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let value = bytes(arguments, 0);
    match function.returns.validate(value) {
        Ok(()) => Ok(arguments[0].clone()),
        Err(_) => Err(Error::Invalid(format!(
            "In call to function {}, value {} is not a valid binary representation for type {}",
            function.full_name(),
            text::blob(value),
            function.returns
        ))),
    }
}

/// The token of a partition key.
pub(super) fn token(_: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let token = match arguments {
        [Some(single)] => storage::token(single),
        several => {
            let mut key = Vec::new();
            for part in several.iter().flatten() {
                key.extend_from_slice(&(part.len() as u16).to_be_bytes());
                key.extend_from_slice(part);
                key.push(0);
            }
            storage::token(&key)
        }
    };
    Ok(Some(token.to_be_bytes().to_vec().into()))
}
