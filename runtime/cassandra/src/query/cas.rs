//! Conditional statements of one partition: all conditions are tested against what is there, and either all statements
//! are applied or the current values are returned.

use std::sync::Arc;

use bytes::Bytes;

use super::condition::{Condition, OnColumn};
use super::context::Context;
use super::modify::{Clock, Modify, Target};
use super::read::Row;
use crate::api::{Column as Named, Error, Response, Rows};
use crate::schema::{Kind, Table};
use crate::storage::{Key, Mutation, Partition, RowRef, Store};
use crate::types::CqlType;

/// A statement of a conditional batch with its values, and what it is about.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The statement.
    pub(crate) modify: &'a Modify,
    /// Its run.
    pub(crate) context: Context<'a>,
    /// What it is about.
    pub(crate) target: Target,
}

/// What comes of conditions.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All hold: this is to be applied.
    Applied(Vec<Mutation>),
    /// Some does not: the answer.
    Refused(Response),
}

/// The answer to an applied statement.
pub(crate) fn applied(table: &Table) -> Response {
    Response::Rows(Rows {
        columns: Arc::new([verdict(table)]),
        cells: vec![Some(Bytes::from_static(&[1]))],
        paging_state: None,
        warnings: Vec::new(),
    })
}

fn verdict(table: &Table) -> Named {
    Named {
        keyspace: table.keyspace.clone(),
        table: table.name.clone(),
        name: "[applied]".into(),
        of: CqlType::Boolean,
    }
}

