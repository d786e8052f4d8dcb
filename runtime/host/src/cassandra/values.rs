//! Bound values, passed through as the guest encoded them.

use bytes::Bytes;
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;

/// CQL `[value]`s back to back: a big-endian s32 length (-1 null, -2 unset), and as many bytes. Checked when built.
#[derive(Debug, Clone)]
pub(super) struct Values(Bytes);

impl Values {
    /// Takes all of `bytes` as `count` values. The error says what is malformed.
    pub(super) fn new(bytes: Bytes, count: usize) -> Result<Self, String> {
        match split(&bytes, 0, count)? {
            end if end == bytes.len() => Ok(Self(bytes)),
            end => Err(format!("expected {count} values, found {} bytes after them", bytes.len() - end)),
        }
    }

    /// Takes `bytes` as the values of several statements in order, each with its count.
    pub(super) fn split(bytes: &Bytes, counts: impl Iterator<Item = usize>) -> Result<Vec<Self>, String> {
        let mut rows = Vec::with_capacity(counts.size_hint().0);
        let mut start = 0;
        for (i, count) in counts.enumerate() {
            let end = split(bytes, start, count).map_err(|error| format!("statement {i} of the batch: {error}"))?;
            rows.push(Self(bytes.slice(start..end)));
            start = end;
        }
        match start == bytes.len() {
            true => Ok(rows),
            false => Err(format!("found {} bytes after the values of all statements", bytes.len() - start)),
        }
    }
}

/// The position after `count` values from `start`.
fn split(bytes: &[u8], start: usize, count: usize) -> Result<usize, String> {
    let mut rest = &bytes[start..];
    for i in 0..count {
        let Some((length, after)) = rest.split_first_chunk() else {
            return Err(format!("expected {count} values, found {i}"));
        };
        rest = match i32::from_be_bytes(*length) {
            -1 | -2 => after,
            length => {
                let value = usize::try_from(length).ok().and_then(|length| after.get(length..));
                value.ok_or_else(|| format!("value {i} has length {length}, {} bytes are left", after.len()))?
            }
        };
    }
    Ok(bytes.len() - rest.len())
}

impl SerializeRow for Values {
    fn serialize(&self, _: &RowSerializationContext<'_>, writer: &mut RowWriter<'_>) -> Result<(), SerializationError> {
        let mut rest = &self.0[..];
        while let Some((length, after)) = rest.split_first_chunk() {
            let cell = writer.make_cell_writer();
            rest = match i32::from_be_bytes(*length) {
                -1 => {
                    cell.set_null();
                    after
                }
                -2 => {
                    cell.set_unset();
                    after
                }
                // Lengths were checked by `new`.
                length => {
                    let (value, after) = after.split_at_checked(length as usize).unwrap_or((after, &[]));
                    cell.set_value(value).map_err(SerializationError::new)?;
                    after
                }
            };
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(values: &[Result<Vec<u8>, i32>]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            match value {
                Ok(bytes) => {
                    out.extend((bytes.len() as i32).to_be_bytes());
                    out.extend(bytes);
                }
                Err(length) => out.extend(length.to_be_bytes()),
            }
        }
        out
    }

    fn written(values: &Values) -> Vec<u8> {
        let mut out = Vec::new();
        values.serialize(&RowSerializationContext::empty(), &mut RowWriter::new(&mut out)).unwrap();
        out
    }

    #[test]
    fn refuses_what_is_malformed_and_says_what() {
        let two = encode(&[Ok(vec![1, 2]), Err(-1)]);
        for (bytes, count, message) in [
            (two.clone(), 1, "found 4 bytes after"),
            (two.clone(), 3, "expected 3 values, found 2"),
            (encode(&[Err(-3)]), 1, "length -3"),
            (encode(&[Err(5)]), 1, "length 5, 0 bytes are left"),
            (vec![0, 0], 1, "expected 1 values, found 0"),
            (vec![1], 0, "found 1 bytes after"),
        ] {
            let error = Values::new(bytes.into(), count).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn gives_each_statement_of_a_batch_its_values() {
        let bytes = Bytes::from(encode(&[Ok(vec![1]), Err(-2), Ok(vec![])]));
        let rows = Values::split(&bytes, [1, 0, 2].into_iter()).unwrap();
        assert_eq!(rows.iter().map(written).collect::<Vec<_>>().concat(), bytes);
        assert_eq!(written(&rows[0]), encode(&[Ok(vec![1])]));
        assert!(rows[1].is_empty());
        assert!(Values::split(&bytes, [1, 1].into_iter()).unwrap_err().contains("after the values of all"));
        assert!(Values::split(&bytes, [1, 3].into_iter()).unwrap_err().contains("statement 1 of the batch"));
    }

    proptest! {
        #[test]
        fn what_goes_in_goes_out(values in proptest::collection::vec(
            prop_oneof![any::<Vec<u8>>().prop_map(Ok), Just(Err(-1)), Just(Err(-2))], 0..8)) {
            let bytes = encode(&values);
            let checked = Values::new(bytes.clone().into(), values.len()).unwrap();
            prop_assert_eq!(written(&checked), bytes);
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>, count in 0..5usize) {
            if let Ok(values) = Values::new(bytes.clone().into(), count) {
                prop_assert_eq!(written(&values), bytes);
            }
        }
    }
}
