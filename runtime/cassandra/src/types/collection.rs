//! Collections, tuples and vectors in their binary form, taken apart and put together.

use bytes::Bytes;

use super::{CqlType, vint};

/// The parts of a list or set (its elements) or a map (key, value, key, value, …), of bytes that were validated;
/// whatever else the bytes are ends the parts.
pub(crate) fn elements(bytes: &[u8], map: bool) -> impl Iterator<Item = Option<&[u8]>> {
    let count = take_length(&mut &*bytes).unwrap_or(0).max(0) as usize;
    let mut rest = bytes.get(4..).unwrap_or_default();
    let parts = if map { count * 2 } else { count };
    (0..parts).map_while(move |_| take_part(&mut rest))
}

/// How many elements or pairs a collection has.
pub(crate) fn count(bytes: &[u8]) -> usize {
    take_length(&mut &*bytes).unwrap_or(0).max(0) as usize
}

/// A list or set of these elements, or a map of these keys and values in turns.
pub(crate) fn encode<T: AsRef<[u8]>>(parts: &[T], map: bool) -> Bytes {
    let count = if map { parts.len() / 2 } else { parts.len() };
    let mut out = Vec::with_capacity(4 + parts.iter().map(|part| 4 + part.as_ref().len()).sum::<usize>());
    out.extend_from_slice(&(count as i32).to_be_bytes());
    for part in parts {
        put_part(Some(part.as_ref()), &mut out);
    }
    out.into()
}

/// The parts of a tuple or user-defined type; there may be fewer than the type has.
pub(crate) fn fields(bytes: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = bytes;
    std::iter::from_fn(move || take_part(&mut rest))
}

/// A tuple or user-defined type of these parts.
pub(crate) fn encode_fields<T: AsRef<[u8]>>(parts: &[Option<T>]) -> Bytes {
    let mut out = Vec::new();
    for part in parts {
        put_part(part.as_ref().map(AsRef::as_ref), &mut out);
    }
    out.into()
}

/// The elements of a vector; fewer if the bytes are not one.
pub(crate) fn vector<'a>(bytes: &'a [u8], element: &CqlType, dimension: u16) -> Vec<&'a [u8]> {
    if let Some(length) = fixed_length(element) {
        return bytes.chunks_exact(length.max(1)).take(usize::from(dimension)).collect();
    }
    let mut rest = bytes;
    let mut parts = Vec::new();
    while parts.len() < usize::from(dimension) {
        let Some(part) = vint::take(&mut rest).and_then(|length| rest.split_at_checked(length as usize)) else { break };
        parts.push(part.0);
        rest = part.1;
    }
    parts
}

/// A vector of these elements.
pub(crate) fn encode_vector<T: AsRef<[u8]>>(parts: &[T], element: &CqlType) -> Bytes {
    let fixed = fixed_length(element).is_some();
    let mut out = Vec::new();
    for part in parts {
        if !fixed {
            vint::put(part.as_ref().len() as u64, &mut out);
        }
        out.extend_from_slice(part.as_ref());
    }
    out.into()
}

/// The length of each value, for types that a vector holds without telling lengths.
pub(crate) fn fixed_length(of: &CqlType) -> Option<usize> {
    match of {
        CqlType::Boolean => Some(1),
        CqlType::Int | CqlType::Float => Some(4),
        CqlType::Bigint | CqlType::Double | CqlType::Timestamp => Some(8),
        CqlType::Uuid | CqlType::Timeuuid => Some(16),
        CqlType::Vector { element, dimension } => fixed_length(element).map(|length| length * usize::from(*dimension)),
        _ => None,
    }
}

/// Takes a length of four bytes from the front.
pub(super) fn take_length(bytes: &mut &[u8]) -> Option<i32> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*length))
}

/// Takes a length and as many bytes; `Some(None)` is a null.
pub(super) fn take_part<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take_length(bytes)?;
    let Ok(length) = usize::try_from(length) else { return Some(None) };
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Some(part))
}

fn put_part(part: Option<&[u8]>, out: &mut Vec<u8>) {
    match part {
        Some(part) => {
            out.extend_from_slice(&(part.len() as i32).to_be_bytes());
            out.extend_from_slice(part);
        }
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
    }
}

/// A bound collection as Cassandra keeps it: sets and maps in order, each element or key once.
pub(crate) fn normalize(of: &CqlType, bytes: &Bytes) -> Bytes {
    match of {
        CqlType::Set { element, .. } => {
            let mut parts: Vec<_> = elements(bytes, false).flatten().collect();
            parts.sort_by(|a, b| element.compare(a, b));
            parts.dedup_by(|a, b| element.compare(a, b).is_eq());
            encode(&parts, false)
        }
        CqlType::Map { key, .. } => {
            let parts: Vec<_> = elements(bytes, true).flatten().collect();
            let pairs = parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            encode_pairs(key, pairs)
        }
        _ => bytes.clone(),
    }
}

/// A map of these pairs in the order of their keys; of equal keys the last one's value counts.
pub(crate) fn encode_pairs<T: AsRef<[u8]>>(key: &CqlType, mut pairs: Vec<(T, T)>) -> Bytes {
    pairs.reverse();
    pairs.sort_by(|a, b| key.compare(a.0.as_ref(), b.0.as_ref()));
    pairs.dedup_by(|a, b| key.compare(a.0.as_ref(), b.0.as_ref()).is_eq());
    let parts: Vec<_> = pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
    encode(&parts, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_apart_what_it_put_together() {
        let list = encode(&[b"a".as_slice(), b"", b"ccc"], false);
        let parts: Vec<_> = elements(&list, false).collect();
        assert_eq!(parts, [Some(b"a".as_slice()), Some(b""), Some(b"ccc")]);
        let tuple = encode_fields(&[Some(b"a".as_slice()), None]);
        assert_eq!(fields(&tuple).collect::<Vec<_>>(), [Some(b"a".as_slice()), None]);
        let words = encode_vector(&[b"a".as_slice(), b"bb"], &CqlType::Text);
        assert_eq!(vector(&words, &CqlType::Text, 2), [b"a".as_slice(), b"bb"]);
    }

    #[test]
    fn ends_where_the_bytes_do() {
        assert_eq!(elements(&[0xff; 3], false).count(), 0);
        assert_eq!(elements(&i32::MAX.to_be_bytes(), true).count(), 0);
        assert_eq!(fields(&[0, 0, 0, 9, 1]).count(), 0);
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let map = encode_pairs(&CqlType::Text, vec![("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(map, encode(&["a", "2", "b", "3"], true));
    }
}
