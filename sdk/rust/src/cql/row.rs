//! [`Row`] and [`FromRow`]: what a statement answers.

use std::ops::Range;
use std::sync::Arc;

use super::decode::FromCql;
use super::error::{CqlError, CqlErrorKind, ValueError};
use super::types::Column;
use super::wire::{Reader, WireError};

/// A row, its columns read by name or index.
#[derive(Debug, Clone)]
pub struct Row {
    columns: Arc<[Column]>,
    page: Arc<Vec<u8>>,
    /// Where in the page each column's value is.
    cells: Vec<Option<Range<usize>>>,
}

impl Row {
    /// Reads a column, by name or by index.
    ///
    /// # Errors
    /// There is no such column, or it can't be read as a `T`.
    pub fn get<T: FromCql>(&self, column: impl ColumnIndex) -> Result<T, CqlError> {
        self.at(column.index(&self.columns)?)
    }

    /// The columns' names and types.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn at<T: FromCql>(&self, index: usize) -> Result<T, CqlError> {
        let column = &self.columns[index];
        let bytes = self.cells[index].clone().map(|range| &self.page[range]);
        T::from_cql(&column.ty, bytes).map_err(|error| {
            let place = format!("column {index} `{}`", column.name);
            CqlError::of_type(error.at(place))
        })
    }

    fn expect_columns(&self, count: usize) -> Result<(), CqlError> {
        if self.columns.len() == count {
            return Ok(());
        }
        let found = self.columns.len();
        let names = list(&self.columns);
        Err(CqlError::new(CqlErrorKind::Type, format!("{found} columns ({names}) read as {count}")))
    }

    /// The row without its first column.
    pub(crate) fn without_first(mut self) -> Option<Self> {
        self.columns = self.columns.get(1..).filter(|rest| !rest.is_empty())?.into();
        self.cells.remove(0);
        Some(self)
    }
}

pub(crate) fn list(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join(", ")
}

/// Reads the rows of a page: `count` × columns of `[bytes]`.
pub(crate) fn read_rows<T: FromRow>(columns: Arc<[Column]>, count: u32, page: Vec<u8>) -> Result<Vec<T>, CqlError> {
    let malformed = |error: WireError| CqlError::new(CqlErrorKind::Type, format!("the host's rows: {error}"));
    // Every cell takes four bytes; so a count is not taken on trust.
    let least = (count as usize).checked_mul(columns.len().max(1)).and_then(|cells| cells.checked_mul(4));
    if least.is_none_or(|least| least > page.len()) {
        let (bytes, columns) = (page.len(), columns.len());
        return Err(malformed(WireError::new(format!("{count} of {columns} columns in {bytes} bytes"))));
    }
    let end = page.len();
    let mut row = Row { cells: Vec::with_capacity(columns.len()), columns, page: Arc::new(page) };
    let page = row.page.clone();
    let mut reader = Reader::new(&page);
    let mut rows = Vec::with_capacity(count as usize);
    for _ in 0..count {
        row.cells.clear();
        for _ in 0..row.columns.len() {
            let cell = reader.bytes().map_err(malformed)?;
            let stop = end - reader.remaining();
            row.cells.push(cell.map(|cell| stop - cell.len()..stop));
        }
        rows.push(T::from_row(&row)?);
    }
    Ok(rows)
}

/// A column's name, or its index from 0.
pub trait ColumnIndex {
    /// The index among `columns`.
    ///
    /// # Errors
    /// There is no such column.
    fn index(&self, columns: &[Column]) -> Result<usize, CqlError>;
}

impl ColumnIndex for usize {
    fn index(&self, columns: &[Column]) -> Result<usize, CqlError> {
        let count = columns.len();
        let found = (*self < count).then_some(*self);
        found.ok_or_else(|| CqlError::new(CqlErrorKind::Type, format!("no column {self}, there are {count}")))
    }
}

impl ColumnIndex for &str {
    fn index(&self, columns: &[Column]) -> Result<usize, CqlError> {
        columns.iter().position(|column| column.name == *self).ok_or_else(|| {
            let message = format!("no column `{self}`, there are {}", list(columns));
            CqlError::new(CqlErrorKind::Type, message)
        })
    }
}

/// A type that a whole row can be read as: a tuple of its columns, one value where there is one column, a [`Row`], or a
/// struct by [`from_row!`](crate::from_row).
pub trait FromRow: Sized {
    /// Reads the row.
    ///
    /// # Errors
    /// The columns are not those of the type, in number, name or type.
    fn from_row(row: &Row) -> Result<Self, CqlError>;
}

impl FromRow for Row {
    fn from_row(row: &Row) -> Result<Self, CqlError> {
        Ok(row.clone())
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $i:tt),+;)*) => {$(
        impl<$($name: FromCql),+> FromRow for ($($name,)+) {
            fn from_row(row: &Row) -> Result<Self, CqlError> {
                row.expect_columns($count)?;
                Ok(($(row.at::<$name>($i)?,)+))
            }
        }
    )*};
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

/// Tuples are rows, so a blanket implementation for all values is not possible: each is named.
macro_rules! single_values {
    ($([$($generics:tt)*] $ty:ty;)*) => {$(
        impl<$($generics)*> FromRow for $ty where $ty: FromCql {
            fn from_row(row: &Row) -> Result<Self, CqlError> {
                row.expect_columns(1)?;
                row.at(0)
            }
        }
    )*};
}

single_values! {
    [] bool; [] i8; [] i16; [] i32; [] i64; [] f32; [] f64; [] String; [] std::net::IpAddr;
    [] super::Uuid; [] super::Timestamp; [] super::Date; [] super::Time; [] super::Duration; [] super::Varint;
    [] super::Decimal; [] super::Udt; [] super::Value;
    [T] Option<T>; [T] Vec<T>; [T, const N: usize] [T; N];
    [T, S] std::collections::HashSet<T, S>; [T] std::collections::BTreeSet<T>;
    [K, V, S] std::collections::HashMap<K, V, S>; [K, V] std::collections::BTreeMap<K, V>;
}

/// Reads rows as a struct, columns by name; columns without a field are ignored.
///
/// ```
/// struct Stock {
///     sku: String,
///     left: i32,
/// }
/// veltrix_sdk::from_row!(Stock { sku, left = "amount_left" });
/// ```
#[macro_export]
macro_rules! from_row {
    ($name:ident { $($field:ident $(= $column:literal)?),+ $(,)? }) => {
        impl $crate::cql::FromRow for $name {
            fn from_row(row: &$crate::cql::Row) -> ::std::result::Result<Self, $crate::cql::CqlError> {
                Ok(Self { $($field: row.get($crate::__field_name!($field $($column)?))?),+ })
            }
        }
    };
}

impl CqlError {
    pub(crate) fn of_type(error: ValueError) -> Self {
        Self::new(CqlErrorKind::Type, error.to_string())
    }
}