/// Decides on statements of one partition of one table. `batch`: they come as a batch.
pub(crate) fn decide(parts: &[Part<'_>], store: &Store, clock: &Clock, batch: bool) -> Result<Outcome, Error> {
    let Some(first) = parts.first() else { return Ok(Outcome::Applied(Vec::new())) };
    let table = &*first.modify.table;
    let key = first.target.keys.first().cloned().unwrap_or_else(|| Key::new([]));
    check_same_rows(parts)?;
    let mut holds = true;
    for part in parts {
        holds &= part.holds(table, store, &key)?;
    }
    if holds {
        let mut mutations = Vec::new();
        for part in parts {
            mutations.extend(part.modify.mutations(&part.target, store, &part.context, clock, true)?);
        }
        return Ok(Outcome::Applied(mutations));
    }
    let current = Current { parts, table, store, key: &key, now: first.context.now };
    Ok(Outcome::Refused(Response::Rows(current.rows(batch))))
}

/// One row can't be asked to be there and not to be there.
fn check_same_rows(parts: &[Part<'_>]) -> Result<(), Error> {
    for (i, one) in parts.iter().enumerate() {
        for other in &parts[..i] {
            if one.clustering() != other.clustering() {
                continue;
            }
            let message = match (&one.modify.condition, &other.modify.condition) {
                (Some(Condition::Exists), Some(Condition::NotExists))
                | (Some(Condition::NotExists), Some(Condition::Exists)) => {
                    "Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row"
                }
                (Some(Condition::Columns(_)), Some(Condition::NotExists))
                | (Some(Condition::NotExists), Some(Condition::Columns(_))) => {
                    "Cannot mix IF conditions and IF NOT EXISTS for the same row"
                }
                (
                    None | Some(Condition::Exists | Condition::NotExists | Condition::Columns(_)),
                    None | Some(Condition::Exists | Condition::NotExists | Condition::Columns(_)),
                ) => continue,
            };
            return Err(Error::Invalid(message.into()));
        }
    }
    Ok(())
}

impl Part<'_> {
    /// The row it is about; `None` is the static one.
    fn clustering(&self) -> Option<&[u8]> {
        self.target.rows.first().map(|range| &*range.from.prefix)
    }

    fn is_static(&self, on: &OnColumn) -> bool {
        self.modify.table.columns[on.column].kind == Kind::Static
    }

    /// Rows it has conditions on, by clustering key.
    fn conditional_row(&self) -> Option<&[u8]> {
        let rows = match self.modify.condition.as_ref()? {
            Condition::Exists | Condition::NotExists => true,
            Condition::Columns(all) => all.iter().any(|on| !self.is_static(on)),
        };
        self.clustering().filter(|_| rows)
    }

    fn holds(&self, table: &Table, store: &Store, key: &Key) -> Result<bool, Error> {
        let Some(condition) = &self.modify.condition else { return Ok(true) };
        let now = self.context.now;
        let statics = store.partition(key).and_then(Partition::statics).filter(|statics| statics.is_live(now));
        let row = self.clustering().and_then(|clustering| store.row(key, clustering)).filter(|row| row.is_live(now));
        let exists = if self.clustering().is_some() { row.is_some() } else { statics.is_some() };
        match condition {
            Condition::Exists => Ok(exists),
            Condition::NotExists => Ok(!exists),
            Condition::Columns(all) => {
                let row = Row { key, statics, row, now };
                for on in all {
                    if !on.holds(table, &row, &self.context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}

/// What is there when conditions don't hold.
struct Current<'a> {
    parts: &'a [Part<'a>],
    table: &'a Table,
    store: &'a Store,
    key: &'a Key,
    now: i64,
}

impl<'a> Current<'a> {
    fn rows(&self, batch: bool) -> Rows {
        let shown = self.shown(batch);
        let statics = self.reads(Kind::Static);
        let regulars = self.reads(Kind::Regular);
        let mut cells = Vec::new();
        let mut columns = vec![verdict(self.table)];
        for row in self.found(statics) {
            cells.push(Some(Bytes::from_static(&[0])));
            cells.extend(shown.iter().map(|column| {
                // Only what the conditions are about was read.
                let read = match self.table.columns[*column].kind {
                    Kind::Static => statics,
                    Kind::Regular => regulars,
                    Kind::Partition(_) | Kind::Clustering { .. } => true,
                };
                row.column(self.table, *column).filter(|_| read)
            }));
        }
        if cells.is_empty() {
            cells.push(Some(Bytes::from_static(&[0])));
        } else {
            columns.extend(shown.iter().map(|column| {
                let column = &self.table.columns[*column];
                Named { name: column.name.to_string(), of: column.of.clone(), ..verdict(self.table) }
            }));
        }
        Rows { columns: columns.into(), cells, paging_state: None, warnings: Vec::new() }
    }

    /// Columns to show: those of the conditions, or all if it is about existence.
    fn shown(&self, batch: bool) -> Vec<usize> {
        let mut shown: Vec<usize> = if batch { (0..self.key_columns()).collect() } else { Vec::new() };
        for part in self.parts {
            match &part.modify.condition {
                None => {}
                Some(Condition::Exists | Condition::NotExists) => return (0..self.table.columns.len()).collect(),
                Some(Condition::Columns(all)) => {
                    let (statics, regulars): (Vec<_>, Vec<_>) = all.iter().partition(|on| part.is_static(on));
                    for on in regulars.into_iter().chain(statics) {
                        if !shown.contains(&on.column) {
                            shown.push(on.column);
                        }
                    }
                }
            }
        }
        shown
    }

    fn key_columns(&self) -> usize {
        self.table.partition_keys + self.table.clustering_keys
    }

    /// Whether columns of that kind are read to test the conditions.
    fn reads(&self, kind: Kind) -> bool {
        self.parts.iter().any(|part| match &part.modify.condition {
            None => false,
            Some(Condition::Exists | Condition::NotExists) => match kind {
                Kind::Static => part.modify.writes_statics(&part.target),
                Kind::Regular | Kind::Partition(_) | Kind::Clustering { .. } => part.clustering().is_some(),
            },
            Some(Condition::Columns(all)) => all.iter().any(|on| self.table.columns[on.column].kind == kind),
        })
    }

    /// Rows to show. Conditions on the static row alone show it with the first row there is.
    fn found(&self, statics: bool) -> Vec<Row<'a>> {
        let Some(partition) = self.store.partition(self.key) else { return Vec::new() };
        let layout = self.store.layout();
        let static_row = partition.statics().filter(|row| statics && row.is_live(self.now));
        let mut keys: Vec<&[u8]> = self.parts.iter().filter_map(Part::conditional_row).collect();
        let live = |row: &RowRef<'_>| row.is_live(self.now);
        let all = crate::query::restrictions::Range::all();
        let mut rows: Vec<RowRef<'a>> = if keys.is_empty() {
            partition.rows(layout, &all.from, &all.to).find(live).into_iter().collect()
        } else {
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().filter_map(|key| partition.row(layout, key)).filter(live).collect()
        };
        rows.sort_by(|one, other| layout.compare_rows(one, other));
        let row = |row| Row { key: self.key, statics: static_row, row, now: self.now };
        if rows.is_empty() {
            return static_row.map(|_| row(None)).into_iter().collect();
        }
        rows.into_iter().map(|found| row(Some(found))).collect()
    }
}
