//! Collections, tuples, user-defined types and vectors, as they are written.

use veltrix_cql::{Expr, Name};

use super::Term;
use super::compile::{Compiler, invalid};
use crate::api::{Column, Error};
use crate::functions::Match;
use crate::types::CqlType;

impl Compiler<'_, '_> {
    pub(super) fn list(&mut self, items: &[Expr], receiver: &Column) -> Result<Term, Error> {
        let name = &receiver.name;
        match &receiver.of {
            CqlType::List { element, .. } => {
                let value = Column { name: format!("value({name})"), of: element.freeze(), ..receiver.clone() };
                let items = self.elements(items, &value, "list", receiver, "value")?;
                Ok(Term::List { items, sorted: None })
            }
            CqlType::Vector { element, dimension } => {
                if items.len() != usize::from(*dimension) {
                    return invalid(format!(
                        "Invalid vector literal for {name} of type {}; expected {dimension} elements, but given {}",
                        receiver.of,
                        items.len()
                    ));
                }
                let value = Column { name: format!("value({name})"), of: element.freeze(), ..receiver.clone() };
                let items = self.elements(items, &value, "vector", receiver, "value")?;
                Ok(Term::Vector { element: value.of, items })
            }
            of => invalid(format!("Unexpected receiver type '{of}'; only list and vector are expected")),
        }
    }

    pub(super) fn set(&mut self, items: &[Expr], receiver: &Column) -> Result<Term, Error> {
        match &receiver.of {
            // `{}` is a map, too.
            CqlType::Map { key, .. } if items.is_empty() => {
                Ok(Term::Map { key: CqlType::clone(key), entries: Vec::new() })
            }
            CqlType::Set { element, .. } => {
                let name = format!("value({})", receiver.name);
                let value = Column { name, of: element.freeze(), ..receiver.clone() };
                let items = self.elements(items, &value, "set", receiver, "value")?;
                Ok(Term::List { items, sorted: Some(value.of) })
            }
            of => invalid(format!("Invalid set literal for {} of type {of}", receiver.name)),
        }
    }

    pub(super) fn map(&mut self, entries: &[(Expr, Expr)], receiver: &Column) -> Result<Term, Error> {
        let CqlType::Map { key, value, .. } = &receiver.of else {
            return invalid(format!("Invalid map literal for {} of type {}", receiver.name, receiver.of));
        };
        let part = |what: &str, of: &CqlType| Column {
            name: format!("{what}({})", receiver.name),
            of: of.freeze(),
            ..receiver.clone()
        };
        let (key, value) = (part("key", key), part("value", value));
        let mut compiled = Vec::new();
        for (k, v) in entries {
            self.check(k, &key, "map", receiver, "key")?;
            self.check(v, &value, "map", receiver, "value")?;
            compiled.push((self.element(k, &key, "map", receiver)?, self.element(v, &value, "map", receiver)?));
        }
        Ok(Term::Map { key: key.of, entries: compiled })
    }

    pub(super) fn tuple(&mut self, items: &[Expr], receiver: &Column) -> Result<Term, Error> {
        let CqlType::Tuple(parts) = &receiver.of else {
            return invalid(format!("Invalid tuple type literal for {} of type {}", receiver.name, receiver.of));
        };
        if items.len() > parts.len() {
            return invalid(format!(
                "Invalid tuple literal for {}: too many elements. Type {} expects {} but got {}",
                receiver.name,
                receiver.of,
                parts.len(),
                items.len()
            ));
        }
        let mut compiled = Vec::new();
        for (i, (item, of)) in items.iter().zip(parts.iter()).enumerate() {
            let part = Column { name: format!("{}[{i}]", receiver.name), of: of.freeze(), ..receiver.clone() };
            if self.typing.fits(item, &part.of) == Match::No {
                return invalid(format!(
                    "Invalid tuple literal for {}: component {i} is not of type {}",
                    receiver.name, part.of
                ));
            }
            compiled.push(self.part(item, &part)?);
        }
        Ok(Term::Tuple { of: receiver.of.clone(), parts: compiled })
    }

    pub(super) fn udt(&mut self, given: &[(Name, Expr)], receiver: &Column) -> Result<Term, Error> {
        let CqlType::Udt { definition, .. } = &receiver.of else {
            return invalid(format!("Invalid user type literal for {} of type {}", receiver.name, receiver.of));
        };
        let unknown = given.iter().find(|(name, _)| !definition.fields.iter().any(|(field, _)| field == name.as_str()));
        if let Some((unknown, _)) = unknown {
            return invalid(format!(
                "Unknown field '{}' in value of user defined type {}",
                unknown.as_str(),
                definition.name
            ));
        }
        let mut compiled = vec![Term::Constant(None); definition.fields.len()];
        // In the order of the type, which is that in which Cassandra meets bind markers.
        for (at, (field, of)) in definition.fields.iter().enumerate() {
            let Some((_, value)) = given.iter().rev().find(|(name, _)| name.as_str() == field) else { continue };
            let part = Column { name: format!("{}.{field}", receiver.name), of: of.freeze(), ..receiver.clone() };
            if self.typing.fits(value, &part.of) == Match::No {
                return invalid(format!(
                    "Invalid user type literal for {}: field {field} is not of type {of}",
                    receiver.name
                ));
            }
            compiled[at] = self.part(value, &part)?;
        }
        Ok(Term::Tuple { of: receiver.of.clone(), parts: compiled })
    }

    fn elements(
        &mut self,
        items: &[Expr],
        element: &Column,
        what: &str,
        receiver: &Column,
        part: &str,
    ) -> Result<Vec<Term>, Error> {
        for item in items {
            self.check(item, element, what, receiver, part)?;
        }
        items.iter().map(|item| self.element(item, element, what, receiver)).collect()
    }

    fn check(&self, item: &Expr, wanted: &Column, what: &str, receiver: &Column, part: &str) -> Result<(), Error> {
        if matches!(item, Expr::List(_)) && !matches!(wanted.of, CqlType::List { .. } | CqlType::Vector { .. }) {
            return invalid(format!("Unexpected receiver type '{}'; only list and vector are expected", wanted.of));
        }
        match self.typing.fits(item, &wanted.of) {
            Match::No => invalid(format!(
                "Invalid {what} literal for {}: {part} {} is not of type {}",
                receiver.name,
                self.text(item),
                wanted.of
            )),
            Match::Weak | Match::Exact => Ok(()),
        }
    }

    fn element(&mut self, item: &Expr, wanted: &Column, what: &str, receiver: &Column) -> Result<Term, Error> {
        let before = self.markers.len();
        let term = self.part(item, wanted)?;
        // Vectors and selectors may have them; why the others can't is history.
        if self.markers.len() > before && what != "vector" && self.selected.is_none() {
            return invalid(format!(
                "Invalid {what} literal for {}: bind variables are not supported inside collection literals",
                receiver.name
            ));
        }
        Ok(term)
    }
}
