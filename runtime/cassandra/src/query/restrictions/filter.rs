//! What is left of `WHERE` once partitions and rows are found: tests of each row.

use std::cmp::Ordering;

use bytes::Bytes;

use super::keys::in_rows;
use super::{Contains, End, Restriction, Restrictions, Test, Tuple};
use crate::api::Error;
use crate::query::context::{Context, elements};
use crate::query::read::Row;
use crate::schema::{Kind, Table};
use crate::terms::Term;
use crate::types::CqlType;

/// Tests with their values.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    tests: Vec<(Vec<usize>, Known)>,
    /// Some test is of a column that only rows have.
    pub(crate) needs_rows: bool,
}

/// A test with its values.
#[derive(Debug)]
enum Known {
    Equal(Vec<Bytes>),
    In(Vec<Vec<Bytes>>),
    Slice(Option<(Vec<Bytes>, bool)>, Option<(Vec<Bytes>, bool)>),
    Contains { values: Vec<Bytes>, keys: Vec<Bytes>, entries: Vec<(Bytes, Bytes)> },
}

impl Restrictions {
    /// What rows must be tested for.
    pub(crate) fn filter(&self, table: &Table, context: &Context<'_>) -> Result<Filter, Error> {
        let partition = if self.partition_filters(table) { &self.partition[..] } else { &[] };
        let mut filter = Filter::default();
        for restriction in partition.iter().chain(self.filtering(table)).chain(&self.others) {
            filter.needs_rows |= restriction
                .columns
                .iter()
                .any(|column| matches!(table.columns[*column].kind, Kind::Regular | Kind::Clustering { .. }));
            filter.tests.push((restriction.columns.clone(), known(table, restriction, context)?));
        }
        Ok(filter)
    }
}

fn known(table: &Table, restriction: &Restriction, context: &Context<'_>) -> Result<Known, Error> {
    let names: Vec<&str> = restriction.columns.iter().map(|column| &*table.columns[*column].name).collect();
    let all = names.join(", ");
    let wanted = |term: &Term, what: &str| {
        context.required(
            term,
            || format!("Unsupported null {what} for column {all}"),
            || format!("Unsupported unset {what} for column {all}"),
        )
    };
    let value = |term: &Term| wanted(term, "value");
    let tuple = |tuple: &Tuple, width: usize| match tuple {
        Tuple::Each(terms) => terms.iter().map(value).collect::<Result<Vec<_>, _>>(),
        Tuple::Whole(term) => {
            let null = |name: &str| format!("Invalid null value in condition for column {name}");
            super::keys::whole(&value(term)?, &names[..width], null)
        }
    };
    let end = |end: &Option<End>| match end {
        Some(end) => Ok::<_, Error>(Some((tuple(&end.value, end.width)?, end.inclusive))),
        None => Ok(None),
    };
    Ok(match &restriction.test {
        Test::Equal(said) => Known::Equal(tuple(said, names.len())?),
        Test::In(said) => Known::In(in_rows(context, said, &names)?),
        Test::Slice(slice) => Known::Slice(end(&slice.lower)?, end(&slice.upper)?),
        Test::Contains(Contains { values, keys, entries }) => Known::Contains {
            values: values.iter().map(value).collect::<Result<_, _>>()?,
            keys: keys.iter().map(value).collect::<Result<_, _>>()?,
            entries: entries
                .iter()
                .map(|(k, v)| Ok((wanted(k, "map key")?, wanted(v, "map value")?)))
                .collect::<Result<_, Error>>()?,
        },
    })
}

impl Filter {
    /// Whether there is nothing to test.
    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Whether a row passes all tests.
    pub(crate) fn passes(&self, table: &Table, row: &Row<'_>) -> bool {
        self.tests.iter().all(|(columns, known)| {
            let values = columns.iter().map(|column| row.column(table, *column));
            let Some(values) = values.collect::<Option<Vec<_>>>() else { return false };
            let types = || columns.iter().map(|column| &table.columns[*column].of);
            match known {
                Known::Equal(wanted) => compare(types(), &values, wanted).is_eq(),
                Known::In(wanted) => wanted.iter().any(|wanted| compare(types(), &values, wanted).is_eq()),
                Known::Slice(lower, upper) => {
                    let above = lower.as_ref().is_none_or(|(value, inclusive)| {
                        let order = compare(types(), &values, value);
                        order.is_gt() || (*inclusive && order.is_eq())
                    });
                    above
                        && upper.as_ref().is_none_or(|(value, inclusive)| {
                            let order = compare(types(), &values, value);
                            order.is_lt() || (*inclusive && order.is_eq())
                        })
                }
                Known::Contains { values: wanted, keys, entries } => {
                    contains(&table.columns[columns[0]].of, &values[0], wanted, keys, entries)
                }
            }
        })
    }
}

/// Compares as many parts as the shorter side has.
fn compare<'a>(types: impl Iterator<Item = &'a CqlType>, values: &[Bytes], wanted: &[Bytes]) -> Ordering {
    types
        .zip(values.iter().zip(wanted))
        .map(|(of, (value, wanted))| of.compare(value, wanted))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn contains(of: &CqlType, value: &[u8], values: &[Bytes], keys: &[Bytes], entries: &[(Bytes, Bytes)]) -> bool {
    let elements = elements(value);
    let has = |of: &CqlType, wanted: &Bytes, from: usize, step: usize| {
        elements.iter().skip(from).step_by(step).flatten().any(|element| of.compare(element, wanted).is_eq())
    };
    match of {
        CqlType::List { element, .. } | CqlType::Set { element, .. } => {
            values.iter().all(|wanted| has(element, wanted, 0, 1))
        }
        CqlType::Map { key, value, .. } => {
            values.iter().all(|wanted| has(value, wanted, 1, 2))
                && keys.iter().all(|wanted| has(key, wanted, 0, 2))
                && entries.iter().all(|(k, v)| {
                    elements.chunks_exact(2).any(|entry| match entry {
                        [Some(one), Some(other)] => key.compare(one, k).is_eq() && value.compare(other, v).is_eq(),
                        _ => false,
                    })
                })
        }
        _ => false,
    }
}
