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

    /// Clustering restrictions that don't find rows: they filter.
    pub(super) fn filtering<'a>(&'a self, table: &'a Table) -> &'a [Restriction] {
        &self.clustering[self.finding(table).count()..]
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
                    ranges = Some(sliced(table, restriction, slice, &prefixes, context)?);
                    break;
                }
                Test::Contains(_) => break,
            };
            prefixes = prefixes
                .iter()
                .flat_map(|prefix| rows.iter().map(move |row| (prefix, row)))
                .map(extended)
                .collect::<Result<_, _>>()?;
        }
        let mut ranges = ranges.unwrap_or_else(|| prefixes.iter().map(|prefix| Range::of(prefix)).collect());
        if ranges.len() > 1 {
            ranges.sort_by(|one, other| one.from.compare(&other.from, layout));
            ranges.dedup();
        }
        Ok(ranges)
    }
}

fn extended((prefix, row): (&Vec<u8>, &Vec<Bytes>)) -> Result<Vec<u8>, Error> {
    let mut prefix = prefix.clone();
    for value in row {
        if value.len() > usize::from(u16::MAX) {
            return Err(Error::Invalid(format!("Key length of {} is longer than maximum of 65535", value.len())));
        }
        push_component(&mut prefix, value);
    }
    Ok(prefix)
}

fn descending(table: &Table, column: usize) -> bool {
    matches!(table.columns[column].kind, Kind::Clustering { descending: true, .. })
}

fn sliced(
    table: &Table,
    restriction: &Restriction,
    slice: &Slice,
    prefixes: &[Vec<u8>],
    context: &Context<'_>,
) -> Result<Vec<Range>, Error> {
    let lower = end(table, restriction, slice.lower.as_ref(), context)?;
    let upper = end(table, restriction, slice.upper.as_ref(), context)?;
    let mut ranges = Vec::new();
    let edge = |end: &'_ Option<(Vec<Bytes>, bool)>| end.as_ref().map(|(row, inclusive)| (row.clone(), *inclusive));
    for prefix in prefixes {
        cut(table, &restriction.columns, edge(&lower), edge(&upper), prefix, &mut ranges)?;
    }
    Ok(ranges)
}

/// Values of one end, from the column at hand on, and whether they belong to the slice.
type Edge = Option<(Vec<Bytes>, bool)>;

/// Cuts a slice of tuples into ranges of rows. As columns may be ordered in different directions, what is in order as
/// tuples need not be in order as rows: beside the rows whose first column is inside of the slice there are those whose
/// first column is at an end of it, cut by the columns that follow.
fn cut(
    table: &Table,
    columns: &[usize],
    lower: Edge,
    upper: Edge,
    prefix: &[u8],
    ranges: &mut Vec<Range>,
) -> Result<(), Error> {
    let Some((column, rest)) = columns.split_first() else { return Ok(()) };
    let tail = |edge: &Edge| -> Edge {
        edge.as_ref().filter(|(row, _)| row.len() > 1).map(|(row, inclusive)| (row[1..].to_vec(), *inclusive))
    };
    let (low, high) = (lower.as_ref().map(|edge| edge.0.first()), upper.as_ref().map(|edge| edge.0.first()));
    let of = &table.columns[*column].of;
    if let (Some(Some(low)), Some(Some(high))) = (low, high)
        && (tail(&lower).is_some() || tail(&upper).is_some())
    {
        let order = of.compare(low, high);
        if order.is_gt() {
            return Ok(());
        }
        if order.is_eq() && (tail(&lower).is_none() || tail(&upper).is_none()) {
            // One end is a whole column: in or out as it says.
            let whole = if tail(&lower).is_none() { &lower } else { &upper };
            if !whole.as_ref().is_some_and(|(_, inclusive)| *inclusive) {
                return Ok(());
            }
        }
        if order.is_eq() {
            let prefix = extended((&prefix.to_vec(), &vec![low.clone()]))?;
            return cut(table, rest, tail(&lower), tail(&upper), &prefix, ranges);
        }
    }
    for (edge, is_lower) in [(&lower, true), (&upper, false)] {
        if let Some((row, _)) = edge
            && let Some(tail) = tail(edge)
        {
            let prefix = extended((&prefix.to_vec(), &row[..1].to_vec()))?;
            let (lower, upper) = if is_lower { (Some(tail), None) } else { (None, Some(tail)) };
            cut(table, rest, lower, upper, &prefix, ranges)?;
        }
    }
    let descending = descending(table, *column);
    // The column itself: without its ends if more columns follow them.
    let (from, to) = if descending { (&upper, &lower) } else { (&lower, &upper) };
    let position = |edge: &Edge, inside: Side, outside: Side| match edge {
        None => Ok::<_, Error>(Position { prefix: prefix.into(), side: inside }),
        // Null is before all values, in either order.
        Some((row, _)) if row.is_empty() => Ok(Position { prefix: prefix.into(), side: Side::Before }),
        Some((row, inclusive)) => Ok(Position {
            prefix: extended((&prefix.to_vec(), &row[..1].to_vec()))?.into(),
            side: if *inclusive && row.len() == 1 { inside } else { outside },
        }),
    };
    ranges
        .push(Range { from: position(from, Side::Before, Side::After)?, to: position(to, Side::After, Side::Before)? });
    Ok(())
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
