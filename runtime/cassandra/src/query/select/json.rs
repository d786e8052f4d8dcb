//! `SELECT JSON`: a row as one text.

use bytes::Bytes;

use crate::api::Column as Named;
use crate::types::json::to_json;

/// The names as JSON has them: those that need quotes in CQL have them in the text, too.
pub(super) fn labels(columns: &[Named]) -> Vec<Named> {
    let label = |name: &str| {
        let quoted = if name.chars().any(char::is_uppercase) { format!("\"{name}\"") } else { name.to_owned() };
        serde_json::Value::String(quoted).to_string()
    };
    columns.iter().map(|column| Named { name: label(&column.name), ..column.clone() }).collect()
}

/// The text of a row.
pub(super) fn text(labels: &[Named], cells: &[Option<Bytes>]) -> Bytes {
    let mut out = String::from("{");
    for (i, (label, cell)) in labels.iter().zip(cells).enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&label.name);
        out.push_str(": ");
        out.push_str(&to_json(&label.of, cell.as_deref()));
    }
    out.push('}');
    out.into()
}
