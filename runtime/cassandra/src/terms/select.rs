//! Selectors: expressions that may name columns and aggregates, and the names of their results.

use std::sync::Arc;

use veltrix_cql::{Expr, Literal, Name};

use super::compile::{Collected, Compiler, invalid, operands};
use super::text::type_text;
use super::typing::{Typing, is_meta};
use super::{Aggregate, Input, Meta, Part, Selectors, Term};
use crate::api::{Column, Error};
use crate::functions::aggregate::Kind;
use crate::functions::{self, Function, Match};
use crate::types::name::identifier;
use crate::types::{CqlType, resolve};

/// A selector that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// How to compute it.
    pub(crate) term: Term,
    /// Its type.
    pub(crate) of: CqlType,
    /// The name of its column, unless it has an alias.
    pub(crate) name: String,
}

/// Understands a selector.
///
/// # Errors
/// Mostly `Invalid`, in Cassandra's words.
pub(crate) fn select(expr: &Expr, selectors: &mut Selectors<'_>) -> Result<Selected, Error> {
    let typing = Typing::new(selectors.scope.keyspace, selectors.scope.table, true);
    let selected =
        Collected { inputs: &mut selectors.inputs, aggregates: &mut selectors.aggregates, in_aggregate: false };
    let mut compiler = Compiler { typing: &typing, markers: selectors.scope.markers, selected: Some(selected) };
    compiler.check_names(expr)?;
    compiler.selector(expr, None)
}

impl Compiler<'_, '_> {
    /// A selector; `expected` is its type where what it stands in says so.
    pub(super) fn selector(&mut self, expr: &Expr, expected: Option<&CqlType>) -> Result<Selected, Error> {
        match expr {
            Expr::Column(name) => self.column(name),
            Expr::CountAll => self.count(),
            Expr::Call { function, args } if function == "count" && is_one(args) => self.count(),
            Expr::Call { function, args } if is_meta(function) => self.meta(function, args),
            Expr::Call { function: name, .. } => match self.typing.function(expr, None)? {
                Some(function) => self.calls(expr, function),
                None => invalid(format!("Unknown function '{name}'")),
            },
            Expr::Binary { .. } | Expr::Negate(_) => match self.typing.function(expr, None)? {
                Some(function) => self.calls(expr, function),
                None => invalid(format!("{} is no operation", self.text(expr))),
            },
            Expr::Cast { value, to } => {
                let to = resolve(to, self.typing.keyspace)?;
                match self.typing.exact(value) {
                    Some(of) if of == to => self.selector(value, None),
                    Some(_) if functions::cast(&to).is_empty() => {
                        invalid(format!("{} cannot be cast to {to}", self.text(value)))
                    }
                    Some(_) => match self.typing.function(expr, None)? {
                        Some(function) => self.calls(expr, function),
                        None => invalid(format!("{} cannot be cast to {to}", self.text(value))),
                    },
                    None => self.selector(value, None),
                }
            }
            Expr::Hint { of, value } => {
                let hinted = resolve(of, self.typing.keyspace)?;
                if self.typing.fits(value, &hinted) == Match::No {
                    let text = self.text(expr);
                    return invalid(format!("Cannot assign value {text} to {text} of type {hinted}"));
                }
                let inner = self.selector(value, Some(&hinted))?;
                let name = format!("({}){}", type_text(of, self.typing.keyspace), inner.name);
                Ok(Selected { term: inner.term, of: hinted, name })
            }
            Expr::Tuple(items) => match (items.as_slice(), expected) {
                ([inner], Some(of @ CqlType::Tuple(_))) if self.typing.exact(inner).as_ref() != Some(of) => {
                    self.composed(expr, expected)
                }
                // Alone it could as well be a tuple.
                ([_], None) => self.composed(expr, None),
                ([inner], expected) => {
                    let inner = self.selector(inner, expected)?;
                    Ok(Selected { name: format!("({})", inner.name), ..inner })
                }
                _ => self.composed(expr, expected),
            },
            Expr::List(_) | Expr::Set(_) | Expr::Map(_) | Expr::Udt(_) => self.composed(expr, expected),
            Expr::Literal(_) | Expr::Marker(_) => self.composed(expr, expected),
            Expr::Field(value, field) => self.field(value, field),
            Expr::Element(value, key) => self.element_of(value, key),
            Expr::Slice(value, from, to) => self.slice(value, from.as_deref(), to.as_deref()),
        }
    }

