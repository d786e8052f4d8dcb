//! Statements to mutations.

use bytes::Bytes;

use super::Modify;
use super::lists::Clock;
use super::operation::Operation;
use super::write::{Elements, Writer};
use crate::api::{Bound, Error};
use crate::query::context::Context;
use crate::query::read;
use crate::query::restrictions::{Keys, Range, Statement};
use crate::schema::{Column, Kind, Table};
use crate::storage::{
    Change, Deletion, Key, Liveness, Mutation, Packed, RowBuilder, RowRef, Side, Store, Update, components,
};

/// Most seconds something may be given: 20 years.
const MAX_TTL: i32 = 20 * 365 * 24 * 60 * 60;

/// The last second at which something may expire, with the storage format that is Cassandra's default.
const LAST_SECOND: i64 = i32::MAX as i64 - 1;

/// What a run of a statement is about.
#[derive(Debug)]
pub(crate) struct Target {
    /// Partitions.
    pub(crate) keys: Vec<Key>,
    /// Rows, or ranges of rows; none if only the static row is meant.
    pub(crate) rows: Vec<Range>,
    /// Of `INSERT JSON`: columns and what they get.
    pub(super) values: Option<Vec<(usize, Option<Bytes>)>>,
}

impl Modify {
    /// What the statement is about.
    pub(crate) fn target(&self, store: &Store, context: &Context<'_>) -> Result<Target, Error> {
        if let Some(json) = &self.json {
            return json.target(&self.table, context);
        }
        let keys = match self.restrictions.keys(&self.table, context)? {
            Keys::Some(keys) => keys,
            // Statements that write name their partitions.
            Keys::Tokens(..) => Vec::new(),
        };
        let rows = match self.has_rows() {
            true => self.restrictions.ranges(&self.table, store.layout(), context)?,
            false => Vec::new(),
        };
        Ok(Target { keys, rows, values: None })
    }

    /// Whether it writes rows, not the static row alone.
    fn has_rows(&self) -> bool {
        self.table.clustering_keys == 0
            || !self.restrictions.clustering.is_empty()
            || (self.statement == Statement::Delete
                && (self.operations.is_empty() || self.operations.iter().any(|one| !self.is_static(one.column))))
    }

    fn is_static(&self, column: usize) -> bool {
        self.table.columns[column].kind == Kind::Static
    }

    /// Whether it writes to the static row.
    pub(crate) fn writes_statics(&self, target: &Target) -> bool {
        let json = target.values.iter().flatten().map(|(column, _)| *column);
        self.operations.iter().map(|operation| operation.column).chain(json).any(|column| self.is_static(column))
    }

    /// What is to be written; nothing is yet. `conditional`: it is written because conditions hold.
    pub(crate) fn mutations(
        &self,
        target: &Target,
        store: &Store,
        context: &Context<'_>,
        clock: &Clock,
        conditional: bool,
    ) -> Result<Vec<Mutation>, Error> {
        // Conditional statements get the time of their decision.
        let timestamp = if conditional { context.timestamp } else { self.timestamp(context)? };
        let ttl = self.ttl(context)?;
        let build = Build { modify: self, store, context, clock, timestamp, ttl };
        target.keys.iter().map(|key| build.partition(key, target)).collect()
    }

    fn timestamp(&self, context: &Context<'_>) -> Result<i64, Error> {
        let Some(term) = &self.timestamp else { return Ok(context.timestamp) };
        match context.value(term)? {
            Bound::Unset => Ok(context.timestamp),
            Bound::Null => Err(Error::Invalid("Invalid null value of timestamp".into())),
            Bound::Value(value) => match value.first_chunk().map(|bytes| i64::from_be_bytes(*bytes)) {
                Some(i64::MIN) | None => Err(out_of_bound()),
                Some(timestamp) => Ok(timestamp),
            },
        }
    }

    fn ttl(&self, context: &Context<'_>) -> Result<i64, Error> {
        let default = self.table.options.default_time_to_live;
        let ttl = match &self.ttl {
            None => default,
            Some(term) => match context.int(term)? {
                None => default,
                Some(None) => 0,
                Some(Some(ttl)) if ttl < 0 => {
                    return Err(Error::Invalid(format!("A TTL must be greater or equal to 0, but was {ttl}")));
                }
                Some(Some(ttl)) if ttl > MAX_TTL => {
                    let message = format!("ttl is too large. requested ({ttl}) maximum ({MAX_TTL})");
                    return Err(Error::Invalid(message));
                }
                Some(Some(ttl)) => ttl,
            },
        };
        let ttl = i64::from(ttl);
        if ttl > 0 && context.now.saturating_add(ttl) > LAST_SECOND {
            return Err(Error::Invalid(format!(
                "Request on table {}.{} with ttl of {ttl} seconds exceeds maximum supported expiration date of \
                 2038-01-19T03:14:06+00:00. In order to avoid this use a lower TTL, change the expiration date overflow \
                 policy or upgrade to a version where this limitation is fixed. See CASSANDRA-14092 and CASSANDRA-14227 \
                 for more details.",
                self.table.keyspace, self.table.name
            )));
        }
        Ok(ttl)
    }
}

