//! [`Rows`] and [`Answer`]: what a scripted statement answers.

use super::Call;
use crate::cql::encode::ToCql;
use crate::cql::error::CqlError;
use crate::cql::value::Value;

/// The rows of a scripted answer.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    pub(super) names: Option<Vec<String>>,
    pub(super) rows: Vec<Vec<Value>>,
    /// Of conditional writes.
    pub(super) applied: Option<bool>,
}

impl Rows {
    /// No rows: nothing found, or a write without a condition.
    pub fn none() -> Self {
        Self::default()
    }

    /// Rows of tuples, or of values where there is one column. The columns take their names from the SELECT's list.
    ///
    /// # Panics
    /// A value has no CQL encoding, like a list with a null.
    pub fn of<R: IntoRow>(rows: impl IntoIterator<Item = R>) -> Self {
        Self { rows: rows.into_iter().map(IntoRow::into_row).collect(), ..Self::default() }
    }

    /// Gives the columns names: for `SELECT *`, and for what a conditional write answers.
    #[must_use]
    pub fn named<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// A conditional write was applied.
    pub fn applied() -> Self {
        Self { applied: Some(true), ..Self::default() }
    }

    /// A conditional write was not applied; the rows are those that the condition was not met by.
    #[must_use]
    pub fn not_applied(mut self) -> Self {
        self.applied = Some(false);
        self
    }
}

/// How a scripted statement answers: with [`Rows`], with a [`CqlError`], or by a closure.
pub trait Answer {
    /// The answer to a call.
    ///
    /// # Errors
    /// What the statement shall fail with.
    fn answer(&mut self, call: &Call) -> Result<Rows, CqlError>;
}

impl Answer for Rows {
    fn answer(&mut self, _: &Call) -> Result<Rows, CqlError> {
        Ok(self.clone())
    }
}

impl Answer for CqlError {
    fn answer(&mut self, _: &Call) -> Result<Rows, CqlError> {
        Err(self.clone())
    }
}

impl<F: FnMut(&Call) -> Result<Rows, CqlError>> Answer for F {
    fn answer(&mut self, call: &Call) -> Result<Rows, CqlError> {
        self(call)
    }
}

/// A scripted row: a tuple, or one value.
pub trait IntoRow {
    /// The values of the columns.
    fn into_row(self) -> Vec<Value>;
}

fn value(value: impl ToCql) -> Value {
    match Value::new(value) {
        Ok(value) => value,
        Err(error) => panic!("a scripted value: {error}"),
    }
}

impl IntoRow for Vec<Value> {
    fn into_row(self) -> Vec<Value> {
        self
    }
}

macro_rules! tuples {
    ($($($name:ident $i:tt),+;)*) => {$(
        impl<$($name: ToCql),+> IntoRow for ($($name,)+) {
            fn into_row(self) -> Vec<Value> {
                vec![$(value(self.$i)),+]
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

macro_rules! single_values {
    ($($ty:ty),+) => {$(
        impl IntoRow for $ty {
            fn into_row(self) -> Vec<Value> {
                vec![value(self)]
            }
        }
    )+};
}

single_values!(bool, i8, i16, i32, i64, f32, f64, &str, String, Vec<u8>, std::net::IpAddr);
single_values!(crate::cql::Uuid, crate::cql::Timestamp, crate::cql::Date, crate::cql::Time, crate::cql::Duration);
single_values!(crate::cql::Varint, crate::cql::Decimal, crate::cql::Udt, Value);
