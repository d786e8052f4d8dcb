//! `INSERT … JSON`: what is written is known when it runs.

use bytes::Bytes;
use veltrix_cql::JsonDefault;

use super::build::Target;
use crate::api::Error;
use crate::query::context::Context;
use crate::query::restrictions::{Range, key_of};
use crate::schema::{Kind, Table};
use crate::storage::{Position, Side, push_component};
use crate::terms::Term;
use crate::types::json::row_from_json;

/// The text, and what becomes of columns that it leaves out.
#[derive(Debug)]
pub(super) struct Json {
    pub(super) text: Term,
    pub(super) default: JsonDefault,
}

impl Json {
    /// Reads the text.
    pub(super) fn target(&self, table: &Table, context: &Context<'_>) -> Result<Target, Error> {
        let null = || "Got null for INSERT JSON values".to_owned();
        let text = context.required(&self.text, null, null)?;
        let columns: Vec<_> = table.columns.iter().map(|column| (&*column.name, &column.of)).collect();
        self.sorted(table, &row_from_json(&String::from_utf8_lossy(&text), &columns)?)
    }

    /// `values`: for each column nothing, null or a value.
    fn sorted(&self, table: &Table, values: &[Option<Option<Bytes>>]) -> Result<Target, Error> {
        let null = |name: &str| Error::Invalid(format!("Invalid null value in condition for column {name}"));
        let mut key = Vec::new();
        let mut clustering = Vec::new();
        let mut rest = Vec::new();
        for (position, column) in table.columns.iter().enumerate() {
            let value = values[position].clone().flatten();
            match column.kind {
                Kind::Partition(_) => key.push(value.ok_or_else(|| null(&column.name))?),
                Kind::Clustering { .. } => {
                    push_component(&mut clustering, &value.ok_or_else(|| null(&column.name))?);
                }
                Kind::Static | Kind::Regular => {
                    if values[position].is_some() || self.default == JsonDefault::Null {
                        rest.push((position, value));
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
