//! [`Varint`]: whole numbers of any size.

use std::fmt;
use std::str::FromStr;

use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::types::CqlType;

/// The largest power of ten in a `u32`, and its exponent: numbers are turned into text nine digits at a time.
const CHUNK: u64 = 1_000_000_000;
const CHUNK_DIGITS: usize = 9;

/// A `varint`: a whole number of any size.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Varint(
    /// Two's complement, big-endian, no byte more than needed; so equal numbers have equal bytes.
    Vec<u8>,
);

impl Varint {
    /// From two's complement, big-endian, of any length; no bytes are 0.
    pub fn from_be_bytes(bytes: &[u8]) -> Self {
        let mut bytes = bytes;
        while let [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..] = bytes {
            bytes = &bytes[1..];
        }
        Self(if bytes.is_empty() { vec![0] } else { bytes.to_vec() })
    }

    /// Two's complement, big-endian, as short as it can be.
    pub fn as_be_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0[0] >> 7 == 1
    }

    /// The digits without a sign.
    pub(crate) fn digits(&self) -> String {
        let mut limbs = self.magnitude();
        let mut chunks = Vec::new();
        while !limbs.is_empty() {
            let mut remainder = 0;
            for limb in &mut limbs {
                let value = remainder << 32 | u64::from(*limb);
                *limb = (value / CHUNK) as u32;
                remainder = value % CHUNK;
            }
            chunks.push(remainder);
            let zeros = limbs.iter().take_while(|limb| **limb == 0).count();
            limbs.drain(..zeros);
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:0CHUNK_DIGITS$}"));
        }
        text
    }

    /// The magnitude in limbs, most significant first, none of them a leading zero.
    fn magnitude(&self) -> Vec<u32> {
        let mut bytes = self.0.clone();
        if self.is_negative() {
            negate(&mut bytes);
        }
        let head = bytes.len() % 4;
        let (first, rest) = bytes.split_at(head);
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        let limbs = std::iter::once(first).chain(rest.chunks(4)).map(number);
        limbs.skip_while(|limb| *limb == 0).collect()
    }

    /// From digits alone.
    pub(crate) fn from_digits(negative: bool, digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        // Least significant limb first.
        let mut limbs: Vec<u32> = Vec::new();
        let head = digits.len() % CHUNK_DIGITS;
        let (first, rest) = digits.split_at(head);
        let chunks = (0..rest.len()).step_by(CHUNK_DIGITS).map(|at| &rest[at..at + CHUNK_DIGITS]);
        for chunk in std::iter::once(first).filter(|first| !first.is_empty()).chain(chunks) {
            let mut carry: u64 = chunk.parse().ok()?;
            let scale = 10u64.pow(chunk.len() as u32);
            for limb in &mut limbs {
                let value = u64::from(*limb) * scale + carry;
                *limb = value as u32;
                carry = value >> 32;
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
        }
        // A zero byte in front makes room for the sign.
        let mut bytes: Vec<u8> =
            std::iter::once(0).chain(limbs.iter().rev().flat_map(|limb| limb.to_be_bytes())).collect();
        if negative {
            negate(&mut bytes);
        }
        Some(Self::from_be_bytes(&bytes))
    }
}

/// Two's complement in place.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

impl Default for Varint {
    fn default() -> Self {
        Self(vec![0])
    }
}

macro_rules! from_integers {
    ($($ty:ty),+) => {$(
        impl From<$ty> for Varint {
            fn from(number: $ty) -> Self {
                Self::from_be_bytes(&i128::from(number).to_be_bytes())
            }
        }
    )+};
}

from_integers!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

/// A number that is too large for the Rust integer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VarintRangeError;

impl fmt::Display for VarintRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the varint is out of the integer's range")
    }
}

impl std::error::Error for VarintRangeError {}

impl TryFrom<&Varint> for i128 {
    type Error = VarintRangeError;

    fn try_from(varint: &Varint) -> Result<Self, VarintRangeError> {
        let mut bytes = [if varint.is_negative() { 0xff } else { 0 }; 16];
        let start = 16usize.checked_sub(varint.0.len()).ok_or(VarintRangeError)?;
        bytes[start..].copy_from_slice(&varint.0);
        Ok(Self::from_be_bytes(bytes))
    }
}

impl TryFrom<&Varint> for i64 {
    type Error = VarintRangeError;

    fn try_from(varint: &Varint) -> Result<Self, VarintRangeError> {
        Self::try_from(i128::try_from(varint)?).map_err(|_| VarintRangeError)
    }
}

impl fmt::Display for Varint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_negative() { "-" } else { "" }, self.digits())
    }
}

impl fmt::Debug for Varint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no number of the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseNumberError(pub(crate) &'static str);

impl fmt::Display for ParseNumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseNumberError {}

impl FromStr for Varint {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        let (negative, digits) = sign(text);
        Self::from_digits(negative, digits).ok_or(ParseNumberError("not a whole number"))
    }
}

/// Whether there is a minus, and what follows the sign.
pub(crate) fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

impl ToCql for Varint {
    fn cql_type(&self) -> CqlType {
        CqlType::Varint
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Varint | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(&self.0);
        Ok(Encoded::Value)
    }
}

impl FromCql for Varint {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Varint | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        present::<Self>(ty, bytes).map(Self::from_be_bytes)
    }
}
