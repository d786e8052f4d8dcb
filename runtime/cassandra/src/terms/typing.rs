//! Of which type an expression is, or could be.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use veltrix_cql::{Expr, Literal};

use super::preferred::{preferred, suits};
use super::text::term_text;
use crate::api::Error;
use crate::functions::{self, Argument, Function, Match};
use crate::schema::{Keyspace, Table};
use crate::types::{CqlType, resolve};

/// What names in an expression mean. It remembers what it found: else chains of operators would take a time that
/// grows with their length as the number of all types to its power.
pub(super) struct Typing<'a> {
    pub(super) keyspace: &'a Keyspace,
    pub(super) table: &'a Table,
    /// Columns may be named.
    pub(super) columns: bool,
    exact: RefCell<HashMap<usize, Option<CqlType>>>,
    matches: RefCell<HashMap<(usize, CqlType), Match>>,
}

/// An expression as an argument of a function.
pub(super) struct Typed<'t, 'a> {
    pub(super) typing: &'t Typing<'a>,
    pub(super) expr: &'t Expr,
}

impl<'a> Typing<'a> {
    pub(super) fn new(keyspace: &'a Keyspace, table: &'a Table, columns: bool) -> Self {
        Self { keyspace, table, columns, exact: RefCell::default(), matches: RefCell::default() }
    }

