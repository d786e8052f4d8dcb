//! [`Source`]: where in an event a field is; [`Document`]: an event's value, read at most once.

use std::cell::OnceCell;
use std::fmt;

use veltrix_sdk::cql::{Timestamp, Value};
use veltrix_sdk::{DecodeError, Error, Event, Result};

use crate::convert::{from_json, from_text};
use crate::json::Json;
use crate::kind::Kind;
use crate::pointer::Pointer;

/// Where in an event a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `/a/b`: in the value, as JSON; `value`: all of it.
    Value(Pointer),
    /// `key`: the key, as text (or bytes, for a blob).
    Key,
    /// `key:/a/b`: in the key, as JSON.
    KeyJson(Pointer),
    /// `topic`, `partition`, `offset`, `timestamp`: where the event is, and its time.
    Topic,
    /// See [`Source::Topic`].
    Partition,
    /// See [`Source::Topic`].
    Offset,
    /// See [`Source::Topic`].
    Timestamp,
}

impl Source {
    /// Reads where a field is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "key" => Self::Key,
            "value" => Self::Value(Pointer::parse("")?),
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            "offset" => Self::Offset,
            "timestamp" => Self::Timestamp,
            _ => match text.strip_prefix("key:") {
                Some(pointer) => Self::KeyJson(Pointer::parse(pointer)?),
                None if text.starts_with('/') => Self::Value(Pointer::parse(text)?),
                None => {
                    return Err(format!(
                        "{text:?} is no place in an event: write a JSON pointer like /customer/id, key, key:/pointer, \
                         value, topic, partition, offset or timestamp"
                    ));
                }
            },
        })
    }

    /// Whether it is there in a tombstone, too.
    pub fn needs_no_value(&self) -> bool {
        !matches!(self, Self::Value(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(pointer) if pointer.tokens().is_empty() => f.write_str("value"),
            Self::Value(pointer) => pointer.fmt(f),
            Self::Key => f.write_str("key"),
            Self::KeyJson(pointer) => write!(f, "key:{pointer}"),
            Self::Topic => f.write_str("topic"),
            Self::Partition => f.write_str("partition"),
            Self::Offset => f.write_str("offset"),
            Self::Timestamp => f.write_str("timestamp"),
        }
    }
}

/// A field of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Value(Value),
    /// It is there, and `null`.
    Null,
    /// It is not there.
    Missing,
}

/// An event whose value and key are read as JSON when first asked for.
#[derive(Debug)]
pub struct Document<'e> {
    event: &'e Event,
    value: OnceCell<Json<'e>>,
    key: OnceCell<Json<'e>>,
}

impl<'e> Document<'e> {
    /// An event's.
    pub fn of(event: &'e Event) -> Self {
        Self { event, value: OnceCell::new(), key: OnceCell::new() }
    }

    /// The value.
    ///
    /// # Errors
    /// A tombstone, or no JSON: to the dead letters, reason `decode`.
    pub fn value(&self) -> Result<Json<'e>> {
        let bytes = self.event.value().ok_or_else(|| DecodeError::new("event is a tombstone: it has no value"))?;
        read(&self.value, bytes)
    }

    fn key(&self) -> Result<Option<Json<'e>>> {
        self.event.key().map(|bytes| read(&self.key, bytes)).transpose()
    }

    /// The JSON value there; of what is no JSON, none.
    pub(crate) fn json(&self, source: &Source) -> Result<Option<Json<'e>>> {
        Ok(match source {
            Source::Value(pointer) => self.value()?.get(pointer),
            Source::KeyJson(pointer) => self.key()?.and_then(|key| key.get(pointer)),
            _ => None,
        })
    }

    /// The field of that kind.
    ///
    /// # Errors
    /// No JSON, or a value of another type: to the dead letters, for a reason that names the place and the kind.
    pub fn field(&self, source: &Source, kind: &Kind) -> Result<Found> {
        let wrong = |what: &str| {
            let reason = format!("{source} is no {kind}");
            Err(Error::dead_letter(reason).with_message(format!("{source} is {what}, which is no {kind}")))
        };
        let plain = |text: Option<String>| match text {
            None => Ok(Found::Missing),
            Some(text) => from_text(&text, kind).map_or_else(|| wrong("another text"), |value| Ok(Found::Value(value))),
        };
        match source {
            Source::Value(_) | Source::KeyJson(_) => match self.json(source)? {
                None => Ok(Found::Missing),
                Some(json) if json.is_null() && *kind != Kind::Json => Ok(Found::Null),
                Some(json) => {
                    from_json(json, kind).map_or_else(|| wrong(json.describe()), |value| Ok(Found::Value(value)))
                }
            },
            Source::Key => match (self.event.key(), kind) {
                (None, _) => Ok(Found::Missing),
                (Some(bytes), Kind::Cql(veltrix_sdk::cql::CqlType::Blob)) => Ok(Found::Value(Value::new(bytes)?)),
                (Some(bytes), _) => match std::str::from_utf8(bytes) {
                    Ok(text) => plain(Some(text.to_owned())),
                    Err(_) => wrong("not UTF-8"),
                },
            },
            Source::Topic => plain(Some(self.event.topic().to_owned())),
            Source::Partition => plain(Some(self.event.partition().to_string())),
            Source::Offset => plain(Some(self.event.offset().to_string())),
            Source::Timestamp => match (self.event.timestamp_ms(), kind) {
                (Some(ms), Kind::Cql(veltrix_sdk::cql::CqlType::Timestamp)) => {
                    Ok(Found::Value(Value::new(Timestamp::from_millis(ms))?))
                }
                (ms, _) => plain(ms.map(|ms| ms.to_string())),
            },
        }
    }
}

fn read<'e>(kept: &OnceCell<Json<'e>>, bytes: &'e [u8]) -> Result<Json<'e>> {
    if let Some(json) = kept.get() {
        return Ok(*json);
    }
    let json = Json::parse(bytes).map_err(DecodeError::new)?;
    Ok(*kept.get_or_init(|| json))
}
