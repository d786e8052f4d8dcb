//! Cells and deletions, and which of two wins.

/// Writes up to this timestamp are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deletion {
    /// Microseconds since the epoch, by the writer's clock.
    pub(crate) timestamp: i64,
    /// When it happened, seconds since the epoch: how long it must be kept.
    pub(crate) at: i64,
}

impl Deletion {
    /// Whether something with that timestamp is gone.
    pub(crate) fn deletes(self, timestamp: i64) -> bool {
        timestamp <= self.timestamp
    }

    pub(super) fn supersedes(self, other: Self) -> bool {
        (self.timestamp, self.at) > (other.timestamp, other.at)
    }

    /// The one that deletes more.
    pub(super) fn max(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.supersedes(one) { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

/// How long a cell or a row marker is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Until it is overwritten.
    Live,
    /// Until a time, seconds since the epoch.
    Expiring {
        /// Seconds it was given.
        ttl: i64,
        /// First second without it.
        expires: i64,
    },
    /// It was deleted at that second.
    Tombstone {
        /// Seconds since the epoch.
        at: i64,
    },
}

impl Life {
    /// Whether it is there at that second.
    pub(crate) fn is_live(self, now: i64) -> bool {
        match self {
            Self::Live => true,
            Self::Expiring { expires, .. } => now < expires,
            Self::Tombstone { .. } => false,
        }
    }
}

/// The row marker: an inserted row is there also if all of its columns are null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Liveness {
    /// Microseconds since the epoch.
    pub(crate) timestamp: i64,
    /// `Live` or `Expiring`.
    pub(crate) life: Life,
}

impl Liveness {
    pub(super) fn supersedes(self, other: Self) -> bool {
        if self.timestamp != other.timestamp {
            return self.timestamp > other.timestamp;
        }
        match (self.life, other.life) {
            (Life::Expiring { expires: one, .. }, Life::Expiring { expires: two, .. }) => one > two,
            (Life::Expiring { .. }, _) => true,
            (Life::Live | Life::Tombstone { .. }, _) => false,
        }
    }
}

/// A value, or that there is none any more, at one place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell<'a> {
    /// Id of the column.
    pub(crate) column: u32,
    /// Which element of a collection or field of a type; empty for plain columns.
    pub(crate) path: &'a [u8],
    /// Microseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Whether it is a value.
    pub(crate) life: Life,
    /// Empty for a tombstone.
    pub(crate) value: &'a [u8],
}

impl Cell<'_> {
    /// Whether it wins against another cell at the same place.
    pub(super) fn wins(&self, other: &Self) -> bool {
        if self.timestamp != other.timestamp {
            return self.timestamp > other.timestamp;
        }
        // What will once be a tombstone wins as a tombstone does, whenever the two meet.
        let rank = |life| match life {
            Life::Live => (0, 0, 0),
            Life::Expiring { ttl, expires } => (1, expires, -ttl),
            Life::Tombstone { at } => (2, at, 0),
        };
        (rank(self.life), self.value) >= (rank(other.life), other.value)
    }
}

/// What a row consists of, in order: by column; in a column that is a collection or a type first what deletes it
/// as a whole, then its cells in the order of their paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// All cells of the column up to a timestamp are gone.
    Deletion(u32, Deletion),
    /// A cell.
    Cell(Cell<'a>),
}

impl Item<'_> {
    /// Id of its column.
    pub(crate) fn column(&self) -> u32 {
        match self {
            Self::Deletion(column, _) => *column,
            Self::Cell(cell) => cell.column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(timestamp: i64, life: Life, value: &[u8]) -> Cell<'_> {
        Cell { column: 1, path: &[], timestamp, life, value }
    }

    #[test]
    fn later_then_tombstone_then_expiring_then_larger_value_wins() {
        let tombstone = Life::Tombstone { at: 5 };
        let expiring = |expires| Life::Expiring { ttl: 10, expires };
        let descending = [
            cell(2, Life::Live, b"a"),
            cell(1, tombstone, b""),
            cell(1, expiring(20), b"a"),
            cell(1, expiring(19), b"z"),
            cell(1, Life::Live, b"\xff"),
            cell(1, Life::Live, b"b"),
            cell(1, Life::Live, b""),
        ];
        for (i, one) in descending.iter().enumerate() {
            for (j, other) in descending.iter().enumerate() {
                assert_eq!(one.wins(other), i <= j, "{one:?} against {other:?}");
            }
        }
    }

    #[test]
    fn an_expiring_marker_supersedes_a_lasting_one_of_the_same_time() {
        let lasting = Liveness { timestamp: 1, life: Life::Live };
        let expiring = Liveness { timestamp: 1, life: Life::Expiring { ttl: 1, expires: 9 } };
        assert!(expiring.supersedes(lasting) && !lasting.supersedes(expiring));
        assert!(Liveness { timestamp: 2, ..lasting }.supersedes(expiring));
    }
}
