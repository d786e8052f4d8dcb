//! Reads what the host hands over: bounds are checked, and nothing is allocated on the word of a count.

use std::fmt;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireError(String);

impl WireError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A cursor over big-endian bytes.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return Err(WireError::new(format!("{len} bytes announced, {} left", self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(WireError::new(format!("{N} bytes expected, {} left", self.rest.len())));
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, WireError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A `[string]`: u16 length, UTF-8.
    pub(crate) fn string(&mut self) -> Result<&'a str, WireError> {
        let len = self.u16()?;
        str::from_utf8(self.take(len.into())?).map_err(|_| WireError::new("a name is not UTF-8"))
    }

    /// A `[bytes]`: i32 length, negative for null.
    pub(crate) fn bytes(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        let len = self.i32()?;
        usize::try_from(len).ok().map(|len| self.take(len)).transpose()
    }

    /// A count of things that take at least `width` bytes each; more than can be there is an error.
    pub(crate) fn count(&mut self, width: usize) -> Result<usize, WireError> {
        let count = self.i32()?;
        match usize::try_from(count) {
            Ok(count) if count.checked_mul(width).is_some_and(|bytes| bytes <= self.rest.len()) => Ok(count),
            _ => Err(WireError::new(format!("{count} elements announced, {} bytes left", self.rest.len()))),
        }
    }

    /// Cassandra's unsigned variable-length integer: as many leading ones in the first byte as bytes follow.
    pub(crate) fn vint(&mut self) -> Result<u64, WireError> {
        let [first] = self.array()?;
        let extra = first.leading_ones() as usize;
        let mut value = u64::from(first) & (0xff >> extra);
        for byte in self.take(extra)? {
            value = value << 8 | u64::from(*byte);
        }
        Ok(value)
    }
}

/// Appends an unsigned variable-length integer.
pub(crate) fn write_vint(value: u64, out: &mut Vec<u8>) {
    let bits = 64 - value.leading_zeros() as usize;
    // Each byte after the first adds seven bits; the ninth adds eight.
    let extra = (bits.saturating_sub(1) / 7).min(8);
    let bytes = value.to_be_bytes();
    let marker = !(0xff >> extra) as u8;
    out.push(if extra == 8 { marker } else { marker | bytes[7 - extra] });
    out.extend_from_slice(&bytes[8 - extra..]);
}
