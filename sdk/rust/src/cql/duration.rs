//! [`Duration`]: months, days and nanoseconds.

use super::decode::{FromCql, present};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::types::CqlType;
use super::wire::{Reader, write_vint};

/// A `duration`. Months and days differ in length, so they are kept apart. All three are positive, or all negative (or zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Duration {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Nanoseconds; they may be more than a day.
    pub nanos: i64,
}

impl Duration {
    fn signs_agree(&self) -> bool {
        let negative = self.months < 0 || self.days < 0 || self.nanos < 0;
        let positive = self.months > 0 || self.days > 0 || self.nanos > 0;
        !(negative && positive)
    }
}

/// An error if it is longer than 292 years.
impl TryFrom<std::time::Duration> for Duration {
    type Error = std::num::TryFromIntError;

    fn try_from(duration: std::time::Duration) -> Result<Self, Self::Error> {
        Ok(Self { months: 0, days: 0, nanos: i64::try_from(duration.as_nanos())? })
    }
}

/// Small numbers of either sign become small unsigned ones.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

impl ToCql for Duration {
    fn cql_type(&self) -> CqlType {
        CqlType::Duration
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Duration | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        if !self.signs_agree() {
            return Err(ValueError::invalid(ty, "months, days and nanoseconds differ in sign"));
        }
        for number in [self.months.into(), self.days.into(), self.nanos] {
            write_vint(zigzag(number), out);
        }
        Ok(Encoded::Value)
    }
}

impl FromCql for Duration {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Duration | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        let mut reader = Reader::new(present::<Self>(ty, bytes)?);
        let mut number = || reader.vint().map(unzigzag).map_err(ValueError::wire(ty));
        let (months, days, nanos) = (number()?, number()?, number()?);
        super::collections::finished(&reader, ty)?;
        let small = |number: i64| i32::try_from(number).map_err(|error| ValueError::invalid(ty, error));
        Ok(Self { months: small(months)?, days: small(days)?, nanos })
    }
}
