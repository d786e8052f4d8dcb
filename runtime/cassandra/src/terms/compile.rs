//! Expressions for a receiver: what they must be, in Cassandra's words where they aren't.

use veltrix_cql::{Expr, Marker};

use super::literal::constant;
use super::text::{term_text, type_text};
use super::typing::Typing;
use super::{Aggregate, Input, Term};
use crate::api::{Column, Error};
use crate::functions::{self, Function, Match};
use crate::types::{CqlType, resolve};

/// One expression at work.
pub(super) struct Compiler<'c, 'a> {
    pub(super) typing: &'c Typing<'a>,
    pub(super) markers: &'c mut Vec<Column>,
    /// What selectors collect; else columns can't be named.
    pub(super) selected: Option<Collected<'c>>,
}

/// What selectors collect.
pub(super) struct Collected<'c> {
    pub(super) inputs: &'c mut Vec<Input>,
    pub(super) aggregates: &'c mut Vec<Aggregate>,
    /// Inside of an aggregate there is no other one.
    pub(super) in_aggregate: bool,
}

impl Compiler<'_, '_> {
    /// A part of an expression.
    pub(super) fn part(&mut self, expr: &Expr, receiver: &Column) -> Result<Term, Error> {
        match self.selected {
            Some(_) => self.selector(expr, Some(&receiver.of)).map(|selected| selected.term),
            None => self.term(expr, receiver),
        }
    }

    /// An expression without columns.
    pub(super) fn term(&mut self, expr: &Expr, receiver: &Column) -> Result<Term, Error> {
        match expr {
            Expr::Literal(literal) => constant(literal, receiver).map(Term::Constant),
            Expr::Marker(marker) => Ok(self.marker(marker, receiver)),
            Expr::List(items) => self.list(items, receiver),
            Expr::Set(items) => self.set(items, receiver),
            Expr::Map(entries) => self.map(entries, receiver),
            Expr::Udt(fields) => self.udt(fields, receiver),
            Expr::Tuple(items) => match (items.as_slice(), &receiver.of) {
                ([inner], of) if !matches!(of, CqlType::Tuple(_)) => self.term(inner, receiver),
                (items, _) => self.tuple(items, receiver),
            },
            Expr::Hint { of, value } => {
                let hinted = resolve(of, self.typing.keyspace)?;
                self.check_hint(expr, value, &hinted, receiver)?;
                let inner = Column { of: hinted, ..receiver.clone() };
                self.term(value, &inner)
            }
            Expr::Call { function: name, .. } => {
                let function = self.typing.function(expr, Some(&receiver.of))?;
                match function {
                    Some(function) => self.call(expr, function, receiver),
                    None => invalid(format!("Unknown function {name} called")),
                }
            }
            Expr::CountAll => invalid("Aggregation function are not supported in the where clause"),
            Expr::Cast { value, to } => {
                let to = resolve(to, self.typing.keyspace)?;
                if self.typing.exact(value).as_ref() == Some(&to) {
                    return self.term(value, receiver);
                }
                let functions = functions::cast(&to);
                let known = self.typing.exact(value);
                // A constant is of the type it prefers.
                let function = match known {
                    Some(_) => self.typing.function(expr, Some(&receiver.of))?,
                    None => {
                        functions.into_iter().max_by_key(|function| self.typing.fits(value, &function.arguments[0]))
                    }
                };
                match function {
                    Some(function) => self.call(expr, function, receiver),
                    None => invalid(format!("{} cannot be cast to {to}", self.text(value))),
                }
            }
            Expr::Binary { .. } | Expr::Negate(_) => match self.typing.function(expr, Some(&receiver.of))? {
                Some(function) => self.call(expr, function, receiver),
                None => invalid(format!("{} is no operation", self.text(expr))),
            },
            Expr::Column(_) | Expr::Field(..) | Expr::Element(..) | Expr::Slice(..) => {
                invalid(format!("{} is no value", self.text(expr)))
            }
        }
    }

    pub(super) fn text(&self, expr: &Expr) -> String {
        term_text(expr, self.typing.keyspace)
    }

    pub(super) fn marker(&mut self, marker: &Marker, receiver: &Column) -> Term {
        let mut named = receiver.clone();
        if let Marker::Named(name) = marker {
            named.name = name.as_str().to_owned();
        }
        self.markers.push(named);
        Term::Marker { index: self.markers.len() - 1, of: receiver.of.clone() }
    }

    /// `(type) value`
    pub(super) fn check_hint(
        &self,
        expr: &Expr,
        value: &Expr,
        hinted: &CqlType,
        receiver: &Column,
    ) -> Result<(), Error> {
        if self.typing.fits(value, hinted) == Match::No {
            let Expr::Hint { of, .. } = expr else { return Ok(()) };
            let written = type_text(of, self.typing.keyspace);
            return invalid(format!("Cannot cast value {} to type {written}", self.text(value)));
        }
        match functions::fits(&receiver.of, hinted) {
            Match::No => {
                invalid(format!("Cannot assign value {} to {} of type {}", self.text(expr), receiver.name, receiver.of))
            }
            Match::Weak | Match::Exact => Ok(()),
        }
    }

    fn call(&mut self, expr: &Expr, function: Function, receiver: &Column) -> Result<Term, Error> {
        if function.aggregates().is_some() {
            return invalid("Aggregation function are not supported in the where clause");
        }
        if functions::fits(&receiver.of, &function.returns) == Match::No {
            let (what, name) = match expr {
                Expr::Binary { op, .. } => ("operation", op.as_str().to_owned()),
                _ => ("function", function.full_name()),
            };
            return invalid(format!(
                "Type error: cannot assign result of {what} {name} (type {}) to {} (type {})",
                function.returns, receiver.name, receiver.of
            ));
        }
        let mut arguments = Vec::new();
        for (i, (argument, of)) in operands(expr).into_iter().zip(&function.arguments).enumerate() {
            let name = format!("arg{i}({})", function.full_name());
            let receiver = Column { name, of: of.clone(), ..receiver.clone() };
            arguments.push(self.part(argument, &receiver)?);
        }
        Ok(Term::Call { function: Box::new(function), arguments })
    }
}

/// What a call, cast or operation works on.
pub(super) fn operands(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Call { args, .. } => args.iter().collect(),
        Expr::Cast { value, .. } | Expr::Negate(value) => vec![value],
        Expr::Binary { left, right, .. } => vec![left, right],
        _ => Vec::new(),
    }
}

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(message.into()))
}