/// Refuses a timestamp that stands for none.
pub(crate) fn out_of_bound() -> Error {
    Error::Invalid(format!("Out of bound timestamp, must be in [{}, {}]", i64::MIN + 1, i64::MAX))
}

struct Build<'a> {
    modify: &'a Modify,
    store: &'a Store,
    context: &'a Context<'a>,
    clock: &'a Clock,
    timestamp: i64,
    ttl: i64,
}

impl Build<'_> {
    fn table(&self) -> &Table {
        &self.modify.table
    }

    fn partition(&self, key: &Key, target: &Target) -> Result<Mutation, Error> {
        let mut changes = Vec::new();
        if self.modify.writes_statics(target) {
            // Once for each row, which shows where lists and counters get more.
            for _ in 0..target.rows.len().max(1) {
                self.row(key, None, target, &mut changes)?;
            }
        }
        let regular = |operation: &Operation| !self.modify.is_static(operation.column);
        let deletes = self.modify.statement == Statement::Delete;
        for range in &target.rows {
            let row = self.is_row(range);
            if !deletes || self.modify.operations.iter().any(regular) {
                if !row {
                    return Err(Error::Invalid("Range deletions are not supported for specific columns".into()));
                }
                self.row(key, Some(&range.from.prefix), target, &mut changes)?;
            } else if self.modify.operations.is_empty() {
                changes.push(self.deletion(range, row));
            }
        }
        Ok(Mutation { key: key.clone(), changes })
    }

    /// Whether the range is that of one clustering key.
    fn is_row(&self, range: &Range) -> bool {
        let width = self.table().clustering_keys;
        range.from.prefix == range.to.prefix
            && (range.from.side, range.to.side) == (Side::Before, Side::After)
            && components(&range.from.prefix).count() == width
    }

    fn deletion(&self, range: &Range, row: bool) -> Change {
        let deletion = Deletion { timestamp: self.timestamp, at: self.context.now };
        if *range == Range::all() {
            return Change::Partition(deletion);
        }
        let tombstone = || RowBuilder::new(&range.from.prefix, None, Some(deletion), self.timestamp).finish();
        match tombstone().filter(|_| row) {
            Some(tombstone) => Change::Row(tombstone),
            None => Change::Range { from: range.from.clone(), to: range.to.clone(), deletion },
        }
    }

    /// Changes of one row, or without a clustering key of the static one.
    fn row(
        &self,
        key: &Key,
        clustering: Option<&[u8]>,
        target: &Target,
        changes: &mut Vec<Change>,
    ) -> Result<(), Error> {
        let table = self.table();
        let mut writer = Writer {
            table,
            context: self.context,
            clock: self.clock,
            timestamp: self.timestamp,
            ttl: self.ttl,
            update: Update::default(),
        };
        let here = |column: usize| self.modify.is_static(column) == clustering.is_none();
        for operation in self.modify.operations.iter().filter(|operation| here(operation.column)) {
            let column = &table.columns[operation.column];
            let stored = || self.stored(key, clustering);
            let list = || stored().map_or_else(Vec::new, |row| elements(&row, column, self.context.now));
            let value = || stored().and_then(|row| read::value(&row, column, self.context.now));
            writer.run(operation, &list, &value)?;
        }
        for (column, value) in target.values.iter().flatten().filter(|(column, _)| here(*column)) {
            writer.set(&table.columns[*column], value.as_deref())?;
        }
        for increment in writer.update.increments() {
            changes.push(Change::Increment(clustering.map(Into::into), *increment));
        }
        let marks = self.modify.statement == Statement::Insert && clustering.is_some();
        let liveness = marks.then(|| Liveness { timestamp: self.timestamp, life: writer.life() });
        let packed = writer.update.pack(self.store.layout(), clustering.unwrap_or_default(), liveness);
        changes.extend(
            packed.map(|row: Packed| if clustering.is_some() { Change::Row(row) } else { Change::Static(row) }),
        );
        Ok(())
    }

    fn stored(&self, key: &Key, clustering: Option<&[u8]>) -> Option<RowRef<'_>> {
        match clustering {
            Some(clustering) => self.store.row(key, clustering),
            None => self.store.partition(key)?.statics(),
        }
    }
}

fn elements(row: &RowRef<'_>, column: &Column, now: i64) -> Elements {
    let live = row.cells(column.id).filter(|cell| cell.life.is_live(now));
    live.map(|cell| (cell.path.into(), Bytes::copy_from_slice(cell.value))).collect()
}
