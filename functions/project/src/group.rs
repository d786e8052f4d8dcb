//! [`Groups`]: the events of a call by the bucket that they count in.

use std::collections::HashMap;

use function_common::{Document, Found, Kind, Mapping};
use veltrix_sdk::cql::{CqlType, MaybeUnset, Timestamp, Value};
use veltrix_sdk::{Error, Event, Result};

use crate::marks::Mark;
use crate::setup::Setup;
use crate::sum::Sum;

/// The events of a call that count in one bucket.
#[derive(Debug)]
pub(crate) struct Group {
    /// The partition of the table: the columns of the key, and the bucket.
    pub(crate) key: Vec<Value>,
    pub(crate) events: Vec<Counted>,
}

/// What an event adds.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Its row in the batch.
    pub(crate) row: usize,
    pub(crate) mark: Mark,
    pub(crate) sums: Vec<Sum>,
}

#[derive(Debug, Default)]
pub(crate) struct Groups(HashMap<Vec<Option<Vec<u8>>>, Group>);

impl Groups {
    /// Puts an event where it counts.
    ///
    /// # Errors
    /// A field is not there, or of another type: to the dead letters.
    pub(crate) fn take(&mut self, setup: &Setup, row: usize, event: &Event) -> Result<()> {
        if event.is_tombstone() {
            // It says that its key is deleted: nothing that could be counted.
            return Err(Error::skip());
        }
        let document = Document::of(event);
        let mut key = Vec::with_capacity(setup.key.len() + 1);
        for mapping in &setup.key {
            key.extend(read(mapping, &document)?);
        }
        key.push(Value::new(bucket(setup, &document)?)?);
        let sums = setup.sums.iter().map(|mapping| match read(mapping, &document)? {
            None => Ok(Sum::default()),
            Some(value) => Sum::of(&value).ok_or_else(overflow),
        });
        let sums = sums.collect::<Result<Vec<Sum>>>()?;
        let mark = Mark::of(event).ok_or_else(|| {
            // The host asks anew every 5 s.
            Error::retry_after(std::time::Duration::from_secs(5))
                .with_message("the host does not know the ids of the topic and its cluster: nothing names the event")
        })?;
        let name = key.iter().map(|value| value.as_bytes().map(<[u8]>::to_vec)).collect();
        let group = self.0.entry(name).or_insert_with(|| Group { key, events: Vec::new() });
        group.events.push(Counted { row, mark, sums });
        Ok(())
    }
}

impl IntoIterator for Groups {
    type Item = Group;
    type IntoIter = std::collections::hash_map::IntoValues<Vec<Option<Vec<u8>>>, Group>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_values()
    }
}

pub(crate) fn overflow() -> Error {
    Error::dead_letter("overflow").with_message("the sum has no room for what the event adds")
}

fn read(mapping: &Mapping, document: &Document<'_>) -> Result<Option<Value>> {
    Ok(match mapping.read(document)? {
        MaybeUnset::Set(value) => value,
        MaybeUnset::Unset => None,
    })
}

/// The start of the bucket that the event's time is in.
fn bucket(setup: &Setup, document: &Document<'_>) -> Result<Timestamp> {
    let missing = |what: &str| Err(Error::dead_letter(format!("{} is {what}", setup.time)));
    match document.field(&setup.time, &Kind::Cql(CqlType::Timestamp))? {
        Found::Value(time) => {
            let time = time.get::<Timestamp>()?.as_millis();
            Ok(Timestamp::from_millis(time.div_euclid(setup.bucket).saturating_mul(setup.bucket)))
        }
        Found::Null => missing("null"),
        Found::Missing => missing("missing"),
    }
}
