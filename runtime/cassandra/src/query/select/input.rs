//! What a row gives to selectors.

use bytes::Bytes;

use crate::query::read::Row;
use crate::schema::Table;
use crate::terms::Input;

/// The value of an input.
pub(super) fn value(input: &Input, table: &Table, row: &Row<'_>) -> Option<Bytes> {
    match input {
        Input::Column(column) => row.column(table, *column),
    }
}
