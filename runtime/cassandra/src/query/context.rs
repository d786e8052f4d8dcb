//! What is true for one run of a statement: bound values and clocks.

use bytes::Bytes;

use crate::api::{Bound, Error};
use crate::terms::{Inputs, Term};

/// One run of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Values of the bind markers.
    pub(crate) bound: &'a [Bound],
    /// Microseconds; what is written gets it unless the statement says otherwise.
    pub(crate) timestamp: i64,
    /// Seconds since the epoch, for what expires.
    pub(crate) now: i64,
    /// Milliseconds since the epoch, for functions.
    pub(crate) millis: i64,
}

impl<'a> Context<'a> {
    /// What terms need that are no selectors.
    pub(crate) fn inputs(&self) -> Inputs<'a> {
        Inputs { bound: self.bound, columns: &[], aggregates: &[] }
    }

    /// The value of a term.
    pub(crate) fn value(&self, term: &Term) -> Result<Bound, Error> {
        term.evaluate(&self.inputs())
    }

    /// The value of a term that must be there. `null` and `unset` are what is said if it isn't.
    pub(crate) fn required(
        &self,
        term: &Term,
        null: impl FnOnce() -> String,
        unset: impl FnOnce() -> String,
    ) -> Result<Bytes, Error> {
        match self.value(term)? {
            Bound::Value(value) => Ok(value),
            Bound::Null => Err(Error::Invalid(null())),
            Bound::Unset => Err(Error::Invalid(unset())),
        }
    }

    /// An integer of four bytes, as limits and such are.
    pub(crate) fn int(&self, term: &Term) -> Result<Option<Option<i32>>, Error> {
        Ok(match self.value(term)? {
            Bound::Value(value) => Some(value.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))),
            Bound::Null => Some(None),
            Bound::Unset => None,
        })
    }
}

/// The parts of a tuple, or of a list: each a length and its bytes.
pub(crate) fn parts(mut bytes: &[u8]) -> Vec<Option<Bytes>> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        bytes = rest;
        parts.push(usize::try_from(i32::from_be_bytes(*length)).ok().map(|length| {
            let (part, rest) = bytes.split_at(length.min(bytes.len()));
            bytes = rest;
            Bytes::copy_from_slice(part)
        }));
    }
    parts
}

/// The elements of a list, set or map (keys and values in turn).
pub(crate) fn elements(bytes: &[u8]) -> Vec<Option<Bytes>> {
    parts(bytes.get(4..).unwrap_or_default())
}

/// Appends a part of a tuple, list, set or map.
pub(crate) fn push_part(out: &mut Vec<u8>, part: Option<&[u8]>) {
    match part {
        Some(part) => {
            out.extend_from_slice(&(part.len() as i32).to_be_bytes());
            out.extend_from_slice(part);
        }
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_tuples_apart_and_bounds_what_is_cut_off() {
        let mut tuple = Vec::new();
        push_part(&mut tuple, Some(b"ab"));
        push_part(&mut tuple, None);
        push_part(&mut tuple, Some(b""));
        let expected = [Some(Bytes::from_static(b"ab")), None, Some(Bytes::new())];
        assert_eq!(parts(&tuple), expected);
        assert_eq!(parts(&[0, 0, 0, 9, 1]), [Some(Bytes::from_static(&[1]))]);
        assert!(elements(&[0, 0]).is_empty());
    }
}
