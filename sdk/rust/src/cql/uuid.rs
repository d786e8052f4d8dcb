//! [`Uuid`], for `uuid` and `timeuuid`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decode::{FromCql, fixed};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::instant::Timestamp;
use super::types::CqlType;

/// From the start of the Gregorian calendar, where time-based ids count from, to 1970, in units of 100 ns.
const GREGORIAN: i64 = 122_192_928_000_000_000;

/// A `uuid` or `timeuuid`: 16 bytes. In text and in JSON, `123e4567-e89b-12d3-a456-426614174000`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// From its bytes, in the order in which they are written.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// From a number, most significant digit first.
    pub const fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// The bytes, in the order in which they are written.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// How it was made: 1 from time and node (what `timeuuid` holds), 4 at random, and so on.
    pub const fn version(&self) -> u8 {
        self.0[6] >> 4
    }

    /// When a version 1 id was made; `None` for other versions.
    pub fn timestamp(&self) -> Option<Timestamp> {
        if self.version() != 1 {
            return None;
        }
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        let ticks = i64::from_be_bytes([g & 0x0f, h, e, f, a, b, c, d]);
        Some(Timestamp::from_millis((ticks - GREGORIAN).div_euclid(10_000)))
    }
}

impl From<[u8; 16]> for Uuid {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl From<Uuid> for [u8; 16] {
    fn from(uuid: Uuid) -> Self {
        uuid.0
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no UUID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseUuidError;

impl fmt::Display for ParseUuidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a UUID: 32 hexadecimal digits, dashes after 8, 12, 16 and 20 of them")
    }
}

impl std::error::Error for ParseUuidError {}

/// Upper and lower case; the dashes may be left out, all together.
impl FromStr for Uuid {
    type Err = ParseUuidError;

    fn from_str(text: &str) -> Result<Self, ParseUuidError> {
        let dashed = text.len() == 36;
        let mut bytes = [0; 16];
        let mut digits = 0;
        for (i, c) in text.bytes().enumerate() {
            if dashed && matches!(i, 8 | 13 | 18 | 23) {
                if c != b'-' {
                    return Err(ParseUuidError);
                }
                continue;
            }
            let digit = char::from(c).to_digit(16).ok_or(ParseUuidError)? as u8;
            let byte: &mut u8 = bytes.get_mut(digits / 2).ok_or(ParseUuidError)?;
            *byte = *byte << 4 | digit;
            digits += 1;
        }
        if digits == 32 { Ok(Self(bytes)) } else { Err(ParseUuidError) }
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uuid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToCql for Uuid {
    fn cql_type(&self) -> CqlType {
        CqlType::Uuid
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        match ty {
            CqlType::Uuid | CqlType::Any => {}
            CqlType::TimeUuid if self.version() == 1 => {}
            CqlType::TimeUuid => {
                return Err(ValueError::invalid(ty, format_args!("{self} is of version {}, not 1", self.version())));
            }
            _ => return Err(ValueError::mismatch::<Self>(ty)),
        }
        out.extend_from_slice(&self.0);
        Ok(Encoded::Value)
    }
}

impl FromCql for Uuid {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Uuid | CqlType::TimeUuid | CqlType::Any) = ty else {
            return Err(ValueError::mismatch::<Self>(ty));
        };
        fixed::<Self, 16>(ty, bytes).map(Self)
    }
}
