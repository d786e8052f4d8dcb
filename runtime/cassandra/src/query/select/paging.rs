//! Where a page ended, as clients hand it back.

use bytes::Bytes;

use crate::api::Error;
use crate::storage::Key;

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The partition of the last row.
    pub(super) key: Key,
    /// The last row; `None`: the partition had nothing but its static row.
    pub(super) clustering: Option<Vec<u8>>,
    /// What the limit leaves.
    pub(super) remaining: u32,
    /// Rows that the last partition gave.
    pub(super) in_partition: u32,
}

/// First byte; another one for another form.
const VERSION: u8 = 1;

impl Cursor {
    pub(super) fn write(&self, digest: u64) -> Bytes {
        let mut out = vec![VERSION];
        out.extend_from_slice(&digest.to_be_bytes());
        out.extend_from_slice(&self.key.token.to_be_bytes());
        out.extend_from_slice(&self.remaining.to_be_bytes());
        out.extend_from_slice(&self.in_partition.to_be_bytes());
        out.extend_from_slice(&(self.key.bytes.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.key.bytes);
        if let Some(clustering) = &self.clustering {
            out.push(1);
            out.extend_from_slice(clustering);
        }
        out.into()
    }

    /// # Errors
    /// It isn't one, or it is another statement's.
    pub(super) fn read(bytes: &[u8], digest: u64) -> Result<Self, Error> {
        Self::parse(bytes, digest).ok_or_else(|| Error::Protocol("Invalid value for the paging state".into()))
    }

    fn parse(bytes: &[u8], digest: u64) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        let (found, bytes) = bytes.split_first_chunk::<8>()?;
        if *version != VERSION || u64::from_be_bytes(*found) != digest {
            return None;
        }
        let (token, bytes) = bytes.split_first_chunk::<8>()?;
        let (remaining, bytes) = bytes.split_first_chunk::<4>()?;
        let (in_partition, bytes) = bytes.split_first_chunk::<4>()?;
        let (length, bytes) = bytes.split_first_chunk::<4>()?;
        let (key, bytes) = bytes.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let clustering = match bytes.split_first() {
            None => None,
            Some((1, clustering)) => Some(clustering.to_vec()),
            Some(_) => return None,
        };
        Some(Self {
            key: Key { token: i64::from_be_bytes(*token), bytes: key.into() },
            clustering,
            remaining: u32::from_be_bytes(*remaining),
            in_partition: u32::from_be_bytes(*in_partition),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_by_its_statement_only() {
        for clustering in [None, Some(Vec::new()), Some(vec![0, 1, 7])] {
            let cursor = Cursor { key: Key::new(*b"key"), clustering, remaining: 9, in_partition: 2 };
            let state = cursor.write(42);
            assert_eq!(Cursor::read(&state, 42), Ok(cursor));
            assert!(Cursor::read(&state, 43).is_err());
            assert!(Cursor::read(&state[..12], 42).is_err());
        }
        assert!(Cursor::read(b"", 42).is_err());
    }
}
