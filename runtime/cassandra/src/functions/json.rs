//! `toJson` and `fromJson`.

use bytes::Bytes;

use super::{Function, bytes};
use crate::api::Error;
use crate::types::json;

pub(super) fn to_json(function: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let value = arguments.first().and_then(Option::as_ref);
    Ok(Some(json::to_json(&function.arguments[0], value.map(|bytes| &bytes[..])).into()))
}

pub(super) fn from_json(function: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let text = String::from_utf8_lossy(bytes(arguments, 0));
    json::from_json(&function.returns, &text).map_err(|error| {
        function.failure(match error.starts_with("Could not decode") {
            true => format!("execution of '{}[text]' failed: {error}", function.full_name()),
            false => format!("org.apache.cassandra.serializers.MarshalException: {error}"),
        })
    })
}
