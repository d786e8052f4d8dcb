//! `start`: a word, or a time with its offset from UTC.

use toml::de::DeValue;
use toml::value::{Datetime, Offset};

use crate::model::Start;
use crate::problem::Report;
use crate::section::Field;
use crate::suggest;

const WORDS: [&str; 2] = ["earliest", "latest"];

pub(crate) fn read(report: &mut Report<'_>, field: &Field<'_>) -> Option<Start> {
    const EXAMPLE: &str = "\"2026-01-31T08:00:00Z\"";
    let time = match field.value.get_ref() {
        DeValue::String(text) => match (&**text, text.parse::<Datetime>()) {
            ("earliest", _) => return Some(Start::Earliest),
            ("latest", _) => return Some(Start::Latest),
            (_, Ok(time)) => time,
            (word, Err(_)) => {
                if let Some(near) = suggest::nearest(word, WORDS) {
                    field.problem(report, &format!("can't be {word:?}"), format!("did you mean {near:?}?"));
                } else {
                    field.expected(report, "\"earliest\", \"latest\" or an RFC 3339 time", EXAMPLE);
                }
                return None;
            }
        },
        DeValue::Datetime(time) => *time,
        _ => {
            field.expected(report, "\"earliest\", \"latest\" or an RFC 3339 time", EXAMPLE);
            return None;
        }
    };
    let milliseconds = milliseconds(&time);
    if milliseconds.is_none() {
        field.expected(report, "a full RFC 3339 time: date, time and offset from UTC", EXAMPLE);
    }
    milliseconds.map(Start::Time)
}

/// A time as manifests write it (RFC 3339 with its offset from UTC), for others that take times from people: milliseconds
/// since the epoch.
///
/// # Errors
/// What to write instead.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let time = text.parse::<Datetime>().ok().and_then(|time| milliseconds(&time));
    time.ok_or_else(|| {
        "write an RFC 3339 time: date, time and offset from UTC, for example 2026-01-31T08:00:00Z".to_owned()
    })
}

/// Milliseconds since the epoch; `None` if date, time or offset is missing.
fn milliseconds(time: &Datetime) -> Option<i64> {
    let (date, clock) = (time.date?, time.time?);
    let offset = match time.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let minutes = days(date.year.into(), date.month.into(), date.day.into()) * 24 * 60
        + i64::from(clock.hour) * 60
        + i64::from(clock.minute)
        - offset;
    let milliseconds = i64::from(clock.nanosecond.unwrap_or(0) / 1_000_000);
    Some((minutes * 60 + i64::from(clock.second.unwrap_or(0))) * 1_000 + milliseconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the day a leap year
/// adds comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + leap_days + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_milliseconds_from_the_epoch() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2026-01-31T08:00:00.250+02:00", 1_769_839_200_250),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(milliseconds(&text.parse().unwrap()), Some(expected), "{text}");
        }
    }

    #[test]
    fn wants_date_time_and_offset() {
        for text in ["2026-01-31", "08:00:00", "2026-01-31T08:00:00"] {
            assert_eq!(milliseconds(&text.parse().unwrap()), None, "{text}");
        }
    }
}
