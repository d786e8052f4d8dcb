//! [`Timestamp`], [`Date`] and [`Time`].

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar::{civil, days_from_civil, days_in_month, split_digits};
use super::decode::{FromCql, fixed};
use super::encode::{Encoded, ToCql};
use super::error::ValueError;
use super::types::CqlType;

const DAY_MS: i64 = 86_400_000;
const DAY_NS: i64 = 86_400_000_000_000;
/// The server counts days from −2³¹: 1970-01-01 is 2³¹.
const DATE_ZERO: u32 = 1 << 31;

/// A `timestamp`: milliseconds since 1970, UTC. In text RFC 3339, `2024-05-01T12:30:00.250Z`; in JSON that text is written,
/// and that text or a number of milliseconds read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970, UTC; an event's timestamp is one.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since 1970, UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

/// Rounded down to milliseconds.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(ms(since)),
            Err(before) => {
                let until = before.duration();
                Self(-ms(until) - i64::from(until.subsec_nanos() % 1_000_000 != 0))
            }
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.rem_euclid(DAY_MS);
        write_day(f, self.0.div_euclid(DAY_MS))?;
        let (seconds, ms) = (ms / 1000, ms % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
    }
}

/// A text that is no date or time of the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTimeError(&'static str);

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseTimeError {}

/// RFC 3339: `2024-05-01T12:30:00Z`, with any fraction (cut to milliseconds) and any offset.
impl FromStr for Timestamp {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        const ERROR: ParseTimeError = ParseTimeError("not an RFC 3339 time, like 2024-05-01T12:30:00Z");
        let (date, rest) = text.split_once(['T', 't', ' ']).ok_or(ERROR)?;
        let date: Date = date.parse().map_err(|_| ERROR)?;
        let (time, offset) = match rest.strip_suffix(['Z', 'z']) {
            Some(time) => (time, 0),
            None => {
                let sign = rest.rfind(['+', '-']).ok_or(ERROR)?;
                let (time, offset) = rest.split_at(sign);
                let [hours, minutes] = split_digits(&offset[1..], ':').ok_or(ERROR)?;
                if hours > 23 || minutes > 59 {
                    return Err(ERROR);
                }
                (time, (hours * 60 + minutes) * if offset.starts_with('-') { -60_000 } else { 60_000 })
            }
        };
        let time: Time = time.parse().map_err(|_| ERROR)?;
        Ok(Self(i64::from(date.0) * DAY_MS + time.0 / 1_000_000 - offset))
    }
}

/// A `date`: a day without a time, 1970-01-01 being 0. In text and in JSON, `2024-05-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Date(i32);

impl Date {
    /// From days since 1970-01-01.
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// From a day of the Gregorian calendar; `None` if there is no such day, or none in the range of `date`.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day == 0 || day > days_in_month(year.into(), month.into()) as u32 {
            return None;
        }
        i32::try_from(days_from_civil(year.into(), month.into(), day.into())).ok().map(Self)
    }

    /// Days since 1970-01-01.
    pub const fn as_days(self) -> i32 {
        self.0
    }

    /// Year, month (1–12) and day (1–31).
    pub fn ymd(self) -> (i32, u32, u32) {
        let (year, month, day) = civil(self.0.into());
        (year as i32, month as u32, day as u32)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_day(f, self.0.into())
    }
}

fn write_day(f: &mut fmt::Formatter<'_>, days: i64) -> fmt::Result {
    let (year, month, day) = civil(days);
    let sign = if year < 0 { "-" } else { "" };
    write!(f, "{sign}{:04}-{month:02}-{day:02}", year.abs())
}

/// `2024-05-01`; years before 0 have a minus sign.
impl FromStr for Date {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        const ERROR: ParseTimeError = ParseTimeError("not a date, like 2024-05-01");
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let [year, month, day] = split_digits(digits, '-').ok_or(ERROR)?;
        let year = i32::try_from(if negative { -year } else { year }).map_err(|_| ERROR)?;
        Self::from_ymd(year, month as u32, day as u32).ok_or(ERROR)
    }
}

/// A `time`: nanoseconds since midnight. In text and in JSON, `12:30:00.25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// From nanoseconds since midnight; `None` for a day and more.
    pub const fn from_nanos(nanos: u64) -> Option<Self> {
        if nanos < DAY_NS as u64 { Some(Self(nanos as i64)) } else { None }
    }

    /// Nanoseconds since midnight.
    pub const fn as_nanos(self) -> u64 {
        self.0 as u64
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if nanos == 0 {
            return Ok(());
        }
        write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0'))
    }
}

/// `12:30:00`, with up to nine digits of a fraction.
impl FromStr for Time {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        const ERROR: ParseTimeError = ParseTimeError("not a time, like 12:30:00.25");
        let (seconds, fraction) = text.split_once('.').map_or((text, None), |(s, fraction)| (s, Some(fraction)));
        let nanos = match fraction {
            None => 0,
            Some(digits) if (1..=9).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit()) => {
                format!("{digits:0<9}").parse().map_err(|_| ERROR)?
            }
            Some(_) => return Err(ERROR),
        };
        let [hour, minute, second] = split_digits(seconds, ':').ok_or(ERROR)?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(ERROR);
        }
        Ok(Self((hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanos))
    }
}

impl ToCql for Timestamp {
    fn cql_type(&self) -> CqlType {
        CqlType::Timestamp
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Timestamp | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(Encoded::Value)
    }
}

impl FromCql for Timestamp {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Timestamp | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        fixed::<Self, 8>(ty, bytes).map(|bytes| Self(i64::from_be_bytes(bytes)))
    }
}

impl ToCql for Date {
    fn cql_type(&self) -> CqlType {
        CqlType::Date
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Date | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(&(self.0 as u32).wrapping_add(DATE_ZERO).to_be_bytes());
        Ok(Encoded::Value)
    }
}

impl FromCql for Date {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Date | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        fixed::<Self, 4>(ty, bytes).map(|bytes| Self(u32::from_be_bytes(bytes).wrapping_sub(DATE_ZERO) as i32))
    }
}

impl ToCql for Time {
    fn cql_type(&self) -> CqlType {
        CqlType::Time
    }

    fn encode(&self, ty: &CqlType, out: &mut Vec<u8>) -> Result<Encoded, ValueError> {
        let (CqlType::Time | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(Encoded::Value)
    }
}

impl FromCql for Time {
    fn from_cql(ty: &CqlType, bytes: Option<&[u8]>) -> Result<Self, ValueError> {
        let (CqlType::Time | CqlType::Any) = ty else { return Err(ValueError::mismatch::<Self>(ty)) };
        let nanos = i64::from_be_bytes(fixed::<Self, 8>(ty, bytes)?);
        let time = u64::try_from(nanos).ok().and_then(Self::from_nanos);
        time.ok_or_else(|| ValueError::invalid(ty, format_args!("{nanos} ns are outside a day")))
    }
}

macro_rules! json_text {
    ($($ty:ty),+) => {$(
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

json_text!(Timestamp, Date, Time);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Millis(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Millis(ms) => Ok(Self(ms)),
            Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
