//! `ORDER BY`: the direction in which partitions are read, or how rows of several partitions are sorted.

use std::cmp::Ordering;

use bytes::Bytes;
use veltrix_cql::{Name, Order};

use crate::api::Error;
use crate::query::restrictions::Restrictions;
use crate::query::scope::Scope;
use crate::schema::{Kind, Table};

/// Whether partitions are read from their last row to the first, and by which columns, descending or not, rows of
/// several partitions are sorted.
pub(super) fn understand(
    scope: &Scope,
    said: &[(Name, Order)],
    restrictions: &Restrictions,
) -> Result<(bool, Vec<(usize, bool)>), Error> {
    if said.is_empty() {
        return Ok((false, Vec::new()));
    }
    let refuse = |message: &str| Err(Error::Invalid(message.to_owned()));
    if restrictions.indexed {
        return refuse("ORDER BY with 2ndary indexes is not supported, except for ANN queries.");
    }
    if restrictions.scans {
        return refuse("ORDER BY is only supported when the partition key is restricted by an EQ or an IN.");
    }
    let mut reversed = None;
    let mut sort = Vec::new();
    let mut next = scope.table.partition_keys;
    for (name, order) in said {
        let column = scope.position(name)?;
        let Kind::Clustering { descending, .. } = scope.column(column).kind else {
            return Err(Error::Invalid(format!(
                "Order by is currently only supported on the clustered columns of the PRIMARY KEY, got {}",
                name.as_str()
            )));
        };
        if sort.iter().any(|(known, _)| *known == column) {
            continue;
        }
        while next != column {
            if next > column || !restrictions.is_equal(next) {
                return refuse(
                    "Order by currently only supports the ordering of columns following their declared order in the \
                     PRIMARY KEY",
                );
            }
            next += 1;
        }
        next += 1;
        let wanted = match order {
            Order::Ascending => false,
            Order::Descending => true,
        };
        let against = wanted != descending;
        if reversed.is_some_and(|reversed| reversed != against) {
            return refuse("Unsupported order by relation");
        }
        reversed = Some(against);
        sort.push((column, wanted));
    }
    if !restrictions.key_in() {
        sort.clear();
    }
    Ok((reversed.unwrap_or(false), sort))
}

/// Sorts result rows of `width` cells by the values that belong to each; rows that are equal stay as they are.
pub(super) fn sorted(
    table: &Table,
    sort: &[(usize, bool)],
    values: Vec<Vec<Option<Bytes>>>,
    cells: Vec<Option<Bytes>>,
    width: usize,
) -> Vec<Option<Bytes>> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| {
        let pairs = sort.iter().zip(values[*one].iter().zip(&values[*other]));
        pairs
            .map(|((column, descending), (one, other))| {
                let order = match (one, other) {
                    (Some(one), Some(other)) => table.columns[*column].of.compare(one, other),
                    (one, other) => one.is_some().cmp(&other.is_some()),
                };
                if *descending { order.reverse() } else { order }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    order.iter().flat_map(|row| cells[row * width..(row + 1) * width].iter().cloned()).collect()
}
