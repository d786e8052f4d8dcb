//! Conditional statements of one partition: all conditions are tested against what is there, and either all statements
//! are applied or the current values are returned.

use std::sync::Arc;

use bytes::Bytes;

use super::condition::{Condition, OnColumn};
use super::context::Context;
use super::modify::{Clock, Modify, Target};
use super::read::Row;
use super::restrictions::Range;
use crate::api::{Column as Named, Error, Response, Rows};
use crate::schema::{Kind, Table};
use crate::storage::{Key, Mutation, RowRef, Store, decided};
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
    Applied(Mutation),
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
    let Some(first) = parts.first() else { return Err(Error::Server("nothing to decide".into())) };
    let table = &*first.modify.table;
    let key = first.target.keys.first().cloned().unwrap_or_else(|| Key::new([]));
    check_same_rows(parts)?;
    let current = Current::new(parts, table, store, &key, first.context.now);
    let holds = current.holds()?;
    if holds {
        let mut mutations = Vec::new();
        for part in parts {
            mutations.extend(part.modify.mutations(&part.target, store, &part.context, clock, true)?);
        }
        let timestamp = first.context.timestamp;
        return Ok(Outcome::Applied(decided(store.layout(), key, mutations, timestamp)));
    }
    Ok(Outcome::Refused(Response::Rows(current.rows(batch))))
}

/// What is asked of one row must go together: to be there, not to be there, or what its columns are.
fn check_same_rows(parts: &[Part<'_>]) -> Result<(), Error> {
    let mut asked: Vec<(Option<&[u8]>, Asked)> = Vec::new();
    for (row, new) in parts.iter().flat_map(Part::asked) {
        for (_, old) in asked.iter().filter(|(known, _)| *known == row) {
            let message = match (old, new) {
                (Asked::Exists, Asked::NotExists) | (Asked::NotExists, Asked::Exists) => {
                    "Cannot mix IF EXISTS and IF NOT EXISTS conditions for the same row"
                }
                (Asked::Exists | Asked::NotExists, Asked::Columns) | (Asked::Columns, Asked::NotExists) => {
                    "Cannot mix IF conditions and IF NOT EXISTS for the same row"
                }
                (Asked::Columns, Asked::Exists) => "Cannot mix IF conditions and IF EXISTS for the same row",
                (Asked::Exists, Asked::Exists)
                | (Asked::NotExists, Asked::NotExists)
                | (Asked::Columns, Asked::Columns) => continue,
            };
            return Err(Error::Invalid(message.into()));
        }
        asked.push((row, new));
    }
    Ok(())
}

/// What is asked of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Exists,
    NotExists,
    Columns,
}

