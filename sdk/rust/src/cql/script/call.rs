//! [`Call`]: a statement that was executed in a unit test.

use crate::cql::decode::FromCql;
use crate::cql::error::ValueError;
use crate::cql::options::{Consistency, SerialConsistency};
use crate::cql::types::CqlType;
use crate::cql::value::Value;
use crate::host::Options;

/// A statement that was executed in a unit test.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) event: u32,
    pub(super) text: String,
    pub(super) names: Vec<String>,
    /// `None` is unset.
    pub(super) values: Vec<Option<Value>>,
    pub(super) options: Options,
    pub(super) batch: Option<usize>,
}

impl Call {
    /// The text, with single spaces.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The row in its batch of the event that the call was made for; `u32::MAX` for none.
    pub fn event(&self) -> u32 {
        self.event
    }

    /// The value of a parameter, counted from 0.
    ///
    /// # Errors
    /// There is no such parameter, it is unset, or it can't be read as a `T`.
    pub fn get<T: FromCql>(&self, index: usize) -> Result<T, ValueError> {
        let missing = |what| ValueError::invalid(&CqlType::Any, format_args!("parameter {index} {what}"));
        let value = self.values.get(index).ok_or_else(|| missing("is not there"))?;
        value.as_ref().ok_or_else(|| missing("is unset"))?.get()
    }

    /// The value of a parameter by its name: of `:name`, or of the column that a `?` goes to.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn named<T: FromCql>(&self, name: &str) -> Result<T, ValueError> {
        let index = self.names.iter().position(|other| other == name);
        let names: Vec<_> = self.names.iter().map(String::as_str).collect();
        self.get(index.ok_or_else(|| ValueError::no_field(name, &names))?)
    }

    /// Whether a parameter was left unset.
    pub fn is_unset(&self, index: usize) -> bool {
        matches!(self.values.get(index), Some(None))
    }

    /// The batch it was part of, counted from 0.
    pub fn batch(&self) -> Option<usize> {
        self.batch
    }

    /// The consistency that was asked for; `None`: the binding's.
    pub fn consistency(&self) -> Option<Consistency> {
        use Consistency::*;
        let all = [Any, One, Two, Three, Quorum, All, LocalQuorum, EachQuorum, Serial, LocalSerial, LocalOne];
        all.get(usize::from(self.options.consistency)).copied()
    }

    /// The serial consistency that was asked for; `None`: the binding's.
    pub fn serial(&self) -> Option<SerialConsistency> {
        let all = [SerialConsistency::Serial, SerialConsistency::LocalSerial];
        all.into_iter().find(|serial| *serial as u16 == self.options.serial)
    }

    /// The timestamp of the write in microseconds, if one was given.
    pub fn timestamp(&self) -> Option<i64> {
        self.options.timestamp
    }

    /// Whether the write takes the event's timestamp.
    pub fn is_event_time(&self) -> bool {
        self.options.is_event_time()
    }

    /// Whether it was said to be idempotent.
    pub fn is_idempotent(&self) -> bool {
        self.options.is_idempotent()
    }
}
