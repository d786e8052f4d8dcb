//! What `WHERE` says: relations merged by column, sorted into what finds partitions, what finds rows and what is left
//! to filter by; and the refusals that follow from it.

mod clustering;
mod filter;
mod keys;
mod merge;
mod relation;
mod rules;

use crate::schema::{Kind, Table};
use crate::terms::Term;

pub(crate) use clustering::Range;
pub(crate) use filter::Filter;
pub(crate) use keys::{Keys, key_of};
pub(crate) use relation::element;
pub(crate) use rules::{Clauses, Statement};

/// All that restricts what a statement is about.
#[derive(Debug, Default)]
pub(crate) struct Restrictions {
    /// Of columns of the partition key, by place.
    pub(crate) partition: Vec<Restriction>,
    /// Of `token(…)`.
    pub(crate) token: Option<Slice>,
    /// Of clustering columns, by place of the first of them.
    pub(crate) clustering: Vec<Restriction>,
    /// Of all other columns, by position.
    pub(crate) others: Vec<Restriction>,
    /// All partitions, or a range of them, are looked at.
    pub(crate) scans: bool,
    /// An index would be used.
    pub(crate) indexed: bool,
    /// It is sensible with `ALLOW FILTERING` only.
    needs_filtering: bool,
}

/// What restricts a column, or several clustering columns as a tuple.
#[derive(Debug)]
pub(crate) struct Restriction {
    /// Positions in the table; in order.
    pub(crate) columns: Vec<usize>,
    /// How.
    pub(crate) test: Test,
}

/// How a value is restricted.
#[derive(Debug)]
pub(crate) enum Test {
    /// `=`
    Equal(Tuple),
    /// `IN`
    In(Values),
    /// `<`, `>` and so on.
    Slice(Slice),
    /// `CONTAINS`, `CONTAINS KEY` and `m[k] = v`.
    Contains(Contains),
}

/// Values for one or more columns.
#[derive(Debug)]
pub(crate) enum Tuple {
    /// One term for each column.
    Each(Vec<Term>),
    /// A term of a tuple type.
    Whole(Term),
}

/// What follows `IN`.
#[derive(Debug)]
pub(crate) enum Values {
    /// As they are listed.
    List(Vec<Tuple>),
    /// All in one bound list.
    Bound(Term),
}

/// A range of values.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    /// From.
    pub(crate) lower: Option<End>,
    /// To.
    pub(crate) upper: Option<End>,
    /// Both, for `token(…) = …`.
    pub(crate) equal: bool,
}

/// One end of a range.
#[derive(Debug)]
pub(crate) struct End {
    /// The value.
    pub(crate) value: Tuple,
    /// Whether the value itself is in the range.
    pub(crate) inclusive: bool,
    /// For how many columns it has values.
    pub(crate) width: usize,
}

/// What must be in a collection.
#[derive(Debug, Default)]
pub(crate) struct Contains {
    /// Elements, or values of a map.
    pub(crate) values: Vec<Term>,
    /// Keys of a map.
    pub(crate) keys: Vec<Term>,
    /// Entries of a map.
    pub(crate) entries: Vec<(Term, Term)>,
}

impl Contains {
    fn len(&self) -> usize {
        self.values.len() + self.keys.len() + self.entries.len()
    }
}

impl Restriction {
    fn is_slice(&self) -> bool {
        matches!(self.test, Test::Slice(_))
    }

    fn is_contains(&self) -> bool {
        matches!(self.test, Test::Contains(_))
    }

    pub(crate) fn is_in(&self) -> bool {
        matches!(self.test, Test::In(_))
    }

    /// Place of the column among those of its kind.
    fn place(&self, table: &Table, column: usize) -> usize {
        match table.columns[column].kind {
            Kind::Partition(place) | Kind::Clustering { place, .. } => place,
            Kind::Static | Kind::Regular => column,
        }
    }
}

impl Restrictions {
    /// All columns of the partition key are equal to something, or in a list of it.
    pub(crate) fn whole_key(&self, table: &Table) -> bool {
        self.partition.len() == table.partition_keys && !self.partition_filters(table)
    }

    /// Whether what is said of the partition key doesn't find partitions but filters them.
    pub(crate) fn partition_filters(&self, table: &Table) -> bool {
        !self.partition.is_empty()
            && (self.partition.len() < table.partition_keys
                || self.partition.iter().any(|restriction| restriction.is_slice() || restriction.is_contains()))
    }

    /// Whether what is said of clustering columns doesn't find rows but filters them.
    pub(crate) fn clustering_filters(&self, table: &Table) -> bool {
        let mut place = 0;
        for restriction in &self.clustering {
            let first = restriction.place(table, restriction.columns[0]);
            if restriction.is_contains() || first != place {
                return true;
            }
            if !restriction.is_slice() {
                place = first + restriction.columns.len();
            }
        }
        false
    }

    /// `IN` on the partition key.
    pub(crate) fn key_in(&self) -> bool {
        self.partition.iter().any(Restriction::is_in)
    }

    /// Whether all columns of the primary key are equal to something, or in a list.
    pub(crate) fn is_whole_row(&self, table: &Table) -> bool {
        let is_found = |column: usize| {
            self.partition.iter().chain(&self.clustering).any(|restriction| {
                matches!(restriction.test, Test::Equal(_) | Test::In(_)) && restriction.columns.contains(&column)
            })
        };
        (0..table.partition_keys + table.clustering_keys).all(is_found)
    }

    /// Whether a column is equal to one value.
    pub(crate) fn is_equal(&self, column: usize) -> bool {
        let all = self.partition.iter().chain(&self.clustering).chain(&self.others);
        all.into_iter()
            .any(|restriction| matches!(restriction.test, Test::Equal(_)) && restriction.columns.contains(&column))
    }
}
