//! Which partitions a statement is about.

use std::ops::Bound as Range;

use bytes::Bytes;

use super::{Restrictions, Slice, Test, Tuple, Values};
use crate::api::{Bound, Error};
use crate::query::context::{Context, elements, parts};
use crate::schema::Table;
use crate::storage::Key;

/// Partitions, found.
#[derive(Debug)]
pub(crate) enum Keys {
    /// These, in this order.
    Some(Vec<Key>),
    /// All whose token is in the range; both ends belong to it.
    Tokens(i64, i64),
}

impl Keys {
    /// From where a scan begins.
    pub(crate) fn start(from: i64) -> Range<Key> {
        // No key has the least token, and the empty key is before all of its token.
        Range::Included(Key { token: from, bytes: Box::default() })
    }
}

/// The partition key's binary form: several columns each with its length before it and a zero after it.
pub(crate) fn key_of(parts: &[Bytes]) -> Key {
    match parts {
        [one] => Key::new(&**one),
        parts => {
            let mut bytes = Vec::new();
            for part in parts {
                bytes.extend_from_slice(&(part.len() as u16).to_be_bytes());
                bytes.extend_from_slice(part);
                bytes.push(0);
            }
            Key::new(bytes)
        }
    }
}

impl Restrictions {
    /// Finds the partitions.
    pub(crate) fn keys(&self, table: &Table, context: &Context<'_>) -> Result<Keys, Error> {
        let tokens = self.token.as_ref().map(|slice| tokens(slice, context)).transpose()?;
        if !self.whole_key(table) {
            let (from, to) = tokens.unwrap_or((i64::MIN, i64::MAX));
            return Ok(Keys::Tokens(from, to));
        }
        let mut keys: Vec<Vec<Bytes>> = vec![Vec::new()];
        for restriction in &self.partition {
            let column = &table.columns[restriction.columns[0]];
            let mut values = match &restriction.test {
                Test::Equal(value) => vec![first(context, value, &column.name)?],
                Test::In(values) => in_values(context, values, &column.name)?,
                Test::Slice(_) | Test::Contains(_) => Vec::new(),
            };
            if values.len() > 1 {
                values.sort_by(|one, other| column.of.compare(one, other));
                values.dedup();
            }
            keys = keys
                .iter()
                .flat_map(|key| values.iter().map(move |value| key.iter().chain([value]).cloned().collect()))
                .collect();
        }
        let keys = keys.iter().map(|parts| checked(key_of(parts)));
        let inside = |key: &Key| tokens.is_none_or(|(from, to)| (from..=to).contains(&key.token));
        Ok(Keys::Some(keys.filter(|key| key.as_ref().map_or(true, inside)).collect::<Result<_, _>>()?))
    }
}

fn checked(key: Key) -> Result<Key, Error> {
    match key.bytes.len() {
        0 => Err(Error::Invalid("Key may not be empty".into())),
        long @ 65536.. => Err(Error::Invalid(format!("Key length of {long} is longer than maximum of 65535"))),
        _ => Ok(key),
    }
}

/// The values of a tuple; none of them may be null.
pub(super) fn values(context: &Context<'_>, tuple: &Tuple, names: &[&str]) -> Result<Vec<Bytes>, Error> {
    let null = |name: &str| format!("Invalid null value in condition for column {name}");
    let unset = |name: &str| format!("Invalid unset value for column {name}");
    match tuple {
        Tuple::Each(terms) => {
            terms.iter().zip(names).map(|(term, name)| context.required(term, || null(name), || unset(name))).collect()
        }
        Tuple::Whole(term) => {
            let all = names.join(", ");
            let bytes = context.required(term, || null(&all), || unset(&all))?;
            whole(&bytes, names, null)
        }
    }
}

