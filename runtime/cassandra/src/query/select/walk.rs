//! Visits the rows a statement finds, in the order in which it returns them.

use crate::api::Error;
use crate::query::read::Row;
use crate::query::restrictions::{Filter, Keys, Range};
use crate::schema::Table;
use crate::storage::{Key, Partition, Position, RowRef, Side, Store};

use super::paging::Cursor;

/// What a visitor wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Continue,
    NextPartition,
    Stop,
}

/// What to visit.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) table: &'a Table,
    pub(super) store: &'a Store,
    pub(super) keys: Keys,
    pub(super) ranges: Vec<Range>,
    pub(super) filter: Filter,
    pub(super) reversed: bool,
    /// One row of each partition.
    pub(super) distinct: bool,
    /// A partition that has nothing but a static row is visited too.
    pub(super) lone_statics: bool,
    /// Seconds since the epoch.
    pub(super) now: i64,
    /// Visits what is after it.
    pub(super) after: Option<Cursor>,
}

impl Walk<'_> {
    pub(super) fn run(&self, visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, Error>) -> Result<(), Error> {
        match &self.keys {
            Keys::Some(keys) => {
                let first = match &self.after {
                    Some(cursor) => keys.iter().position(|key| *key == cursor.key).unwrap_or(keys.len()),
                    None => 0,
                };
                for key in &keys[first..] {
                    if let Some(partition) = self.store.partition(key)
                        && self.partition(key, partition, visit)? == Flow::Stop
                    {
                        return Ok(());
                    }
                }
            }
            Keys::Tokens(from, to) => {
                let start = match &self.after {
                    Some(cursor) => std::ops::Bound::Included(cursor.key.clone()),
                    None => Keys::start(*from),
                };
                for (key, partition) in self.store.partitions(start).take_while(|(key, _)| key.token <= *to) {
                    if self.partition(key, partition, visit)? == Flow::Stop {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn partition(
        &self,
        key: &Key,
        partition: &Partition,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, Error>,
    ) -> Result<Flow, Error> {
        let after = self.after.as_ref().filter(|cursor| cursor.key == *key);
        let done = match after {
            None => None,
            Some(_) if self.distinct => return Ok(Flow::Continue),
            Some(Cursor { clustering: None, .. }) => return Ok(Flow::Continue),
            Some(Cursor { clustering: Some(clustering), .. }) => {
                let side = if self.reversed { Side::Before } else { Side::After };
                Some(Position { prefix: clustering.as_slice().into(), side })
            }
        };
        let statics = partition.statics().filter(|statics| statics.is_live(self.now));
        let mut any = done.is_some();
        let count = self.ranges.len();
        for i in 0..count {
            let range = &self.ranges[if self.reversed { count - 1 - i } else { i }];
            let Some((from, to)) = self.left(range, done.as_ref()) else { continue };
            let mut rows = partition.rows(self.store.layout(), from, to);
            while let Some(row) = if self.reversed { rows.next_back() } else { rows.next() } {
                if !row.is_live(self.now) {
                    continue;
                }
                any = true;
                match self.row(key, statics, Some(row), visit)? {
                    Some(Flow::Continue) if self.distinct => return Ok(Flow::Continue),
                    None | Some(Flow::Continue) => {}
                    Some(flow) => return Ok(flow),
                }
            }
        }
        if !any && self.lone_statics && statics.is_some() {
            return Ok(self.row(key, statics, None, visit)?.unwrap_or(Flow::Continue));
        }
        Ok(Flow::Continue)
    }

    /// What of a range is not done yet.
    fn left<'r>(&self, range: &'r Range, done: Option<&'r Position>) -> Option<(&'r Position, &'r Position)> {
        let Some(done) = done else { return Some((&range.from, &range.to)) };
        let layout = self.store.layout();
        if self.reversed {
            let to = if done.compare(&range.to, layout).is_lt() { done } else { &range.to };
            range.from.compare(to, layout).is_lt().then_some((&range.from, to))
        } else {
            let from = if done.compare(&range.from, layout).is_gt() { done } else { &range.from };
            from.compare(&range.to, layout).is_lt().then_some((from, &range.to))
        }
    }

    /// `None`: the row was filtered out.
    fn row(
        &self,
        key: &Key,
        statics: Option<RowRef<'_>>,
        row: Option<RowRef<'_>>,
        visit: &mut dyn FnMut(&Row<'_>) -> Result<Flow, Error>,
    ) -> Result<Option<Flow>, Error> {
        let row = Row { key, statics, row, now: self.now };
        if !self.filter.is_empty() && !self.filter.passes(self.table, &row) {
            return Ok(None);
        }
        visit(&row).map(Some)
    }
}