    /// Says which function is unknown, before it is said that what it stands in has no type.
    fn check_names(&self, expr: &Expr) -> Result<(), Error> {
        for part in operands(expr) {
            self.check_names(part)?;
        }
        match expr {
            Expr::Call { function, args } if !is_meta(function) && !is_one(args) => {
                match self.typing.function(expr, None)? {
                    Some(_) => Ok(()),
                    None => invalid(format!("Unknown function '{function}'")),
                }
            }
            Expr::Column(name) => self.position(name).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn column(&mut self, name: &Name) -> Result<Selected, Error> {
        let at = self.position(name)?;
        let of = self.typing.table.columns[at].of.clone();
        let known = |input: &Input| matches!(input, Input::Column(column) if *column == at);
        let found = self.selected.as_ref().and_then(|selected| selected.inputs.iter().position(known));
        let input = found.unwrap_or_else(|| self.input(Input::Column(at)));
        Ok(Selected { term: Term::Input(input), of, name: name.as_str().to_owned() })
    }

    fn position(&self, name: &Name) -> Result<usize, Error> {
        let table = self.typing.table;
        table.position(name.as_str()).ok_or_else(|| {
            let [name, keyspace, table] = [name.as_str(), &table.keyspace, &table.name].map(identifier);
            Error::Invalid(format!("Undefined column name {name} in table {keyspace}.{table}"))
        })
    }

    fn input(&mut self, input: Input) -> usize {
        let Some(selected) = &mut self.selected else { return 0 };
        selected.inputs.push(input);
        selected.inputs.len() - 1
    }

    /// `count(*)`
    fn count(&mut self) -> Result<Selected, Error> {
        let term = self.aggregate(Aggregate { kind: Kind::Rows, of: CqlType::Bigint, argument: None })?;
        Ok(Selected { term, of: CqlType::Bigint, name: "count".to_owned() })
    }

    fn aggregate(&mut self, aggregate: Aggregate) -> Result<Term, Error> {
        match &mut self.selected {
            Some(selected) if !selected.in_aggregate => {
                selected.aggregates.push(aggregate);
                Ok(Term::Aggregate(selected.aggregates.len() - 1))
            }
            _ => invalid("aggregate functions cannot be used as arguments of aggregate functions"),
        }
    }

    /// A call, cast or operation.
    fn calls(&mut self, expr: &Expr, function: Function) -> Result<Selected, Error> {
        let kind = function.aggregates();
        if kind.is_some() {
            match &mut self.selected {
                Some(selected) if !selected.in_aggregate => selected.in_aggregate = true,
                _ => return invalid("aggregate functions cannot be used as arguments of aggregate functions"),
            }
        }
        let parts: Result<Vec<_>, _> = operands(expr)
            .into_iter()
            .zip(&function.arguments)
            .map(|(part, of)| self.selector(part, Some(of)))
            .collect();
        if kind.is_some()
            && let Some(selected) = &mut self.selected
        {
            selected.in_aggregate = false;
        }
        let (mut names, mut arguments) = (Vec::new(), Vec::new());
        for part in parts? {
            names.push(part.name);
            arguments.push(part.term);
        }
        let of = function.returns.clone();
        let name = match expr {
            Expr::Binary { op, .. } => names.join(&format!(" {} ", op.as_str())),
            Expr::Negate(_) => format!("-{}", names.concat()),
            Expr::Cast { to, .. } => format!("cast({} as {})", names.concat(), type_text(to, self.typing.keyspace)),
            _ => format!("{}({})", function.full_name(), names.join(", ")),
        };
        let term = match kind {
            Some(kind) => {
                let argument = arguments.into_iter().next();
                let of = function.arguments.first().cloned().unwrap_or(CqlType::Bigint);
                self.aggregate(Aggregate { kind, of, argument })?
            }
            None => Term::Call { function: Box::new(function), arguments },
        };
        Ok(Selected { term, of, name })
    }

    /// A constant, marker, collection and the like: its type must be known from where it stands, or from its parts.
    fn composed(&mut self, expr: &Expr, expected: Option<&CqlType>) -> Result<Selected, Error> {
        let name = self.text(expr);
        let exact = || self.typing.exact(expr).filter(|_| !matches!(expr, Expr::Literal(_) | Expr::Marker(_)));
        let Some(of) = expected.cloned().or_else(exact) else {
            return invalid(format!(
                "Cannot infer type for term {name} in selection clause (try using a cast to force a type)"
            ));
        };
        let receiver = self.receiver("[selection]", of.clone());
        let term = match expr {
            Expr::Marker(marker) => self.marker(marker, &receiver),
            // Its parts are selectors, as the compiler knows.
            _ => self.term(expr, &receiver)?,
        };
        Ok(Selected { term, of, name })
    }

    pub(super) fn receiver(&self, name: impl Into<String>, of: CqlType) -> Column {
        let table = self.typing.table;
        Column { keyspace: Arc::clone(&table.keyspace), table: Arc::clone(&table.name), name: name.into(), of }
    }

    fn field(&mut self, value: &Expr, field: &Name) -> Result<Selected, Error> {
        let value = self.selector(value, None)?;
        let CqlType::Udt { definition, .. } = &value.of else {
            return invalid(format!("Invalid field selection: {} of type {} is not a user type", value.name, value.of));
        };
        let Some(at) = definition.fields.iter().position(|(name, _)| name == field.as_str()) else {
            return invalid(format!("{} of type {} has no field {}", value.name, value.of, field.as_str()));
        };
        let name = format!("{}.{}", value.name, field.as_str());
        Ok(Selected { of: definition.fields[at].1.clone(), term: Term::Field(Box::new(value.term), at), name })
    }

    fn element_of(&mut self, value: &Expr, key: &Expr) -> Result<Selected, Error> {
        let text = self.text(key);
        let value = self.selector(value, None)?;
        let (wanted, of) = keyed(&value, "element", "Element")?;
        let key = self.key(key, &value, wanted)?;
        let name = format!("{}[{text}]", value.name);
        let term = Term::Element { value: Box::new(value.term), of: value.of, key: Box::new(key), name: value.name };
        Ok(Selected { term, of, name })
    }

    fn slice(&mut self, value: &Expr, from: Option<&Expr>, to: Option<&Expr>) -> Result<Selected, Error> {
        let shown = |bound: Option<&Expr>| bound.map(|bound| self.text(bound)).unwrap_or_default();
        let bounds = format!("{}..{}", shown(from), shown(to));
        let value = self.selector(value, None)?;
        let (wanted, _) = keyed(&value, "slice", "Slice")?;
        let from = from.map(|bound| self.key(bound, &value, wanted.clone()).map(Box::new)).transpose()?;
        let to = to.map(|bound| self.key(bound, &value, wanted).map(Box::new)).transpose()?;
        let name = format!("{}[{bounds}]", value.name);
        let of = value.of.clone();
        let term = Term::Slice { value: Box::new(value.term), of: value.of, from, to, name: value.name };
        Ok(Selected { term, of, name })
    }

    /// A key of a map or an element of a set, which is no selector.
    fn key(&mut self, key: &Expr, value: &Selected, of: CqlType) -> Result<Term, Error> {
        let what = if matches!(value.of, CqlType::Map { .. }) { "key" } else { "value" };
        let receiver = self.receiver(format!("{what}({})", value.name), of);
        let selected = self.selected.take();
        let typing = Typing::new(self.typing.keyspace, self.typing.table, false);
        let term = Compiler { typing: &typing, markers: self.markers, selected: None }.term(key, &receiver);
        self.selected = selected;
        term
    }

    /// `writetime(…)`, `maxwritetime(…)` and `ttl(…)`
    fn meta(&mut self, function: &str, args: &[Expr]) -> Result<Selected, Error> {
        let kind = match function {
            "writetime" => Meta::WriteTime,
            "maxwritetime" => Meta::MaxWriteTime,
            _ => Meta::Ttl,
        };
        let [arg] = args else {
            return invalid(format!("Invalid number of arguments in call to function {function}"));
        };
        let Some(name) = base(arg) else {
            return invalid(format!("{function} is of a column, not of {}", self.text(arg)));
        };
        let column = self.position(name)?;
        let found = &self.typing.table.columns[column];
        if found.is_key() {
            return invalid(format!(
                "Cannot use selection function {function} on PRIMARY KEY part {}",
                identifier(name.as_str())
            ));
        }
        let name = format!("{function}({})", self.text(arg));
        let of = self.typing.meta_type(function, args);
        let part = self.meta_part(arg, found.of.is_multicell())?;
        let input = self.input(Input::Meta { kind, column, part });
        Ok(Selected { term: Term::Input(input), of: of.unwrap_or(CqlType::Bigint), name })
    }

    /// Of which cells `writetime` and the like are.
    fn meta_part(&mut self, arg: &Expr, cells: bool) -> Result<Part, Error> {
        // What is wrong with a part is found as if it was selected; what that would want of rows is not kept.
        let inputs = self.selected.as_ref().map_or(0, |selected| selected.inputs.len());
        let selected = self.selector(arg, None)?;
        if let Some(selected) = &mut self.selected {
            selected.inputs.truncate(inputs);
        }
        Ok(match selected.term {
            _ if !cells => Part::Whole,
            Term::Field(_, at) => Part::Field(at),
            Term::Element { key, .. } => Part::Element(*key),
            Term::Slice { from, to, .. } => Part::Slice(from.map(|from| *from), to.map(|to| *to)),
            _ => Part::Whole,
        })
    }
}

/// The column of a part of it.
fn base(expr: &Expr) -> Option<&Name> {
    match expr {
        Expr::Column(name) => Some(name),
        Expr::Field(value, _) | Expr::Element(value, _) | Expr::Slice(value, ..) => match &**value {
            Expr::Column(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// The types of the key and of the result, for selections of elements and slices.
fn keyed(value: &Selected, what: &str, title: &str) -> Result<(CqlType, CqlType), Error> {
    match &value.of {
        CqlType::Map { key, value, .. } => Ok((CqlType::clone(key), CqlType::clone(value))),
        CqlType::Set { element, .. } => Ok((CqlType::clone(element), CqlType::clone(element))),
        CqlType::List { .. } => {
            invalid(format!("{title} selection is only allowed on sets and maps, but {} is a list", value.name))
        }
        of => {
            let of = if what == "element" { format!("is of type {of}") } else { format!("of type {of}") };
            invalid(format!("Invalid {what} selection: {} {of} is not a collection", value.name))
        }
    }
}

/// `count(1)` counts rows, too, whatever the number is.
fn is_one(args: &[Expr]) -> bool {
    matches!(args, [Expr::Literal(Literal::Integer(_))])
}
