//! `SELECT JSON`: a row as one text.

use bytes::Bytes;

use crate::api::Column as Named;
use crate::types::json::row_to_json;

/// The text of a row.
pub(super) fn text(names: &[Named], cells: &[Option<Bytes>]) -> Bytes {
    row_to_json(names.iter().zip(cells).map(|(name, cell)| (&*name.name, &name.of, cell.as_deref()))).into()
}
