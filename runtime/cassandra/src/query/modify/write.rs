//! Runs operations: what is done to columns becomes cells of one row.

use bytes::Bytes;
use veltrix_cql::Operator;

use super::lists::Clock;
use super::operation::{Action, Operation};
use crate::api::{Bound, Error};
use crate::query::context::{Context, elements, parts};
use crate::schema::{Column, Table};
use crate::storage::{Deletion, Life, Update};
use crate::types::CqlType;

/// Writes to one row.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    pub(super) table: &'a Table,
    pub(super) context: &'a Context<'a>,
    pub(super) clock: &'a Clock,
    pub(super) timestamp: i64,
    /// Seconds; 0 is for ever.
    pub(super) ttl: i64,
    pub(super) update: Update,
}

/// What a list has: paths and values of its elements, in order.
pub(super) type Elements = Vec<(Box<[u8]>, Bytes)>;

impl Writer<'_> {
    /// What is written lives that long.
    pub(super) fn life(&self) -> Life {
        match self.ttl {
            0 => Life::Live,
            ttl => Life::Expiring { ttl, expires: self.context.now.saturating_add(ttl) },
        }
    }

    fn tombstone(&self) -> Life {
        Life::Tombstone { at: self.context.now }
    }

    fn put(&mut self, column: &Column, path: &[u8], value: Option<&[u8]>) {
        let life = if value.is_some() { self.life() } else { self.tombstone() };
        self.update.cell(column.id, path, self.timestamp, life, value.unwrap_or_default());
    }

    /// Deletes all cells of a column that are older than what is written now.
    fn overwrite(&mut self, column: &Column) {
        let timestamp = self.timestamp.saturating_sub(1);
        self.update.delete(column.id, Deletion { timestamp, at: self.context.now });
    }

    /// Runs one operation. `list` and `value` read what is stored.
    pub(super) fn run(
        &mut self,
        operation: &Operation,
        list: &dyn Fn() -> Elements,
        value: &dyn Fn() -> Option<Bytes>,
    ) -> Result<(), Error> {
        let table = self.table;
        let column = &table.columns[operation.column];
        match &operation.action {
            Action::Set(term) => match self.context.value(term)? {
                Bound::Unset => {}
                Bound::Null => self.set(column, None)?,
                Bound::Value(value) => self.set(column, Some(&value))?,
            },
            Action::Append(term) => {
                if let Bound::Value(value) = self.context.value(term)? {
                    self.append(column, &value)?;
                }
            }
            Action::Prepend(term) => {
                if let Bound::Value(value) = self.context.value(term)? {
                    let values = no_nulls(elements(&value))?;
                    let paths = self.clock.prepend(self.context.millis, values.len());
                    for (path, value) in paths.zip(values) {
                        self.put(column, &path, Some(&value));
                    }
                }
            }
            Action::Remove(term) => {
                if let Bound::Value(value) = self.context.value(term)? {
                    self.remove(column, &value, list)?;
                }
            }
            Action::Add(term) => self.increment(column, term, 1)?,
            Action::Subtract(term) => self.increment(column, term, -1)?,
            Action::Calculate(term) => match (self.context.value(term)?, value()) {
                (Bound::Unset, _) => {}
                (Bound::Value(right), Some(left)) => {
                    let result = crate::terms::operation(Operator::Add, &column.of, &left, &right)?;
                    self.put(column, &[], Some(&result));
                }
                (Bound::Null, _) | (_, None) => self.put(column, &[], None),
            },
            Action::Element(key, term) => self.element(column, key, term, list)?,
            Action::Field(number, term) => match self.context.value(term)? {
                Bound::Unset => {}
                Bound::Null => self.put(column, &number.to_be_bytes(), None),
                Bound::Value(value) => self.put(column, &number.to_be_bytes(), Some(&value)),
            },
            Action::Delete if column.of.is_multicell() => {
                self.update.delete(column.id, Deletion { timestamp: self.timestamp, at: self.context.now });
            }
            Action::Delete => self.put(column, &[], None),
            Action::DeleteElement(key) => self.delete_element(column, key, list)?,
            Action::DeleteField(number) => self.put(column, &number.to_be_bytes(), None),
        }
        Ok(())
    }

    /// Gives a whole column a value.
    pub(super) fn set(&mut self, column: &Column, value: Option<&[u8]>) -> Result<(), Error> {
        if !column.of.is_multicell() {
            self.put(column, &[], value);
            return Ok(());
        }
        self.overwrite(column);
        let Some(value) = value else { return Ok(()) };
        if let CqlType::Udt { definition, .. } = &column.of {
            for (number, field) in parts(value).iter().take(definition.fields.len()).enumerate() {
                if let Some(field) = field {
                    self.put(column, &(number as u16).to_be_bytes(), Some(field));
                }
            }
            return Ok(());
        }
        self.append(column, value)
    }

    fn append(&mut self, column: &Column, value: &[u8]) -> Result<(), Error> {
        let values = no_nulls(elements(value))?;
        match column.of {
            CqlType::List { .. } => {
                let paths = self.clock.append(self.context.millis, values.len());
                for (path, value) in paths.zip(values) {
                    self.put(column, &path, Some(&value));
                }
            }
            CqlType::Map { .. } => {
                for entry in values.chunks_exact(2) {
                    self.put(column, &entry[0], Some(&entry[1]));
                }
            }
            _ => values.iter().for_each(|value| self.put(column, value, Some(&[]))),
        }
        Ok(())
    }

    fn remove(&mut self, column: &Column, value: &[u8], list: &dyn Fn() -> Elements) -> Result<(), Error> {
        let values = no_nulls(elements(value))?;
        match &column.of {
            CqlType::List { element, .. } => {
                for (path, stored) in list() {
                    if values.iter().any(|value| element.compare(value, &stored).is_eq()) {
                        self.put(column, &path, None);
                    }
                }
            }
            _ => values.iter().for_each(|value| self.put(column, value, None)),
        }
        Ok(())
    }

    fn increment(&mut self, column: &Column, term: &crate::terms::Term, sign: i64) -> Result<(), Error> {
        match self.context.value(term)? {
            Bound::Unset => Ok(()),
            Bound::Null => invalid("Invalid null value for counter increment"),
            Bound::Value(value) => {
                let delta = value.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
                if sign < 0 && delta == i64::MIN {
                    return invalid(&format!(
                        "The negation of {delta} overflows supported counter precision (signed 8 bytes integer)"
                    ));
                }
                self.update.increment(column.id, sign * delta, self.timestamp);
                Ok(())
            }
        }
    }

    fn element(
        &mut self,
        column: &Column,
        key: &crate::terms::Term,
        term: &crate::terms::Term,
        list: &dyn Fn() -> Elements,
    ) -> Result<(), Error> {
        let is_list = matches!(column.of, CqlType::List { .. });
        let what = if is_list { "list index" } else { "map key" };
        let key = self.context.required(
            key,
            || format!("Invalid null value for {what}").replace("value for map", "map"),
            || format!("Invalid unset value for {what}").replace("value for map", "map"),
        )?;
        let value = match self.context.value(term)? {
            Bound::Unset => return Ok(()),
            Bound::Null => None,
            Bound::Value(value) => Some(value),
        };
        let path = if is_list { at(list(), &key, "set an element on")? } else { (&*key).into() };
        self.put(column, &path, value.as_deref());
        Ok(())
    }

    fn delete_element(
        &mut self,
        column: &Column,
        key: &crate::terms::Term,
        list: &dyn Fn() -> Elements,
    ) -> Result<(), Error> {
        let (null, unset) = match column.of {
            CqlType::List { .. } => ("Invalid null value for list index", "Invalid unset value for list index"),
            CqlType::Map { .. } => ("Invalid null map key", "Invalid unset map key"),
            _ => ("Invalid null set element", "Invalid unset set element"),
        };
        let key = self.context.required(key, || null.into(), || unset.into())?;
        let path = match column.of {
            CqlType::List { .. } => at(list(), &key, "delete an element from")?,
            _ => (&*key).into(),
        };
        self.put(column, &path, None);
        Ok(())
    }
}

/// The path of the element with that index.
fn at(list: Elements, index: &[u8], verb: &str) -> Result<Box<[u8]>, Error> {
    let index = index.first_chunk().map_or(-1, |bytes| i32::from_be_bytes(*bytes));
    let size = list.len();
    if size == 0 {
        return invalid(&format!("Attempted to {verb} a list which is null"));
    }
    match usize::try_from(index).ok().and_then(|index| list.into_iter().nth(index)) {
        Some((path, _)) => Ok(path),
        None => invalid(&format!("List index {index} out of bound, list has size {size}")),
    }
}

fn no_nulls(values: Vec<Option<Bytes>>) -> Result<Vec<Bytes>, Error> {
    let all = values.into_iter().collect::<Option<Vec<_>>>();
    all.ok_or_else(|| Error::Invalid("null is not supported inside collections".into()))
}

fn invalid<T>(message: &str) -> Result<T, Error> {
    Err(Error::Invalid(message.to_owned()))
}