    pub(super) fn arguments<'t>(&'t self, args: &'t [Expr]) -> Vec<Typed<'t, 'a>> {
        args.iter().map(|expr| Typed { typing: self, expr }).collect()
    }

    /// The function that a call, cast or operation means; `None` if there is none of that name.
    pub(super) fn function(&self, expr: &Expr, receiver: Option<&CqlType>) -> Result<Option<Function>, Error> {
        let typed = |expr| Typed { typing: self, expr };
        match expr {
            Expr::Call { function, args } => functions::resolve(function, &self.arguments(args), receiver, self.table),
            Expr::Cast { value, to } => functions::resolve_cast(&typed(value), &resolve(to, self.keyspace)?).map(Some),
            Expr::Binary { op, left, right } => {
                functions::resolve_operation(*op, &[typed(left), typed(right)], receiver).map(Some)
            }
            Expr::Negate(value) => functions::resolve_negation(&typed(value), receiver).map(Some),
            _ => Ok(None),
        }
    }

    /// The type of an expression, where it is certain.
    pub(super) fn exact(&self, expr: &Expr) -> Option<CqlType> {
        let key = std::ptr::from_ref(expr).addr();
        if let Some(known) = self.exact.borrow().get(&key) {
            return known.clone();
        }
        let found = self.find_exact(expr);
        self.exact.borrow_mut().insert(key, found.clone());
        found
    }

    fn find_exact(&self, expr: &Expr) -> Option<CqlType> {
        let first = |items: &[Expr]| items.iter().find_map(|item| self.exact(item)).map(|of| Arc::new(of.freeze()));
        match expr {
            Expr::Column(name) if self.columns => self.table.column(name.as_str()).map(|column| column.of.clone()),
            Expr::Column(_) | Expr::Literal(_) | Expr::Marker(_) | Expr::Udt(_) => None,
            Expr::CountAll => Some(CqlType::Bigint),
            Expr::Hint { of, .. } => resolve(of, self.keyspace).ok(),
            Expr::Cast { to, .. } => resolve(to, self.keyspace).ok(),
            Expr::Call { function, args } if self.columns && is_meta(function) => self.meta_type(function, args),
            Expr::Call { .. } | Expr::Binary { .. } | Expr::Negate(_) => {
                self.function(expr, None).ok().flatten().map(|function| function.returns)
            }
            Expr::List(items) => first(items).map(|element| CqlType::List { element, frozen: false }),
            Expr::Set(items) => first(items).map(|element| CqlType::Set { element, frozen: false }),
            Expr::Map(entries) => {
                let key = entries.iter().find_map(|(key, _)| self.exact(key))?.freeze();
                let value = entries.iter().find_map(|(_, value)| self.exact(value))?.freeze();
                Some(CqlType::Map { key: Arc::new(key), value: Arc::new(value), frozen: false })
            }
            Expr::Tuple(items) => match items.as_slice() {
                // Among selectors it may be a tuple, too.
                [_] if self.columns => None,
                [inner] => self.exact(inner),
                items => {
                    let parts = items.iter().map(|item| self.exact(item).map(|of| of.freeze()));
                    parts.collect::<Option<Vec<_>>>().map(|parts| CqlType::Tuple(parts.into()))
                }
            },
            Expr::Field(value, field) => match self.exact(value)? {
                CqlType::Udt { definition, .. } => {
                    definition.fields.iter().find(|(name, _)| name == field.as_str()).map(|(_, of)| of.clone())
                }
                _ => None,
            },
            Expr::Element(value, _) => match self.exact(value)? {
                CqlType::Map { value, .. } => Some(CqlType::clone(&value)),
                CqlType::Set { element, .. } => Some(CqlType::clone(&element)),
                _ => None,
            },
            Expr::Slice(value, ..) => self.exact(value),
        }
    }

    /// The type of `writetime(…)` and the like.
    pub(super) fn meta_type(&self, function: &str, args: &[Expr]) -> Option<CqlType> {
        let one = if function == "ttl" { CqlType::Int } else { CqlType::Bigint };
        let many = matches!(args, [expr @ (Expr::Column(_) | Expr::Slice(..))]
            if self.exact(expr).is_some_and(|of| of.is_multicell()));
        match many && function != "maxwritetime" {
            true => Some(CqlType::List { element: Arc::new(one), frozen: false }),
            false => Some(one),
        }
    }

    /// A type that an expression could be of.
    fn likely(&self, expr: &Expr) -> Option<CqlType> {
        let of = |expr: &Expr| self.exact(expr).or_else(|| self.likely(expr));
        let first = |items: &[Expr]| items.iter().find_map(of).map(|of| Arc::new(of.freeze()));
        match expr {
            Expr::Literal(literal) => preferred(literal),
            Expr::List(items) => first(items).map(|element| CqlType::List { element, frozen: false }),
            Expr::Set(items) => first(items).map(|element| CqlType::Set { element, frozen: false }),
            Expr::Map(entries) => {
                let (key, value) = entries.first()?;
                let (key, value) = (Arc::new(of(key)?.freeze()), Arc::new(of(value)?.freeze()));
                Some(CqlType::Map { key, value, frozen: false })
            }
            Expr::Tuple(items) => match items.as_slice() {
                [inner] => of(inner),
                items => items.iter().map(of).collect::<Option<Vec<_>>>().map(|parts| CqlType::Tuple(parts.into())),
            },
            _ => None,
        }
    }

    /// How well an expression fits where a type is wanted.
    pub(super) fn fits(&self, expr: &Expr, wanted: &CqlType) -> Match {
        let key = (std::ptr::from_ref(expr).addr(), wanted.clone());
        if let Some(known) = self.matches.borrow().get(&key) {
            return *known;
        }
        let found = self.find_match(expr, wanted);
        self.matches.borrow_mut().insert(key, found);
        found
    }

    fn find_match(&self, expr: &Expr, wanted: &CqlType) -> Match {
        let by_type = || self.exact(expr).map_or(Match::No, |of| functions::fits(wanted, &of));
        let all = |items: &[Expr], of: &CqlType| {
            let worst = items.iter().map(|item| self.fits(item, of)).min();
            // Something empty can be of any type.
            worst.unwrap_or(Match::Weak)
        };
        match expr {
            Expr::Literal(Literal::Null) if *wanted == CqlType::Counter => Match::No,
            Expr::Literal(Literal::Null) | Expr::Marker(_) => Match::Weak,
            Expr::Literal(literal) => suits(literal, wanted),
            Expr::Call { function, .. } if !self.columns => match self.function(expr, Some(wanted)) {
                Ok(Some(_)) if matches!(function.as_str(), "fromjson" | "from_json") => Match::Weak,
                Ok(Some(function)) => functions::fits(wanted, &function.returns),
                // What is wrong with the call is said when the call itself is understood.
                Ok(None) | Err(_) => Match::Weak,
            },
            Expr::Binary { .. } | Expr::Negate(_) if !self.columns => match self.function(expr, Some(wanted)) {
                Ok(Some(function)) => functions::fits(wanted, &function.returns),
                Ok(None) | Err(_) => Match::Weak,
            },
            Expr::List(items) => match wanted {
                CqlType::List { element, .. } => all(items, element),
                CqlType::Vector { element, dimension } if items.len() == usize::from(*dimension) => all(items, element),
                _ => Match::No,
            },
            Expr::Set(items) => match wanted {
                CqlType::Set { element, .. } => all(items, element),
                CqlType::Map { .. } if items.is_empty() => Match::Weak,
                _ => Match::No,
            },
            Expr::Map(entries) => match wanted {
                CqlType::Map { key, value, .. } => {
                    let pairs = entries.iter().map(|(k, v)| self.fits(k, key).min(self.fits(v, value)));
                    pairs.min().unwrap_or(Match::Weak)
                }
                _ => Match::No,
            },
            Expr::Udt(fields) => match wanted {
                CqlType::Udt { definition, .. } => {
                    let field = |(name, value): &(veltrix_cql::Name, Expr)| {
                        let known = definition.fields.iter().find(|(known, _)| known == name.as_str());
                        known.map_or(Match::No, |(_, of)| self.fits(value, of))
                    };
                    fields.iter().map(field).min().unwrap_or(Match::Weak)
                }
                _ => Match::No,
            },
            Expr::Tuple(items) => match (items.as_slice(), wanted) {
                (items, CqlType::Tuple(parts)) if items.len() <= parts.len() => {
                    items.iter().zip(parts.iter()).map(|(item, of)| self.fits(item, of)).min().unwrap_or(Match::Weak)
                }
                ([inner], wanted) => self.fits(inner, wanted),
                _ => Match::No,
            },
            _ => by_type(),
        }
    }
}

/// Functions of how a column was written.
pub(super) fn is_meta(function: &str) -> bool {
    matches!(function, "writetime" | "maxwritetime" | "ttl")
}

impl Argument for Typed<'_, '_> {
    fn exact(&self) -> Option<CqlType> {
        self.typing.exact(self.expr)
    }

    fn likely(&self) -> Option<CqlType> {
        self.typing.likely(self.expr)
    }

    fn fits(&self, wanted: &CqlType) -> Match {
        self.typing.fits(self.expr, wanted)
    }

    fn text(&self) -> String {
        term_text(self.expr, self.typing.keyspace)
    }

    fn is_marker(&self) -> bool {
        matches!(self.expr, Expr::Marker(_))
    }
}
