//! All partitions of a table, in token order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::{Cell, Deletion, Increment, Item, Layout, Life, Packed, Partition, Position, RowBuilder, RowRef, token};

/// The key of a partition. Ordered as full scans see them: by token, then by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// Its token.
    pub(crate) token: i64,
    /// Binary form of the partition key; of several columns each with its length before it and a zero after it.
    pub(crate) bytes: Box<[u8]>,
}

impl Key {
    /// The key with its token.
    pub(crate) fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { token: token(&bytes), bytes }
    }
}

/// What is written to one partition.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// Which partition.
    pub(crate) key: Key,
    /// Their order says nothing but for counters.
    pub(crate) changes: Vec<Change>,
}

/// A change of a partition.
#[derive(Debug)]
pub(crate) enum Change {
    /// Writes to a row, or deletes it.
    Row(Packed),
    /// Writes to the static row.
    Static(Packed),
    /// Deletes a range of rows.
    Range {
        /// From here.
        from: Position,
        /// To here.
        to: Position,
        /// With this.
        deletion: Deletion,
    },
    /// Deletes the partition.
    Partition(Deletion),
    /// Adds to a counter of a row, or of the static row if there is no clustering key.
    Increment(Option<Box<[u8]>>, Increment),
}

/// The data of a table.
#[derive(Debug, Default)]
pub(crate) struct Store {
    layout: Layout,
    partitions: BTreeMap<Key, Partition>,
    /// What counters came to. A counter goes on from there even
    /// if it was deleted in between: that is what Cassandra does as long as it has the counter in its cache.
    counts: HashMap<Counter, i64>,
    writes: u64,
    /// The partition that was last looked at for what is dead, and which piece of it is next.
    swept: Option<(Key, Option<usize>)>,
}

/// Partition, row (none is the static one) and column of a counter.
type Counter = (Key, Option<Box<[u8]>>, u32);

/// So many writes look at one partition, or a piece of it, for what is dead.
const SWEEP: u64 = 16;

impl Store {
    /// An empty table.
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Its orders.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The table was altered: cells of columns that were dropped go.
    pub(crate) fn set_layout(&mut self, layout: Layout, dropped: bool) {
        self.layout = layout;
        if dropped {
            let layout = &self.layout;
            for partition in self.partitions.values_mut() {
                partition.rewrite(|row| super::merge::merge(layout, None, row.row(), None).into());
            }
            self.partitions.retain(|_, partition| !partition.is_empty());
        }
    }

    /// Forgets all data.
    pub(crate) fn truncate(&mut self) {
        self.partitions = BTreeMap::new();
        self.counts = HashMap::new();
        self.swept = None;
    }

    /// A partition.
    pub(crate) fn partition(&self, key: &Key) -> Option<&Partition> {
        self.partitions.get(key)
    }

    /// A row, dead or alive.
    pub(crate) fn row(&self, key: &Key, clustering: &[u8]) -> Option<RowRef<'_>> {
        self.partition(key)?.row(&self.layout, clustering)
    }

    /// Partitions in order from a bound, up to the last.
    pub(crate) fn partitions(&self, from: Bound<Key>) -> impl Iterator<Item = (&Key, &Partition)> {
        self.partitions.range((from, Bound::Unbounded))
    }

    /// Applies a mutation. `now`, seconds since the epoch, is the server's clock.
    pub(crate) fn apply(&mut self, mutation: Mutation, now: i64) {
        self.writes += 1;
        if self.writes.is_multiple_of(SWEEP) {
            self.sweep(now);
        }
        let Mutation { key, changes } = mutation;
        let changes: Vec<_> = changes.into_iter().map(|change| self.counted(&key, change)).collect();
        match self.partitions.get_mut(&key) {
            Some(partition) => {
                changes.iter().for_each(|change| partition.apply(&self.layout, change));
                if partition.is_empty() {
                    self.partitions.remove(&key);
                }
            }
            None => {
                let mut partition = Partition::default();
                changes.iter().for_each(|change| partition.apply(&self.layout, change));
                if !partition.is_empty() {
                    self.partitions.insert(key, partition);
                }
            }
        }
    }

    /// Makes the increment of a counter a write of what it comes to.
    fn counted(&mut self, key: &Key, change: Change) -> Change {
        let Change::Increment(clustering, Increment { column, delta, timestamp }) = change else { return change };
        let mut row = RowBuilder::new(clustering.as_deref().unwrap_or_default(), None, None, timestamp);
        let is_static = clustering.is_none();
        let count = self.counts.entry((key.clone(), clustering, column)).or_default();
        *count = count.wrapping_add(delta);
        let value = count.to_be_bytes();
        row.push(&Item::Cell(Cell { column, path: &[], timestamp, life: Life::Live, value: &value }));
        match row.finish() {
            Some(row) if is_static => Change::Static(row),
            Some(row) => Change::Row(row),
            None => Change::Increment(None, Increment { column, delta, timestamp }),
        }
    }

    /// Looks at the next partition for what is dead: with the writes that make garbage goes the work to remove it.
    fn sweep(&mut self, now: i64) {
        let (from, piece) = match self.swept.take() {
            None => (Bound::Unbounded, 0),
            Some((key, None)) => (Bound::Excluded(key), 0),
            Some((key, Some(piece))) => (Bound::Included(key), piece),
        };
        let Some((key, partition)) = self.partitions.range_mut((from, Bound::Unbounded)).next() else { return };
        let key = key.clone();
        let next = partition.purge(&self.layout, piece, now);
        if partition.is_empty() {
            self.partitions.remove(&key);
        }
        self.swept = Some((key, next));
    }
}