impl Part<'_> {
    /// The row it is about; `None` is the static one.
    fn clustering(&self) -> Option<&[u8]> {
        self.target.rows.first().map(|range| &*range.from.prefix)
    }

    /// What it asks of which rows; no clustering key is the static row.
    fn asked(&self) -> Vec<(Option<&[u8]>, Asked)> {
        match &self.modify.condition {
            None => Vec::new(),
            Some(Condition::Exists) => vec![(self.clustering(), Asked::Exists)],
            Some(Condition::NotExists) => vec![(self.clustering(), Asked::NotExists)],
            Some(Condition::Columns(all)) => {
                let statics = all.iter().any(|on| self.is_static(on)).then_some((None, Asked::Columns));
                let rows = all.iter().any(|on| !self.is_static(on)).then_some((self.clustering(), Asked::Columns));
                rows.into_iter().chain(statics).collect()
            }
        }
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

    /// Whether what it asks of one row holds; no clustering key is the static row.
    fn holds(&self, current: &Current<'_>, asked: Option<&[u8]>) -> Result<bool, Error> {
        let Some(condition) = &self.modify.condition else { return Ok(true) };
        let (statics, row) = (current.statics(), self.clustering().and_then(|key| current.row(key)));
        let exists = if asked.is_some() { row.is_some() } else { statics.is_some() };
        match condition {
            Condition::Exists => Ok(self.clustering() != asked || exists),
            Condition::NotExists => Ok(self.clustering() != asked || !exists),
            Condition::Columns(all) => {
                let row = Row { key: current.key, statics, row, now: current.now };
                let of = |on: &&OnColumn| if self.is_static(on) { asked.is_none() } else { asked == self.clustering() };
                // Cassandra's order is by a hash; that of names is as good.
                let mut all: Vec<_> = all.iter().filter(of).collect();
                all.sort_by_key(|on| &*self.modify.table.columns[on.column].name);
                for on in all {
                    if !on.holds(current.table, &row, &self.context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
}

/// What is there, as far as conditions read it: of all static columns if a conditional statement writes one, of all
/// others if any statement writes a row, and of columns with conditions.
struct Current<'a> {
    parts: &'a [Part<'a>],
    table: &'a Table,
    store: &'a Store,
    key: &'a Key,
    now: i64,
    /// Positions of the columns that are read.
    read: Vec<usize>,
}

impl<'a> Current<'a> {
    fn new(parts: &'a [Part<'a>], table: &'a Table, store: &'a Store, key: &'a Key, now: i64) -> Self {
        let conditional = |part: &&Part<'_>| part.modify.condition.is_some();
        let statics = parts.iter().filter(conditional).any(|part| part.modify.writes_statics(&part.target));
        let regulars = parts.iter().any(|part| part.clustering().is_some());
        let conditions: Vec<usize> =
            parts.iter().filter_map(|part| part.modify.condition.as_ref()).flat_map(Condition::columns).collect();
        let is_read = |column: &usize| {
            conditions.contains(column)
                || match table.columns[*column].kind {
                    Kind::Static => statics,
                    Kind::Regular => regulars,
                    Kind::Partition(_) | Kind::Clustering { .. } => true,
                }
        };
        let read = (0..table.columns.len()).filter(is_read).collect();
        Self { parts, table, store, key, now, read }
    }

    /// Whether all conditions hold. Those on the static row are tested first, then those on rows in their order; what
    /// follows one that does not hold is not looked at, not even for values that can't be compared.
    fn holds(&self) -> Result<bool, Error> {
        let mut rows: Vec<Option<&[u8]>> = self.parts.iter().flat_map(Part::asked).map(|(row, _)| row).collect();
        let layout = self.store.layout();
        rows.sort_by(|one, other| match (one, other) {
            (Some(one), Some(other)) => layout.compare_keys(one, other),
            (one, other) => one.is_some().cmp(&other.is_some()),
        });
        rows.dedup();
        for row in rows {
            for part in self.parts {
                if !part.holds(self, row)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether what is read of a row shows that it is there.
    fn is_live(&self, row: &RowRef<'_>) -> bool {
        row.liveness.is_some_and(|liveness| liveness.life.is_live(self.now))
            || self
                .read
                .iter()
                .any(|column| row.cells(self.table.columns[*column].id).any(|cell| cell.life.is_live(self.now)))
    }

    fn statics(&self) -> Option<RowRef<'a>> {
        self.store.partition(self.key)?.statics().filter(|row| self.is_live(row))
    }

    fn row(&self, clustering: &[u8]) -> Option<RowRef<'a>> {
        self.store.row(self.key, clustering).filter(|row| self.is_live(row))
    }

    fn rows(&self, batch: bool) -> Rows {
        let shown = self.shown(batch);
        let mut cells = Vec::new();
        let mut columns = vec![verdict(self.table)];
        for row in self.found() {
            cells.push(Some(Bytes::from_static(&[0])));
            cells.extend(
                shown.iter().map(|column| row.column(self.table, *column).filter(|_| self.read.contains(column))),
            );
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

    /// Rows to show. Conditions on the static row alone show it with the first row there is.
    fn found(&self) -> Vec<Row<'a>> {
        let Some(partition) = self.store.partition(self.key) else { return Vec::new() };
        let layout = self.store.layout();
        let mut keys: Vec<&[u8]> = self.parts.iter().filter_map(Part::conditional_row).collect();
        let all = Range::all();
        let mut rows: Vec<RowRef<'a>> = if keys.is_empty() {
            partition.rows(layout, &all.from, &all.to).find(|row| self.is_live(row)).into_iter().collect()
        } else {
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().filter_map(|key| self.row(key)).collect()
        };
        rows.sort_by(|one, other| layout.compare_keys(one.clustering, other.clustering));
        let statics = self.statics();
        let row = |row| Row { key: self.key, statics, row, now: self.now };
        if rows.is_empty() {
            return statics.map(|_| row(None)).into_iter().collect();
        }
        rows.into_iter().map(|found| row(Some(found))).collect()
    }
}
