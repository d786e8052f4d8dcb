//! Whole rows.

use bytes::Bytes;

use super::parse::parse;
use super::read::value;
use super::write::{braced, name_json};
use super::{Json, folded, to_json};
use crate::api::Error;
use crate::types::CqlType;

/// What the text of `INSERT JSON` gives for each of the columns: nothing, null or a value.
///
/// # Errors
/// `Invalid`, also for names that are no column.
pub(crate) fn row_from_json(text: &str, columns: &[(&str, &CqlType)]) -> Result<Vec<Option<Option<Bytes>>>, Error> {
    let undecoded =
        |error: &str| Error::Invalid(format!("Could not decode JSON string as a map: {error}. (String was: {text})"));
    let entries = match parse(text).map_err(|error| undecoded(&error))? {
        Json::Map(entries) => entries,
        Json::Null => return Err(Error::Invalid("Got null for INSERT JSON values".to_owned())),
        other => return Err(undecoded(&format!("it is a {}", other.class()))),
    };
    let mut cells = vec![None; columns.len()];
    for (key, json) in &entries {
        let name = folded(key);
        let Some(at) = columns.iter().position(|(column, _)| *column == name) else {
            return Err(Error::Invalid(format!("JSON values map contains unrecognized column: {name}")));
        };
        let decoded = value(columns[at].1, json);
        let undecoded = |error| Error::Invalid(format!("Error decoding JSON value for {name}: {error}"));
        cells[at] = Some(decoded.map_err(undecoded)?);
    }
    Ok(cells)
}

/// A row of `SELECT JSON`.
pub(crate) fn row_to_json<'a>(cells: impl Iterator<Item = (&'a str, &'a CqlType, Option<&'a [u8]>)>) -> String {
    braced(cells.map(|(name, of, value)| format!("{}: {}", name_json(name), to_json(of, value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_null_from_nothing() {
        let columns = [("k", &CqlType::Int), ("V", &CqlType::Text), ("w", &CqlType::Int)];
        let row = row_from_json(r#"{"K": 1, "\"V\"": null}"#, &columns).unwrap();
        assert_eq!(row, [Some(Some(Bytes::from_static(&[0, 0, 0, 1]))), Some(None), None]);
        for (text, message) in [
            (r#"{"x": 1}"#, "JSON values map contains unrecognized column: x"),
            (r#"{"k": "x"}"#, "Error decoding JSON value for k: Unable to make int from 'x'"),
            ("null", "Got null for INSERT JSON values"),
        ] {
            assert_eq!(row_from_json(text, &columns).unwrap_err().to_string(), message);
        }
        let cells = [("k", &CqlType::Int, Some(&[0u8, 0, 0, 1][..])), ("V", &CqlType::Text, None)];
        assert_eq!(row_to_json(cells.into_iter()), r#"{"k": 1, "\"V\"": null}"#);
    }
}
