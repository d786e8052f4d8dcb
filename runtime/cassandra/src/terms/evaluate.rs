//! Terms to values.

use bytes::Bytes;

use super::{Inputs, Term};
use crate::api::{Bound, Error};
use crate::types::CqlType;
use crate::types::collection::{
    count, elements, encode, encode_fields, encode_pairs, encode_vector, fields, normalize,
};

impl Term {
    /// # Errors
    /// Of bound values, in Cassandra's words, and of functions.
    pub(crate) fn evaluate(&self, inputs: &Inputs<'_>) -> Result<Bound, Error> {
        let known = |value: Option<Bytes>| value.map_or(Bound::Null, Bound::Value);
        Ok(match self {
            Self::Constant(value) => known(value.clone()),
            Self::Marker { index, of } => match inputs.bound.get(*index) {
                Some(Bound::Value(value)) => {
                    of.validate(value).map_err(Error::Invalid)?;
                    Bound::Value(normalize(of, value))
                }
                Some(Bound::Unset) => Bound::Unset,
                Some(Bound::Null) | None => Bound::Null,
            },
            Self::Input(at) => known(inputs.columns.get(*at).cloned().flatten()),
            Self::Aggregate(at) => known(inputs.aggregates.get(*at).cloned().flatten()),
            Self::List { items, sorted } => {
                let mut values = present(items, inputs, "null is not supported inside collections")?;
                if let Some(element) = sorted {
                    values.sort_by(|a, b| element.compare(a, b));
                    values.dedup_by(|a, b| element.compare(a, b).is_eq());
                }
                Bound::Value(encode(&values, false))
            }
            Self::Map { key, entries } => {
                let null = || Error::Invalid("null is not supported inside collections".to_owned());
                let mut pairs = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = match key.evaluate(inputs)? {
                        Bound::Value(key) => key,
                        Bound::Null => return Err(null()),
                        Bound::Unset => {
                            return Err(Error::Invalid("unset value is not supported for map keys".to_owned()));
                        }
                    };
                    pairs.push((key, value.value(inputs)?.ok_or_else(null)?));
                }
                Bound::Value(encode_pairs(key, pairs))
            }
            Self::Tuple { of, parts } => Bound::Value(tuple(of, parts, inputs)?),
            Self::Vector { element, items } => {
                let values = present(items, inputs, "null is not supported inside vectors")?;
                Bound::Value(encode_vector(&values, element))
            }
            Self::Call { function, arguments } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(match argument.evaluate(inputs)? {
                        Bound::Value(value) => Some(value),
                        Bound::Null => None,
                        Bound::Unset => {
                            return Err(Error::Invalid(format!(
                                "Invalid unset value for argument in call to function {}",
                                function.name
                            )));
                        }
                    });
                }
                known(function.call(&values)?)
            }
            Self::Field(value, at) => {
                let value = value.value(inputs)?;
                known(value.and_then(|value| fields(&value).nth(*at).flatten().map(Bytes::copy_from_slice)))
            }
            Self::Element { value, of, key, name } => {
                let key = selecting(key, "element", name, inputs)?;
                known(value.value(inputs)?.and_then(|value| element(of, &value, &key)))
            }
            Self::Slice { value, of, from, to, name } => {
                let bound = |bound: &Option<Box<Self>>| match bound {
                    Some(bound) => selecting(bound, "slice", name, inputs).map(Some),
                    None => Ok(None),
                };
                let (from, to) = (bound(from)?, bound(to)?);
                let slice = value.value(inputs)?.map(|value| slice(of, &value, from.as_deref(), to.as_deref()));
                // A collection with a cell for each element has none if it is empty.
                known(slice.filter(|slice| !of.is_multicell() || count(slice) > 0))
            }
        })
    }

    /// The value where nothing can stay as it is.
    ///
    /// # Errors
    /// As `evaluate`, and of unset values.
    pub(crate) fn value(&self, inputs: &Inputs<'_>) -> Result<Option<Bytes>, Error> {
        match self.evaluate(inputs)? {
            Bound::Value(value) => Ok(Some(value)),
            Bound::Null => Ok(None),
            Bound::Unset => Err(Error::Invalid("Invalid unset value".to_owned())),
        }
    }
}

/// The key of an element, or the bound of a slice.
fn selecting(key: &Term, what: &str, name: &str, inputs: &Inputs<'_>) -> Result<Bytes, Error> {
    let invalid = |how: &str| Err(Error::Invalid(format!("Invalid {how} value for {what} selection on {name}")));
    match key.evaluate(inputs)? {
        Bound::Value(key) => Ok(key),
        Bound::Null => invalid("null"),
        Bound::Unset => invalid("unset"),
    }
}

fn present(items: &[Term], inputs: &Inputs<'_>, null: &str) -> Result<Vec<Bytes>, Error> {
    items.iter().map(|item| item.value(inputs)?.ok_or_else(|| Error::Invalid(null.to_owned()))).collect()
}

fn tuple(of: &CqlType, parts: &[Term], inputs: &Inputs<'_>) -> Result<Bytes, Error> {
    let mut values = Vec::with_capacity(parts.len());
    for (at, part) in parts.iter().enumerate() {
        values.push(match part.evaluate(inputs)? {
            Bound::Value(value) => Some(value),
            Bound::Null => None,
            // Odd, but what Cassandra does.
            Bound::Unset if of.is_multicell() => Some(Bytes::new()),
            Bound::Unset => {
                return Err(Error::Invalid(match of {
                    CqlType::Udt { definition, .. } => format!(
                        "Invalid unset value for field '{}' of user defined type {}",
                        definition.fields.get(at).map_or("", |(field, _)| field),
                        definition.name
                    ),
                    _ => format!("Invalid unset value for tuple field number {at}"),
                }));
            }
        });
    }
    Ok(encode_fields(&values))
}

/// The value of a map's key, or the element of a set itself.
fn element(of: &CqlType, value: &[u8], key: &[u8]) -> Option<Bytes> {
    match of {
        CqlType::Map { key: by, .. } => {
            let parts: Vec<_> = elements(value, true).flatten().collect();
            let found = parts.chunks_exact(2).find(|pair| by.compare(pair[0], key).is_eq());
            found.map(|pair| Bytes::copy_from_slice(pair[1]))
        }
        CqlType::Set { element: by, .. } => {
            let found = elements(value, false).flatten().find(|element| by.compare(element, key).is_eq());
            found.map(Bytes::copy_from_slice)
        }
        _ => None,
    }
}

fn slice(of: &CqlType, value: &[u8], from: Option<&[u8]>, to: Option<&[u8]>) -> Bytes {
    let (by, width) = match of {
        CqlType::Map { key, .. } => (key, 2),
        CqlType::Set { element, .. } => (element, 1),
        _ => return Bytes::copy_from_slice(value),
    };
    let inside = |key: &[u8]| {
        from.is_none_or(|from| by.compare(key, from).is_ge()) && to.is_none_or(|to| by.compare(key, to).is_le())
    };
    let parts: Vec<_> = elements(value, width == 2).flatten().collect();
    let kept: Vec<_> = parts.chunks_exact(width).filter(|entry| inside(entry[0])).flatten().copied().collect();
    encode(&kept, width == 2)
}
