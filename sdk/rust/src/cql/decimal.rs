//! [`Decimal`]: exact decimal fractions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::types::CqlType;
use super::varint::{ParseNumberError, Varint, sign};
use super::wire::Reader;

/// A `decimal`: unscaled × 10^−scale. `1.0` and `1.00` differ in scale, and are not equal. In JSON a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Decimal {
    unscaled: Varint,
    scale: i32,
}

impl Decimal {
    /// `Decimal::new(1995, 2)` is 19.95.
    pub fn new(unscaled: impl Into<Varint>, scale: i32) -> Self {
        Self { unscaled: unscaled.into(), scale }
    }

    /// The number without its point.
    pub fn unscaled(&self) -> &Varint {
        &self.unscaled
    }

    /// How many digits are behind the point; negative: how many zeros follow.
    pub fn scale(&self) -> i32 {
        self.scale
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self::new(number, 0)
    }
}

/// Plain, `19.95`; very small and very large numbers with an exponent, `1.5E+12`, so that a scale can't fill the memory.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.unscaled.digits();
        if self.unscaled.is_negative() {
            f.write_str("-")?;
        }
        let exponent = digits.len() as i64 - 1 - i64::from(self.scale);
        match usize::try_from(self.scale) {
            Ok(0) => f.write_str(&digits),
            Ok(scale) if exponent >= -6 => match digits.len().checked_sub(scale) {
                Some(point @ 1..) => write!(f, "{}.{}", &digits[..point], &digits[point..]),
                _ => write!(f, "0.{digits:0>scale$}"),
            },
            _ => {
                let (first, rest) = digits.split_at(1);
                write!(f, "{first}{}{rest}E{exponent:+}", if rest.is_empty() { "" } else { "." })
            }
        }
    }
}

/// `19.95`, `-3`, `1.5e12`: the scale is the number of digits behind the point, less the exponent.
impl FromStr for Decimal {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        const ERROR: ParseNumberError = ParseNumberError("not a decimal number, like 19.95");
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| ERROR)?),
            None => (text, 0),
        };
        let (negative, number) = sign(mantissa);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let unscaled = Varint::from_digits(negative, &format!("{whole}{fraction}")).ok_or(ERROR)?;
        let scale = i32::try_from(fraction.len() as i64 - i64::from(exponent)).map_err(|_| ERROR)?;
        Ok(Self { unscaled, scale })
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl ToCql for Decimal {
    fn cql_type(&self) -> CqlType {
        CqlType::Decimal
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Decimal | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(&self.scale.to_be_bytes());
        out.extend_from_slice(self.unscaled.as_be_bytes());
        Ok(Encoded::Value)
    }
}

impl FromCql for Decimal {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Decimal | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        let mut reader = Reader::new(present::<Self>(ty, bytes)?);
        let scale = reader.i32().map_err(ValueError::wire(ty))?;
        Ok(Self { unscaled: Varint::from_be_bytes(reader.rest()), scale })
    }
}
