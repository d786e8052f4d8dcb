//! Native functions: which one a call means, and what it gives.

pub(crate) mod aggregate;
mod arithmetic;
mod blob;
mod candidates;
mod cast;
mod collection;
mod factory;
mod json;
mod mask;
mod math;
mod precise;
mod resolve;
mod time;
pub(crate) mod timeuuid;
mod vector;

use bytes::Bytes;

pub(crate) use arithmetic::operate;
pub(crate) use candidates::cast;
pub(crate) use resolve::{Argument, Match, fits, resolve, resolve_cast, resolve_negation, resolve_operation};

use crate::api::Error;
use crate::types::CqlType;

/// A native function with the types of one call.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Folded name.
    pub(crate) name: String,
    /// Types of its arguments.
    pub(crate) arguments: Vec<CqlType>,
    /// Type of its result.
    pub(crate) returns: CqlType,
    body: Body,
}

#[derive(Debug, Clone, Copy)]
enum Body {
    /// Null if any argument is null.
    Strict(Scalar),
    /// Nulls are arguments as any other.
    Lenient(Scalar),
    /// Over many rows.
    Aggregate(aggregate::Kind),
}

type Scalar = fn(&Function, &[Option<Bytes>]) -> Result<Option<Bytes>, Error>;

impl Function {
    fn strict(name: &str, arguments: &[CqlType], returns: CqlType, scalar: Scalar) -> Self {
        Self { name: name.to_owned(), arguments: arguments.to_vec(), returns, body: Body::Strict(scalar) }
    }

    fn lenient(name: &str, arguments: &[CqlType], returns: CqlType, scalar: Scalar) -> Self {
        Self { name: name.to_owned(), arguments: arguments.to_vec(), returns, body: Body::Lenient(scalar) }
    }

    fn aggregate(name: &str, arguments: &[CqlType], returns: CqlType, kind: aggregate::Kind) -> Self {
        Self { name: name.to_owned(), arguments: arguments.to_vec(), returns, body: Body::Aggregate(kind) }
    }

    /// What it counts, if it is over many rows.
    pub(crate) fn aggregates(&self) -> Option<aggregate::Kind> {
        match self.body {
            Body::Aggregate(kind) => Some(kind),
            Body::Strict(_) | Body::Lenient(_) => None,
        }
    }

    /// The result of a scalar function.
    ///
    /// # Errors
    /// Mostly `FunctionFailure` or `Invalid`.
    pub(crate) fn call(&self, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
        match self.body {
            Body::Strict(_) if arguments.contains(&None) => Ok(None),
            Body::Strict(scalar) | Body::Lenient(scalar) => scalar(self, arguments),
            Body::Aggregate(_) => Err(Error::Invalid(format!("{self} is an aggregate function"))),
        }
    }

    /// As results name it.
    pub(crate) fn full_name(&self) -> String {
        format!("system.{}", self.name)
    }

    fn failure(&self, message: String) -> Error {
        Error::FunctionFailure {
            keyspace: "system".to_owned(),
            function: self.name.clone(),
            arguments: self.arguments.iter().map(ToString::to_string).collect(),
            message,
        }
    }
}

/// As messages show it: `system.abs : (int) -> int`.
impl std::fmt::Display for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} : ({}) -> {}", self.full_name(), written(&self.arguments), bare(&self.returns))
    }
}

fn written(types: &[CqlType]) -> String {
    types.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// A type as signatures show it: the `frozen` of a tuple says nothing.
fn bare(of: &CqlType) -> String {
    match of {
        CqlType::Tuple(parts) => format!("tuple<{}>", written(parts)),
        other => other.to_string(),
    }
}

/// The bytes of an argument of a strict function.
fn bytes(arguments: &[Option<Bytes>], at: usize) -> &[u8] {
    arguments.get(at).and_then(Option::as_ref).map_or(&[], |bytes| bytes)
}
