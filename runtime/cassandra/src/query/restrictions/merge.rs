//! Two restrictions of the same columns to one, or why there can't be two.

use super::{Restriction, Slice, Test};
use crate::api::Error;
use crate::schema::Table;

/// Adds a restriction to those of its kind of column, which stay in the order of their columns.
pub(super) fn add(table: &Table, all: &mut Vec<Restriction>, new: Restriction) -> Result<(), Error> {
    let shared = |old: &Restriction| old.columns.iter().any(|column| new.columns.contains(column));
    match all.iter().position(shared) {
        Some(found) => {
            let old = all.remove(found);
            all.insert(found, merged(table, old, new)?);
        }
        None => {
            let at = all.partition_point(|old| old.columns[0] < new.columns[0]);
            all.insert(at, new);
        }
    }
    Ok(())
}

fn merged(table: &Table, old: Restriction, new: Restriction) -> Result<Restriction, Error> {
    let common: Vec<_> = old.columns.iter().filter(|column| new.columns.contains(column)).collect();
    let names = common.iter().map(|column| &*table.columns[**column].name).collect::<Vec<_>>().join(", ");
    let refuse = |message: String| Err(Error::Invalid(message));
    match (old.test, new.test) {
        (Test::Slice(one), Test::Slice(other)) => {
            if old.columns[0] != new.columns[0] {
                return refuse(format!(
                    "Column \"{names}\" cannot be restricted by two inequalities not starting with the same column"
                ));
            }
            let test = Test::Slice(slices(one, other, &names)?);
            let columns = if old.columns.len() > new.columns.len() { old.columns } else { new.columns };
            Ok(Restriction { columns, test })
        }
        (Test::Contains(mut one), Test::Contains(other)) => {
            one.values.extend(other.values);
            one.keys.extend(other.keys);
            one.entries.extend(other.entries);
            Ok(Restriction { columns: old.columns, test: Test::Contains(one) })
        }
        (Test::Equal(_), _) => {
            refuse(format!("{names} cannot be restricted by more than one relation if it includes an Equal"))
        }
        (Test::In(_), _) => {
            refuse(format!("{names} cannot be restricted by more than one relation if it includes a IN"))
        }
        (Test::Slice(_), Test::Equal(_) | Test::In(_) | Test::Contains(_)) => {
            refuse(format!("Column \"{names}\" cannot be restricted by both an equality and an inequality relation"))
        }
        (Test::Contains(_), Test::Equal(_) | Test::In(_) | Test::Slice(_)) => refuse(format!(
            "Collection column {names} can only be restricted by CONTAINS, CONTAINS KEY, or map-entry equality"
        )),
    }
}

/// Two slices of the same columns.
pub(super) fn slices(one: Slice, other: Slice, names: &str) -> Result<Slice, Error> {
    let twice = |which: &str| {
        Err(Error::Invalid(format!("More than one restriction was found for the {which} bound on {names}")))
    };
    if one.lower.is_some() && other.lower.is_some() {
        return twice("start");
    }
    if one.upper.is_some() && other.upper.is_some() {
        return twice("end");
    }
    Ok(Slice { lower: one.lower.or(other.lower), upper: one.upper.or(other.upper), equal: false })
}
