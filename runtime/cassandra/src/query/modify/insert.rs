//! `INSERT … JSON`: what is written is known when it runs.

use bytes::Bytes;
use veltrix_cql::JsonDefault;

use super::build::Target;
use crate::api::{Bound, Error};
use crate::query::context::Context;
use crate::query::restrictions::{Range, key_of};
use crate::schema::{Kind, Table};
use crate::storage::{Position, Side, push_component};
use crate::terms::Term;
use crate::types::json::from_json;

/// The text, and what becomes of columns that it leaves out.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) text: Term,
    pub(super) default: JsonDefault,
}

impl Json {
    /// Reads the text.
    pub(super) fn target(&self, table: &Table, context: &Context<'_>) -> Result<Target, Error> {
        let invalid = |message: String| Err(Error::Invalid(message));
        let text = match context.value(&self.text)? {
            Bound::Value(text) => text,
            Bound::Null | Bound::Unset => return invalid("Got null for INSERT JSON values".into()),
        };
        let text = String::from_utf8_lossy(&text);
        let object: serde_json::Map<String, serde_json::Value> = match serde_json::from_str(&text) {
            Ok(Some(object)) => object,
            Ok(None) => return invalid("Got null for INSERT JSON values".into()),
            Err(error) => {
                return invalid(format!("Could not decode JSON string as a map: {error}. (String was: {text})"));
            }
        };
        let mut values = vec![None; table.columns.len()];
        let mut named = vec![false; table.columns.len()];
        for (key, value) in object {
            // As the grammar folds names: quoted ones are as they are.
            let name = match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
                Some(quoted) => quoted.to_owned(),
                None => key.to_lowercase(),
            };
            let Some(position) = table.position(&name) else {
                return invalid(format!("JSON values map contains unrecognized column: {name}"));
            };
            named[position] = true;
            values[position] = from_json(&table.columns[position].of, &value.to_string()).map_err(|error| {
                Error::Invalid(format!("Error decoding JSON value for {name}: {error}"))
            })?;
        }
        self.sorted(table, &values, &named)
    }

    fn sorted(&self, table: &Table, values: &[Option<Bytes>], named: &[bool]) -> Result<Target, Error> {
        let null = |name: &str| Error::Invalid(format!("Invalid null value in condition for column {name}"));
        let mut key = Vec::new();
        let mut clustering = Vec::new();
        let mut rest = Vec::new();
        for (position, column) in table.columns.iter().enumerate() {
            let value = &values[position];
            match column.kind {
                Kind::Partition(_) => key.push(value.clone().ok_or_else(|| null(&column.name))?),
                Kind::Clustering { .. } => {
                    push_component(&mut clustering, value.as_ref().ok_or_else(|| null(&column.name))?);
                }
                Kind::Static | Kind::Regular => {
                    if named[position] || self.default == JsonDefault::Null {
                        rest.push((position, value.clone()));
                    }
                }
            }
        }
        let key = key_of(&key);
        if key.bytes.is_empty() {
            return Err(Error::Invalid("Key may not be empty".into()));
        }
        let at = |side| Position { prefix: clustering.as_slice().into(), side };
        let row = Range { from: at(Side::Before), to: at(Side::After) };
        Ok(Target { keys: vec![key], rows: vec![row], values: Some(rest) })
    }
}
