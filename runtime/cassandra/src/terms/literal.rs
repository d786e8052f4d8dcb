//! Constants to values.

use bytes::Bytes;
use veltrix_cql::Literal;

use super::preferred::{kind, suits};
use crate::api::{Column, Error};
use crate::functions::Match;
use crate::types::collection::encode_fields;
use crate::types::{CqlType, text};

/// The value of a constant for a receiver; `None` is null.
pub(super) fn constant(literal: &Literal, receiver: &Column) -> Result<Option<Bytes>, Error> {
    let Some((kind, text)) = kind(literal) else {
        return match receiver.of {
            CqlType::Counter => invalid("Invalid null value for counter increment/decrement"),
            _ => Ok(None),
        };
    };
    if suits(literal, &receiver.of) == Match::No {
        return invalid(format!("Invalid {kind} constant ({text}) for \"{}\" of type {}", receiver.name, receiver.of));
    }
    let parsed = match &receiver.of {
        CqlType::Tuple(parts) => tuple(parts, &text, &receiver.of),
        CqlType::Blob => text::parse(&receiver.of, text.trim_start_matches("0x")),
        of => text::parse(of, &text),
    };
    parsed.map(Some).map_err(Error::Invalid)
}

/// `a:b`: the parts of a tuple between colons, each as a constant; `@` is null.
fn tuple(parts: &[CqlType], text: &str, of: &CqlType) -> Result<Bytes, String> {
    let given: Vec<_> = text.split(':').collect();
    if given.len() > parts.len() {
        let (most, count) = (parts.len(), given.len());
        return Err(format!("Invalid tuple literal: too many elements. Type {of} expects {most} but got {count}"));
    }
    let part = |(text, of): (&str, &CqlType)| if text == "@" { Ok(None) } else { text::parse(of, text).map(Some) };
    let values: Vec<_> = given.into_iter().zip(parts).map(part).collect::<Result<_, _>>()?;
    Ok(encode_fields(&values))
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}
