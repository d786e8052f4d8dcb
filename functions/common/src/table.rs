//! Statements on the table that the settings name: whether the server takes them, and with the types that the settings say.

use veltrix_sdk::cql::{CqlErrorKind, CqlType, cql};
use veltrix_sdk::{Result, misconfigured};

/// A name as CQL takes it in any case.
pub fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Has a statement prepared, and compares the types of its parameters.
///
/// # Errors
/// Cassandra is not there: the event is tried again.
///
/// # Panics
/// Natively, if the table, a column or a grant is not there, or a column has another type: on Wasm that is told by
/// [`misconfigured`].
pub async fn verify(text: &str, expected: &[(&str, &CqlType)]) -> Result<()> {
    let parameters = match cql(text).parameters().await {
        Ok(parameters) => parameters,
        Err(error) if matches!(error.kind(), CqlErrorKind::Invalid | CqlErrorKind::NotGranted | CqlErrorKind::Type) => {
            misconfigured(error)
        }
        Err(error) => return Err(error.into()),
    };
    let wrong = |found: &&veltrix_sdk::cql::Column| {
        let expected = expected.iter().find(|(column, _)| *column == found.name);
        found.ty != CqlType::Any && expected.is_some_and(|(_, ty)| **ty != found.ty)
    };
    let problems: Vec<String> = parameters
        .iter()
        .filter(wrong)
        .map(|found| {
            let expected = expected.iter().find(|(column, _)| *column == found.name).map(|(_, ty)| ty.to_string());
            format!("the column {} is of type {}, it has to be {}", found.name, found.ty, expected.unwrap_or_default())
        })
        .collect();
    match problems.is_empty() {
        true => Ok(()),
        false => misconfigured(problems.join("; ")),
    }
}

/// Has a list be one value. Of a list that is not frozen each element is a cell under a name of its own that the server makes:
/// a row that is written again with the same timestamp would have each element twice.
///
/// # Errors
/// Cassandra is not there: the event is tried again.
///
/// # Panics
/// Natively, if the list is not frozen: on Wasm that is told by [`misconfigured`].
pub async fn verify_frozen(table: &str, column: &str, key: &[&str]) -> Result<()> {
    let (list, key) = (quoted(column), key.iter().map(|column| format!("{} = ?", quoted(column))));
    // The server takes this for lists whose elements are cells, and for no others. It is not executed.
    let text = format!("UPDATE {table} SET {list} = {list} + ? WHERE {}", key.collect::<Vec<_>>().join(" AND "));
    match cql(&text).parameters().await {
        Ok(_) => misconfigured(format!(
            "the column {column} is a list that is not frozen, in which an event that comes again would have its elements \
             twice: make it a frozen<list<…>>"
        )),
        Err(error) if error.kind() == CqlErrorKind::Invalid => Ok(()),
        Err(error) => Err(error.into()),
    }
}
