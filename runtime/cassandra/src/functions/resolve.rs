//! Which function a call means, as Cassandra finds it: exact matches first, then the only one that fits.

use veltrix_cql::Operator;

use super::{Function, candidates, factory};
use crate::api::Error;
use crate::schema::Table;
use crate::types::CqlType;

/// How well something fits where a type is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// Not at all.
    No,
    /// It can be made to.
    Weak,
    /// It is of that type.
    Exact,
}

/// What stands as an argument of a call.
pub(crate) trait Argument {
    /// Its type, where that is certain.
    fn exact(&self) -> Option<CqlType>;
    /// A type that it could have, where none is certain.
    fn likely(&self) -> Option<CqlType>;
    /// How well it fits.
    fn fits(&self, wanted: &CqlType) -> Match;
    /// As messages show it.
    fn text(&self) -> String;
    /// A bind marker.
    fn is_marker(&self) -> bool;
}

/// How well a value of a type fits where another is wanted.
pub(crate) fn fits(wanted: &CqlType, given: &CqlType) -> Match {
    // Whether or not it is frozen says nothing of a value.
    if wanted.freeze() == given.freeze() {
        Match::Exact
    } else if wanted.takes(given) {
        Match::Weak
    } else {
        Match::No
    }
}

/// The function of that name for these arguments; `None` if there is none of that name.
///
/// # Errors
/// `Invalid`, if none or several fit.
pub(crate) fn resolve<A: Argument>(
    name: &str,
    arguments: &[A],
    receiver: Option<&CqlType>,
    table: &Table,
) -> Result<Option<Function>, Error> {
    if name == "token" {
        let function = candidates::token(table);
        check(&function, arguments)?;
        return Ok(Some(function));
    }
    if let Some(made) = factory::make(name, arguments, receiver) {
        return made.map(Some);
    }
    let candidates = candidates::named(name);
    match candidates.len() {
        0 => Ok(None),
        1 => {
            let function = candidates.into_iter().next();
            function.map(|function| check(&function, arguments).map(|()| function)).transpose()
        }
        _ => choose(name, candidates, arguments, receiver).map(Some),
    }
}

/// What a cast does with the type that is cast.
///
/// # Errors
/// `Invalid`, if there is no such cast.
pub(crate) fn resolve_cast<A: Argument>(argument: &A, to: &CqlType) -> Result<Function, Error> {
    let name = format!("system.cast_as_{to}");
    choose(&name, candidates::cast(to), std::slice::from_ref(argument), Some(to))
}

/// `left op right`
///
/// # Errors
/// `Invalid`, if the types have no such operation or it isn't clear which.
pub(crate) fn resolve_operation<A: Argument>(
    op: Operator,
    arguments: &[A; 2],
    receiver: Option<&CqlType>,
) -> Result<Function, Error> {
    let candidates = candidates::operation(op);
    // Operands that can be of the receiver's type are: an inner operation would else fit narrower types just as well.
    if let Some(receiver) = receiver
        && !arguments.iter().any(Argument::is_marker)
        && arguments.iter().all(|argument| argument.fits(receiver) != Match::No)
    {
        let same = |function: &&Function| function.arguments.iter().all(|argument| argument == receiver);
        if let Some(same) = candidates.iter().find(same) {
            return Ok(same.clone());
        }
    }
    let (exact, fitting) = matching(candidates, arguments, receiver);
    if let Some(exact) = exact {
        return Ok(exact);
    }
    let [left, right] = arguments.each_ref().map(Argument::text);
    let op = op.as_str();
    if fitting.is_empty() {
        return invalid(format!("the '{op}' operation is not supported between {left} and {right}"));
    }
    if fitting.len() > 1 {
        return invalid(format!(
            "Ambiguous '{op}' operation with args {left} and {right}: use type hint to disambiguate, example '(int) ?'"
        ));
    }
    only(fitting)
}

/// `-value`
///
/// # Errors
/// `Invalid`, if there is no such thing or it isn't clear which.
pub(crate) fn resolve_negation<A: Argument>(argument: &A, receiver: Option<&CqlType>) -> Result<Function, Error> {
    let (exact, fitting) = matching(candidates::negation(), std::slice::from_ref(argument), receiver);
    match exact {
        Some(exact) => Ok(exact),
        None if fitting.len() > 1 => invalid("Ambiguous negation: use type casts to disambiguate"),
        None if fitting.is_empty() => none_fits("system._negate", &candidates::negation()),
        None => only(fitting),
    }
}

fn choose<A: Argument>(
    name: &str,
    candidates: Vec<Function>,
    arguments: &[A],
    receiver: Option<&CqlType>,
) -> Result<Function, Error> {
    let known = candidates.clone();
    let (exact, fitting) = matching(candidates, arguments, receiver);
    match exact {
        Some(exact) => Ok(exact),
        None if fitting.is_empty() => none_fits(name, &known),
        None if fitting.len() > 1 => invalid(format!(
            "Ambiguous call to function {name} (can be matched by following signatures: {}): use type casts to \
             disambiguate",
            listed(&fitting)
        )),
        None => only(fitting),
    }
}

/// The first exact match, or all that fit.
fn matching<A: Argument>(
    candidates: Vec<Function>,
    arguments: &[A],
    receiver: Option<&CqlType>,
) -> (Option<Function>, Vec<Function>) {
    let mut fitting = Vec::new();
    for function in candidates {
        if function.arguments.len() != arguments.len()
            || receiver.is_some_and(|receiver| fits(receiver, &function.returns) == Match::No)
        {
            continue;
        }
        let pairs = arguments.iter().zip(&function.arguments);
        match pairs.map(|(argument, of)| argument.fits(of)).min().unwrap_or(Match::Exact) {
            Match::Exact => return (Some(function), Vec::new()),
            Match::Weak => fitting.push(function),
            Match::No => {}
        }
    }
    (None, fitting)
}

fn only(mut fitting: Vec<Function>) -> Result<Function, Error> {
    fitting.pop().map_or_else(|| invalid("no function fits"), Ok)
}

/// Checks the arguments of the only function there is.
fn check<A: Argument>(function: &Function, arguments: &[A]) -> Result<(), Error> {
    let name = function.full_name();
    if arguments.len() != function.arguments.len() {
        return invalid(format!(
            "Invalid number of arguments in call to function {name}: {} required but {} provided",
            function.arguments.len(),
            arguments.len()
        ));
    }
    for (i, (argument, of)) in arguments.iter().zip(&function.arguments).enumerate() {
        if argument.fits(of) == Match::No {
            return invalid(format!(
                "Type error: {} cannot be passed as argument {i} of function {name} of type {of}",
                argument.text()
            ));
        }
    }
    Ok(())
}

fn none_fits<T>(name: &str, known: &[Function]) -> Result<T, Error> {
    invalid(format!(
        "Invalid call to function {name}, none of its type signatures match (known type signatures: {})",
        listed(known)
    ))
}

fn listed(functions: &[Function]) -> String {
    functions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}
