//! Functions that hide values.

use std::sync::Arc;

use bytes::Bytes;

use super::Function;
use crate::api::Error;
use crate::types::collection::{encode, encode_fields, encode_vector};
use crate::types::{CqlType, number};

type Outcome = Result<Option<Bytes>, Error>;

pub(super) fn null(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    Ok(None)
}

pub(super) fn default(function: &Function, _: &[Option<Bytes>]) -> Outcome {
    Ok(Some(masked(&function.returns)))
}

pub(super) fn replace(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    Ok(arguments.get(1).cloned().flatten())
}

/// `mask_inner` and `mask_outer`: of `value`, the first and last few characters stay, or what is between them.
pub(super) fn partial(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let [Some(value), begin, end, ..] = arguments else { return Ok(None) };
    let padding = match arguments.get(3).and_then(Option::as_ref) {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => "*".to_owned(),
    };
    if padding.chars().count() != 1 {
        return Err(Error::Invalid(format!(
            "The padding argument for function {} should be single-character, but '{padding}' has {} characters.",
            function.full_name(),
            padding.chars().count()
        )));
    }
    let count = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| number::signed(bytes).max(0)) as usize;
    let (begin, end) = (count(begin), count(end));
    let text: Vec<char> = String::from_utf8_lossy(value).chars().collect();
    let inside = |at: usize| at >= begin && at + end < text.len();
    let hidden = |at: usize| inside(at) == (function.name == "mask_inner");
    let parts = text.iter().enumerate().map(|(at, c)| if hidden(at) { padding.clone() } else { c.to_string() });
    Ok(Some(parts.collect::<String>().into()))
}

/// `mask_hash`
pub(super) fn hash(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    use sha2::Digest;
    let Some(Some(value)) = arguments.first() else { return Ok(None) };
    let algorithm = arguments.get(1).and_then(Option::as_ref).map(|name| String::from_utf8_lossy(name).into_owned());
    let digest = match algorithm.as_deref().unwrap_or("SHA-256") {
        "SHA-256" => sha2::Sha256::digest(value).to_vec(),
        "SHA-512" => sha2::Sha512::digest(value).to_vec(),
        "SHA-384" => sha2::Sha384::digest(value).to_vec(),
        "SHA-224" => sha2::Sha224::digest(value).to_vec(),
        other => return Err(Error::Invalid(format!("Hash algorithm not found: {other}"))),
    };
    Ok(Some(digest.into()))
}

/// What stands for any value of a type.
fn masked(of: &CqlType) -> Bytes {
    match of {
        CqlType::Ascii | CqlType::Text => Bytes::from_static(b"****"),
        CqlType::Blob => Bytes::new(),
        CqlType::Boolean | CqlType::Tinyint | CqlType::Varint => Bytes::from_static(&[0]),
        CqlType::Smallint => Bytes::from_static(&[0; 2]),
        CqlType::Int | CqlType::Float => Bytes::from_static(&[0; 4]),
        CqlType::Bigint | CqlType::Counter | CqlType::Double | CqlType::Time | CqlType::Timestamp => {
            Bytes::from_static(&[0; 8])
        }
        CqlType::Date => Bytes::from_static(&[0x80, 0, 0, 0]),
        CqlType::Decimal => Bytes::from_static(&[0; 5]),
        CqlType::Duration => Bytes::from_static(&[0; 3]),
        CqlType::Inet => Bytes::from_static(&[0; 4]),
        CqlType::Uuid => Bytes::from_static(&[0; 16]),
        CqlType::Timeuuid => Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        CqlType::List { .. } | CqlType::Set { .. } => encode::<&[u8]>(&[], false),
        CqlType::Map { .. } => encode::<&[u8]>(&[], true),
        CqlType::Tuple(parts) => encode_fields(&parts.iter().map(|part| Some(masked(part))).collect::<Vec<_>>()),
        CqlType::Udt { definition, .. } => {
            encode_fields(&definition.fields.iter().map(|(_, part)| Some(masked(part))).collect::<Vec<_>>())
        }
        CqlType::Vector { element, dimension } => {
            let parts = vec![masked(&Arc::clone(element)); usize::from(*dimension)];
            encode_vector(&parts, element)
        }
    }
}
