//! Rows to result rows, up to limits and the size of a page.

use bytes::Bytes;

use super::paging::Cursor;
use super::walk::Flow;
use crate::query::read::Row;
use crate::storage::Key;

/// Counts result rows, and remembers where they come from.
#[derive(Debug)]
pub(super) struct Count {
    /// Result rows that may still come.
    pub(super) limit: u32,
    /// Result rows that a partition may give.
    pub(super) per_partition: u32,
    /// Result rows of this page that may still come.
    pub(super) page: u32,
    /// The last of the partitions, if they are known one by one.
    last: Option<Key>,
    /// Partitions have one row.
    single: bool,
    partition: Option<Key>,
    in_partition: u32,
    /// Where the page ended, if it did before the limit.
    pub(super) cursor: Option<Cursor>,
}

impl Count {
    pub(super) fn new(limit: u32, per_partition: u32, page: u32, after: Option<&Cursor>) -> Self {
        Self {
            limit: after.map_or(limit, |cursor| cursor.remaining),
            per_partition,
            page,
            last: None,
            single: false,
            partition: after.map(|cursor| cursor.key.clone()),
            in_partition: after.map_or(0, |cursor| cursor.in_partition),
            cursor: None,
        }
    }

    /// Says which partition is the last one, if that is known, and whether partitions have but one row.
    pub(super) fn ending(self, last: Option<Key>, single: bool) -> Self {
        Self { last, single, ..self }
    }

    /// Whether the partition may give one more.
    pub(super) fn admits(&mut self, key: &Key) -> bool {
        if self.partition.as_ref() != Some(key) {
            self.partition = Some(key.clone());
            self.in_partition = 0;
        }
        self.in_partition < self.per_partition
    }

    /// A result row was made, which ends with a row at that place.
    pub(super) fn add(&mut self, key: &Key, clustering: Option<&[u8]>) -> Flow {
        self.limit -= 1;
        self.page -= 1;
        self.in_partition += 1;
        if self.limit == 0 {
            return Flow::Stop;
        }
        let done = clustering.is_none() || self.single || self.in_partition >= self.per_partition;
        if self.page == 0 && done && self.last.as_ref() == Some(key) {
            // Nothing can follow.
            return Flow::Stop;
        }
        if self.page == 0 {
            self.cursor = Some(Cursor {
                key: key.clone(),
                clustering: clustering.map(<[u8]>::to_vec),
                remaining: self.limit,
                in_partition: self.in_partition,
            });
            return Flow::Stop;
        }
        if self.in_partition >= self.per_partition { Flow::NextPartition } else { Flow::Continue }
    }
}

/// Result rows, each row one.
#[derive(Debug)]
pub(super) struct Plain<F> {
    pub(super) count: Count,
    pub(super) cells: Vec<Option<Bytes>>,
    make: F,
}

impl<F: FnMut(&Row<'_>, &mut Vec<Option<Bytes>>) -> Result<(), crate::api::Error>> Plain<F> {
    /// `make` appends the result row of a row.
    pub(super) fn new(count: Count, make: F) -> Self {
        Self { count, cells: Vec::new(), make }
    }

    pub(super) fn visit(&mut self, row: &Row<'_>) -> Result<Flow, crate::api::Error> {
        if !self.count.admits(row.key) {
            return Ok(Flow::NextPartition);
        }
        (self.make)(row, &mut self.cells)?;
        Ok(self.count.add(row.key, row.row.map(|row| row.clustering)))
    }
}
