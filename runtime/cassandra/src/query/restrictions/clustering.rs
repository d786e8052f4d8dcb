//! Which rows of a partition a statement is about.

use bytes::Bytes;

use super::keys::{equal, in_rows, values};
use super::{End, Restriction, Restrictions, Slice, Test, Tuple};
use crate::api::{Bound, Error};
use crate::query::context::Context;
use crate::schema::{Kind, Table};
use crate::storage::{Layout, Position, Side, push_component};

/// Rows from one position to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// From.
    pub(crate) from: Position,
    /// To.
    pub(crate) to: Position,
}

impl Range {
    /// All rows.
    pub(crate) fn all() -> Self {
        Self { from: Position::first(), to: Position::last() }
    }

    fn of(prefix: &[u8]) -> Self {
        let at = |side| Position { prefix: prefix.into(), side };
        Self { from: at(Side::Before), to: at(Side::After) }
    }
}

impl Restrictions {
    /// Clustering restrictions that find rows; those after them filter.
    fn finding<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Restriction> {
        let mut next = table.partition_keys;
        let mut done = false;
        self.clustering.iter().take_while(move |restriction| {
            let finds = !done && restriction.columns[0] == next && !restriction.is_contains();
            done = !finds || restriction.is_slice();
            next += restriction.columns.len();
            finds
        })
    }

    /// Clustering restrictions that `ranges` doesn't obey in full: they filter.
    pub(super) fn filtering<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = &'a Restriction> {
        let finding = self.finding(table).count();
        self.clustering.iter().enumerate().filter_map(move |(i, restriction)| {
            (i >= finding || mixes_orders(table, restriction)).then_some(restriction)
        })
    }

    /// Ranges of rows in clustering order, apart from each other.
    pub(crate) fn ranges(&self, table: &Table, layout: &Layout, context: &Context<'_>) -> Result<Vec<Range>, Error> {
        let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
        let mut ranges = None;
        for restriction in self.finding(table) {
            let names: Vec<&str> = restriction.columns.iter().map(|column| &*table.columns[*column].name).collect();
            let rows = match &restriction.test {
                Test::Equal(tuple) => vec![equal(context, tuple, &names)?],
                Test::In(said) => in_rows(context, said, &names)?,
                Test::Slice(slice) => {
                    if !mixes_orders(table, restriction) {
                        ranges = Some(sliced(table, restriction, slice, &prefixes, context)?);
                    }
                    break;
                }
                Test::Contains(_) => break,
            };
            prefixes = prefixes.iter().flat_map(|prefix| rows.iter().map(move |row| (prefix, row))).map(extended).collect::<Result<_, _>>()?;
        }
        let mut ranges = ranges.unwrap_or_else(|| prefixes.iter().map(|prefix| Range::of(prefix)).collect());
        if ranges.len() > 1 {
            ranges.sort_by(|one, other| one.from.compare(&other.from, layout));
            ranges.dedup();
        }
        Ok(ranges)
    }

    /// As `ranges`, for a statement that can't filter what it finds.
    pub(crate) fn exact_ranges(
        &self,
        table: &Table,
        layout: &Layout,
        context: &Context<'_>,
    ) -> Result<Vec<Range>, Error> {
        if self.clustering.iter().any(|restriction| mixes_orders(table, restriction)) {
            let message = "Deleting a range of tuples of clustering columns with different orders is not supported";
            return Err(Error::Invalid(message.into()));
        }
        self.ranges(table, layout, context)
    }
}

fn extended((prefix, row): (&Vec<u8>, &Vec<Bytes>)) -> Result<Vec<u8>, Error> {
    let mut prefix = prefix.clone();
    for value in row {
        if value.len() > usize::from(u16::MAX) {
            return Err(Error::Invalid(format!(
                "Key length of {} is longer than maximum of 65535",
                value.len()
            )));
        }
        push_component(&mut prefix, value);
    }
    Ok(prefix)
}

fn descending(table: &Table, column: usize) -> bool {
    matches!(table.columns[column].kind, Kind::Clustering { descending: true, .. })
}

/// A slice of tuples whose columns are ordered in different directions is no range of rows.
fn mixes_orders(table: &Table, restriction: &Restriction) -> bool {
    restriction.is_slice()
        && restriction.columns.iter().any(|column| descending(table, *column) != descending(table, restriction.columns[0]))
}

fn sliced(
    table: &Table,
    restriction: &Restriction,
    slice: &Slice,
    prefixes: &[Vec<u8>],
    context: &Context<'_>,
) -> Result<Vec<Range>, Error> {
    let descending = descending(table, restriction.columns[0]);
    let lower = end(table, restriction, slice.lower.as_ref(), context)?;
    let upper = end(table, restriction, slice.upper.as_ref(), context)?;
    let (from, to) = if descending { (upper, lower) } else { (lower, upper) };
    let mut ranges = Vec::new();
    for prefix in prefixes {
        let position = |end: &Option<(Vec<Bytes>, bool)>, inside: Side, outside: Side| match end {
            // Null is before all values, in either order.
            Some((row, _)) if row.is_empty() => {
                Ok(Position { prefix: prefix.as_slice().into(), side: Side::Before })
            }
            Some((row, inclusive)) => Ok::<_, Error>(Position {
                prefix: extended((prefix, row))?.into(),
                side: if *inclusive { inside } else { outside },
            }),
            None => Ok(Position { prefix: prefix.as_slice().into(), side: inside }),
        };
        ranges.push(Range {
            from: position(&from, Side::Before, Side::After)?,
            to: position(&to, Side::After, Side::Before)?,
        });
    }
    Ok(ranges)
}

fn end(
    table: &Table,
    restriction: &Restriction,
    end: Option<&End>,
    context: &Context<'_>,
) -> Result<Option<(Vec<Bytes>, bool)>, Error> {
    let Some(end) = end else { return Ok(None) };
    if let Tuple::Each(terms) = &end.value
        && let [term] = &terms[..]
    {
        return match context.value(term)? {
            Bound::Value(value) => Ok(Some((vec![value], end.inclusive))),
            Bound::Null => Ok(Some((Vec::new(), end.inclusive))),
            Bound::Unset => {
                let name = &table.columns[restriction.columns[0]].name;
                Err(Error::Invalid(format!("Invalid unset value for column {name}")))
            }
        };
    }
    let names: Vec<&str> =
        restriction.columns.iter().take(end.width).map(|column| &*table.columns[*column].name).collect();
    Ok(Some((values(context, &end.value, &names)?, end.inclusive)))
}
