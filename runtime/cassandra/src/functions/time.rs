//! Functions of time.

use std::time::SystemTime;

use bytes::Bytes;

use super::arithmetic::later;
use super::{Function, bytes, timeuuid};
use crate::api::Error;
use crate::types::calendar::{DAY_NANOS, Day, date_bytes, day_of, days, millis_of, now_millis};
use crate::types::duration::Duration;
use crate::types::{CqlType, number};

type Outcome = Result<Option<Bytes>, Error>;

fn long(value: i64) -> Outcome {
    Ok(Some(value.to_be_bytes().to_vec().into()))
}

fn date(days: i64) -> Outcome {
    match date_bytes(days) {
        Some(bytes) => Ok(Some(bytes.to_vec().into())),
        None => Err(Error::Invalid("the date is out of range".to_owned())),
    }
}

pub(super) fn now(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    Ok(Some(timeuuid::now().to_vec().into()))
}

pub(super) fn uuid(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    Ok(Some(uuid::Uuid::new_v4().as_bytes().to_vec().into()))
}

pub(super) fn current_timestamp(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    long(now_millis())
}

pub(super) fn current_date(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    date(day_of(now_millis()))
}

pub(super) fn current_time(_: &Function, _: &[Option<Bytes>]) -> Outcome {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    long((since.as_nanos() % DAY_NANOS as u128) as i64)
}

pub(super) fn min_timeuuid(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_present(arguments, |value| Ok(Some(timeuuid::least(number::signed(value)).to_vec().into())))
}

pub(super) fn max_timeuuid(_: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_present(arguments, |value| Ok(Some(timeuuid::greatest(number::signed(value)).to_vec().into())))
}

pub(super) fn to_date(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    // Towards zero, also before 1970.
    of_present(arguments, |value| date(millis(&function.arguments[0], value) / millis_of(1)))
}

pub(super) fn to_timestamp(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_present(arguments, |value| long(millis(&function.arguments[0], value)))
}

pub(super) fn to_unix(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_present(arguments, |value| long(millis(&function.arguments[0], value)))
}

/// An empty value has no time.
fn of_present(arguments: &[Option<Bytes>], then: impl FnOnce(&[u8]) -> Outcome) -> Outcome {
    match bytes(arguments, 0) {
        [] => Ok(None),
        value => then(value),
    }
}

/// Milliseconds since 1970.
fn millis(of: &CqlType, value: &[u8]) -> i64 {
    match of {
        CqlType::Timeuuid => timeuuid::millis(value),
        CqlType::Date => millis_of(days(value)),
        _ => number::signed(value),
    }
}

/// `floor(time, duration[, start])`
pub(super) fn floor(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let (value, by) = (bytes(arguments, 0), Duration::from_bytes(bytes(arguments, 1)).unwrap_or_default());
    if value.is_empty() {
        return Ok(None);
    }
    let invalid = |message: String| Err(Error::Invalid(message));
    let of = &function.arguments[0];
    match of {
        CqlType::Time => {
            if by.months != 0 || by.days != 0 || by.nanos > DAY_NANOS {
                return invalid(
                    "For time values, the floor can only be computed for durations smaller that a day".to_owned(),
                );
            }
            check_sign(by)?;
            let nanos = number::signed(value);
            return long(if by.nanos == 0 { nanos } else { nanos - nanos % by.nanos });
        }
        CqlType::Date if by.nanos != 0 => {
            return invalid(format!(
                "The floor on date values cannot be computed for the {by} duration as precision is below 1 day"
            ));
        }
        _ if by.nanos % 1_000_000 != 0 => {
            return invalid(format!(
                "The floor cannot be computed for the {by} duration as precision is below 1 millisecond"
            ));
        }
        _ => {}
    }
    let start = match arguments.get(2) {
        Some(_) => millis(&function.returns, bytes(arguments, 2)),
        None => 0,
    };
    let floored = floor_millis(millis(of, value), by, start)?;
    if function.returns == CqlType::Date { date(day_of(floored)) } else { long(floored) }
}

fn check_sign(by: Duration) -> Result<(), Error> {
    match by.months < 0 || by.days < 0 || by.nanos < 0 {
        true => Err(Error::Invalid("Negative durations are not supported by the floor function".to_owned())),
        false => Ok(()),
    }
}

/// The last of `start`, `start + by`, `start + 2·by`, … that is not after `time`.
fn floor_millis(time: i64, by: Duration, start: i64) -> Result<i64, Error> {
    if start > time {
        return Err(Error::Invalid("The floor function starting time is greater than the provided time".to_owned()));
    }
    check_sign(by)?;
    let step = i128::from(by.days) * 86_400_000 + i128::from(by.nanos / 1_000_000);
    let distance = i128::from(time) - i128::from(start);
    if by.months == 0 {
        return Ok(if step == 0 { time } else { (i128::from(time) - distance % step) as i64 });
    }
    let month = |millis| {
        let day = Day::of(day_of(millis));
        day.year * 12 + i64::from(day.month)
    };
    let most = i128::from((month(time) - month(start)) / i64::from(by.months));
    // Of whole months Cassandra looks at the month alone: the result may be some days after `time`.
    if step == 0 {
        return Ok(after(start, by, most).unwrap_or(start));
    }
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = (low + high + 1) / 2;
        if after(start, by, middle).is_some_and(|at| at <= time) { low = middle } else { high = middle - 1 }
    }
    Ok(after(start, by, low).unwrap_or(start))
}

/// `start + n·by`
fn after(start: i64, by: Duration, n: i128) -> Option<i64> {
    let times = |part: i128| i64::try_from(part * n).ok();
    let months = i32::try_from(times(by.months.into())?).ok()?;
    let day = day_of(start);
    let moved = later(day, Duration { months, ..Duration::default() })?.checked_add(times(by.days.into())?)?;
    let millis = moved.checked_mul(86_400_000)?.checked_add(start - millis_of(day))?;
    millis.checked_add(times(i128::from(by.nanos / 1_000_000))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_to_months_and_hours() {
        let time = |text| crate::types::calendar::parse_timestamp(text, 0).unwrap();
        let floor = |text, duration| floor_millis(time(text), Duration::parse(duration).unwrap(), 0).unwrap();
        assert_eq!(floor("2020-02-29 13:14:15", "1h"), time("2020-02-29 13:00"));
        assert_eq!(floor("2020-02-29 13:14:15", "1mo"), time("2020-02-01"));
        assert_eq!(floor("2020-02-29 13:14:15", "1y"), time("2020-01-01"));
        // Steps of 5 months and a day from 1970-01-01; the 120th would be too late.
        assert_eq!(floor("2020-02-29 13:14:15", "5mo1d"), time("2019-11-28"));
        let by = Duration::parse("1mo").unwrap();
        assert_eq!(floor_millis(time("2020-01-02"), by, time("2019-01-31")), Ok(time("2020-01-31")));
        assert!(floor_millis(-1, Duration::parse("1h").unwrap(), 0).is_err());
    }
}
