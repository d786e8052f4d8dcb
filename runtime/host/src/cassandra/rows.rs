//! Rows, passed through as the server encoded them.

use std::fmt::Display;

use scylla::deserialize::row::ColumnIterator;
use scylla::frame::response::result::ColumnSpec;
use scylla::response::query_result::{IntoRowsResultError, QueryResult};
use veltrix_wasm::{CqlError, Page};

use super::error::{Kind, refused};
use super::types;

/// The page in an answer. `known` are the columns that the guest knows from `prepare`; they are not sent again.
pub(super) fn page(
    result: QueryResult,
    known: Option<&[ColumnSpec<'_>]>,
    next: Vec<u8>,
    max_bytes: usize,
) -> Result<Page, CqlError> {
    let unreadable =
        |error: &dyn Display| refused(Kind::Unavailable, format!("the server's rows can't be read: {error}"));
    let result = match result.into_rows_result() {
        Ok(result) => result,
        Err(IntoRowsResultError::ResultNotRows(_)) => return Ok(Page { next, ..Page::default() }),
        Err(IntoRowsResultError::ResultMetadataLazyDeserializationError(error)) => return Err(unreadable(&error)),
    };
    if result.rows_bytes_size() > max_bytes {
        let bytes = result.rows_bytes_size();
        return Err(refused(
            Kind::OverLimit,
            format!("the page has {bytes} bytes, at most {max_bytes} are allowed: use a smaller page size"),
        ));
    }
    let specs = result.column_specs();
    let columns = match known {
        Some(known) if types::same(known, specs.as_slice()) => Vec::new(),
        _ => types::columns(specs.as_slice()),
    };
    let mut rows = Vec::with_capacity(result.rows_bytes_size());
    for row in result.rows::<ColumnIterator<'_, '_>>().map_err(|error| unreadable(&error))? {
        for column in row.map_err(|error| unreadable(&error))? {
            match column.map_err(|error| unreadable(&error))?.slice {
                Some(cell) => {
                    rows.extend((cell.as_slice().len() as i32).to_be_bytes());
                    rows.extend_from_slice(cell.as_slice());
                }
                None => rows.extend((-1i32).to_be_bytes()),
            }
        }
    }
    Ok(Page { count: result.rows_num() as u32, columns, rows, next })
}
