//! Answers a `SELECT`.

use std::sync::Arc;

use bytes::Bytes;

use super::group::Groups;
use super::paging::Cursor;
use super::selection::Selection;
use super::sink::{Count, Plain};
use super::walk::Walk;
use super::{Select, json, order};
use crate::api::{Error, Rows};
use crate::query::context::Context;
use crate::query::modify::system_key;
use crate::query::read::Row;
use crate::query::restrictions::Keys;
use crate::storage::Store;
use crate::terms::Term;

/// Which part of the result is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Page<'a> {
    /// So many rows; `None` and what is below 1 mean all.
    pub(crate) size: Option<i32>,
    /// After where an earlier page ended.
    pub(crate) state: Option<&'a [u8]>,
}

impl Select {
    /// Answers from what the table holds.
    pub(crate) fn run(&self, store: &Store, context: &Context<'_>, page: Page<'_>) -> Result<Rows, Error> {
        let limit = limit(self.limit.as_ref(), context)?;
        let per_partition = match self.distinct {
            true => 1,
            false => self::limit(self.per_partition_limit.as_ref(), context)?,
        };
        let size = page.size.and_then(|size| u32::try_from(size).ok()).filter(|size| *size > 0);
        if !self.sort.is_empty() && size.is_some_and(|size| limit > size) {
            return Err(Error::Invalid(
                "Cannot page queries with both ORDER BY and a IN restriction on the partition key; you must either \
                 remove the ORDER BY or the IN and sort client side, or disable paging for this query"
                    .into(),
            ));
        }
        let after = page.state.map(|state| Cursor::read(state, self.digest)).transpose()?;
        let mut walk = Walk {
            table: &self.table,
            store,
            keys: self.keys(context)?,
            ranges: self.restrictions.ranges(&self.table, store.layout(), context)?,
            filter: self.restrictions.filter(&self.table, context)?,
            reversed: self.reversed,
            distinct: self.distinct,
            lone_statics: self.restrictions.clustering.is_empty(),
            now: context.now,
            after,
        };
        walk.lone_statics &= !walk.filter.needs_rows;
        let last = match &walk.keys {
            Keys::Some(keys) => keys.last().cloned(),
            Keys::Tokens(..) => None,
        };
        let single = self.table.clustering_keys == 0;
        let count = |limit, page: Option<u32>| {
            let page = page.unwrap_or(u32::MAX);
            Count::new(limit, per_partition, page, walk.after.as_ref()).ending(last.clone(), single)
        };
        let (cells, cursor) = match &self.selection {
            Selection::Computed(computed) if computed.groups() => {
                let mut groups = Groups {
                    table: &self.table,
                    computed,
                    context,
                    count: count(limit, size.filter(|_| !computed.group_by.is_empty())),
                    cells: Vec::new(),
                    current: None,
                };
                walk.run(&mut |row| groups.visit(row))?;
                if groups.count.cursor.is_none() {
                    groups.end()?;
                }
                (groups.cells, groups.count.cursor)
            }
            selection if !self.sort.is_empty() => {
                let mut values = Vec::new();
                let mut sink = Plain::new(count(u32::MAX, None), |row, cells| {
                    values.push(self.sort_values(row));
                    selection.push(&self.table, context, row, cells)
                });
                walk.run(&mut |row| sink.visit(row))?;
                let cells = sink.cells;
                let width = selection.width();
                let mut cells = order::sorted(&self.table, &self.sort, values, cells, width);
                cells.truncate((limit as usize).saturating_mul(width));
                (cells, None)
            }
            selection => {
                let make = |row: &Row<'_>, cells: &mut _| selection.push(&self.table, context, row, cells);
                let mut sink = Plain::new(count(limit, size), make);
                walk.run(&mut |row| sink.visit(row))?;
                (sink.cells, sink.count.cursor)
            }
        };
        Ok(Rows {
            columns: Arc::clone(&self.columns),
            cells: self.result(cells),
            paging_state: cursor.map(|cursor| cursor.write(self.digest)),
            warnings: self.warnings(),
        })
    }

    fn keys(&self, context: &Context<'_>) -> Result<Keys, Error> {
        Ok(match self.restrictions.keys(&self.table, context)? {
            Keys::Some(keys) => Keys::Some(keys.into_iter().map(|key| system_key(&self.table, key)).collect()),
            tokens @ Keys::Tokens(..) => tokens,
        })
    }

    fn sort_values(&self, row: &Row<'_>) -> Vec<Option<Bytes>> {
        self.sort.iter().map(|(column, _)| row.column(&self.table, *column)).collect()
    }

    fn result(&self, cells: Vec<Option<Bytes>>) -> Vec<Option<Bytes>> {
        match &self.json {
            Some(names) => cells.chunks_exact(names.len()).map(|row| Some(json::text(names, row))).collect(),
            None => cells,
        }
    }

    fn warnings(&self) -> Vec<String> {
        let Selection::Computed(computed) = &self.selection else { return Vec::new() };
        if !computed.groups() {
            return Vec::new();
        }
        if self.restrictions.partition.is_empty() && self.restrictions.token.is_none() {
            return vec!["Aggregation query used without partition key".into()];
        }
        if self.restrictions.key_in() {
            return vec!["Aggregation query used on multiple partition keys (IN restriction)".into()];
        }
        Vec::new()
    }
}

fn limit(term: Option<&Term>, context: &Context<'_>) -> Result<u32, Error> {
    let Some(term) = term else { return Ok(u32::MAX) };
    match context.int(term)? {
        None => Ok(u32::MAX),
        Some(Some(limit @ 1..)) => Ok(limit as u32),
        Some(Some(_)) => Err(Error::Invalid("LIMIT must be strictly positive".into())),
        Some(None) => Err(Error::Invalid("Invalid null value of limit".into())),
    }
}
