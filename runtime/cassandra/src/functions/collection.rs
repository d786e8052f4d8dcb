//! Functions of collections.

use bytes::Bytes;

use super::aggregate::{Kind, State};
use super::{Function, bytes};
use crate::api::Error;
use crate::types::CqlType;
use crate::types::collection::{count as size, elements, encode};

type Outcome = Result<Option<Bytes>, Error>;

pub(super) fn keys(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let keys: Vec<_> = elements(bytes(arguments, 0), true).step_by(2).flatten().collect();
    Ok(Some(encode(&keys, false)))
}

pub(super) fn values(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let values: Vec<_> = elements(bytes(arguments, 0), true).skip(1).step_by(2).flatten().collect();
    Ok(Some(encode(&values, false)))
}

pub(super) fn count(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    Ok(Some((size(bytes(arguments, 0)) as i32).to_be_bytes().to_vec().into()))
}

/// `collection_min` and `collection_max`
pub(super) fn extreme(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let kind = if function.name == "collection_min" { Kind::Least } else { Kind::Greatest };
    over(kind, &function.returns, arguments)
}

/// `collection_sum` and `collection_avg`
pub(super) fn total(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let kind = if function.name == "collection_sum" { Kind::Sum } else { Kind::Average };
    over(kind, &function.returns, arguments)
}

fn over(kind: Kind, of: &CqlType, arguments: &[Option<Bytes>]) -> Outcome {
    let mut state = State::new(kind, of);
    for element in elements(bytes(arguments, 0), false).flatten() {
        state.add(Some(&Bytes::copy_from_slice(element)))?;
    }
    Ok(state.finish())
}