/// As `values`, for `=`, which says it differently of a tuple.
pub(super) fn equal(context: &Context<'_>, tuple: &Tuple, names: &[&str]) -> Result<Vec<Bytes>, Error> {
    match tuple {
        Tuple::Each(terms) if terms.len() > 1 => terms
            .iter()
            .zip(names)
            .map(|(term, name)| {
                context.required(
                    term,
                    || format!("Invalid null value for column {name}"),
                    || format!("Invalid unset value for column {name}"),
                )
            })
            .collect(),
        Tuple::Each(_) => values(context, tuple, names),
        Tuple::Whole(term) => {
            let all = names.join(", ");
            let null = |name: &str| format!("Invalid null value for column {name}");
            whole(
                &context.required(term, || null(&all), || format!("Invalid unset value for column {all}"))?,
                names,
                null,
            )
        }
    }
}

/// The parts of a bound tuple.
pub(super) fn whole(bytes: &[u8], names: &[&str], null: impl Fn(&str) -> String) -> Result<Vec<Bytes>, Error> {
    let mut parts = parts(bytes);
    parts.resize(names.len(), None);
    parts.into_iter().zip(names).map(|(part, name)| part.ok_or_else(|| Error::Invalid(null(name)))).collect()
}

/// The value of a column of the partition key.
fn first(context: &Context<'_>, tuple: &Tuple, name: &str) -> Result<Bytes, Error> {
    Ok(values(context, tuple, &[name])?.swap_remove(0))
}

fn in_values(context: &Context<'_>, said: &Values, name: &str) -> Result<Vec<Bytes>, Error> {
    let mut rows = in_rows(context, said, &[name])?;
    Ok(rows.iter_mut().map(|row| row.swap_remove(0)).collect())
}

/// All values after `IN`, each for as many columns as there are names.
pub(super) fn in_rows(context: &Context<'_>, said: &Values, names: &[&str]) -> Result<Vec<Vec<Bytes>>, Error> {
    match said {
        Values::List(list) => list.iter().map(|tuple| values(context, tuple, names)).collect(),
        Values::Bound(term) => {
            let all = names.join(", ");
            let null = || match names {
                [name] => format!("Invalid null value for column {name}"),
                _ => "Invalid null value for IN restriction".to_owned(),
            };
            let list = context.required(term, null, || format!("Invalid unset value for column {all}"))?;
            elements(&list)
                .into_iter()
                .map(|element| {
                    let message = || Error::Invalid(format!("Invalid null value in condition for column {all}"));
                    let element = element.ok_or_else(message)?;
                    let null = |_: &str| format!("Invalid null value in condition for columns: [{all}]");
                    if names.len() == 1 { Ok(vec![element]) } else { whole(&element, names, null) }
                })
                .collect()
        }
    }
}

/// The range of tokens, both ends in it; empty if the first is beyond the second.
fn tokens(slice: &Slice, context: &Context<'_>) -> Result<(i64, i64), Error> {
    let value = |tuple: &Tuple| match tuple {
        Tuple::Each(terms) => match context.value(&terms[0])? {
            Bound::Value(value) => Ok(value.first_chunk().map_or(i64::MIN, |bytes| i64::from_be_bytes(*bytes))),
            Bound::Null | Bound::Unset => Err(Error::Invalid("Invalid null token value".into())),
        },
        Tuple::Whole(_) => Err(Error::Invalid("Invalid null token value".into())),
    };
    const EMPTY: (i64, i64) = (i64::MAX, i64::MIN);
    let from = slice.lower.as_ref().map(|end| Ok::<_, Error>((value(&end.value)?, end.inclusive))).transpose()?;
    if slice.equal {
        let at = from.map_or(i64::MIN, |(token, _)| token);
        return Ok((at, at));
    }
    let to = slice.upper.as_ref().map(|end| Ok::<_, Error>((value(&end.value)?, end.inclusive))).transpose()?;
    let from = match from {
        Some((token, true)) => token,
        Some((i64::MAX, false)) => return Ok(EMPTY),
        Some((token, false)) => token + 1,
        None => i64::MIN,
    };
    // The least token means the end of the ring if it is where a range ends.
    let to = match to {
        Some((i64::MIN, _)) | None => i64::MAX,
        Some((token, true)) => token,
        Some((token, false)) => token - 1,
    };
    Ok((from, to))
}
