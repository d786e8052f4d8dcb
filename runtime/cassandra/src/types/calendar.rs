//! Dates, times of day and timestamps as text and as numbers.

use std::time::SystemTime;

const DAY: i64 = 86_400_000;
/// Nanoseconds of a day.
pub(crate) const DAY_NANOS: i64 = DAY * 1_000_000;
/// What `date` adds to the days since 1970, so that bytes have its order.
const SHIFT: i64 = 1 << 31;

/// Milliseconds since 1970, by the clock.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A day of the Gregorian calendar, also before it was in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// Year; 0 is 1 BC.
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u32,
    /// 1 to 31.
    pub(crate) day: u32,
}

impl Day {
    /// Days since 1970-01-01; `None` if there is no such day.
    pub(crate) fn number(self) -> Option<i64> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let last = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        if !(1..=last).contains(&self.day) || self.year.abs() > 300_000_000 {
            return None;
        }
        // Years begin in March, so that the leap day is their last.
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = i64::from((self.month + 9) % 12 * 153 + 2) / 5 + i64::from(self.day) - 1;
        Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
    }

    /// Of the days since 1970-01-01.
    pub(crate) fn of(number: i64) -> Self {
        let shifted = number + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = (of_year - (153 * month + 2) / 5 + 1) as u32;
        let month = if month < 10 { month + 3 } else { month - 9 } as u32;
        Self { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.year {
            0..=9999 => write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day),
            10_000.. => write!(f, "+{}-{:02}-{:02}", self.year, self.month, self.day),
            _ => write!(f, "-{:04}-{:02}-{:02}", -self.year, self.month, self.day),
        }
    }
}

/// A `date` in its binary form, of days since 1970; `None` if they don't fit.
pub(crate) fn date_bytes(days: i64) -> Option<[u8; 4]> {
    u32::try_from(days + SHIFT).ok().map(u32::to_be_bytes)
}

/// Days since 1970 of a `date`.
pub(crate) fn days(bytes: &[u8]) -> i64 {
    bytes.try_into().map_or(0, |bytes| i64::from(u32::from_be_bytes(bytes)) - SHIFT)
}

/// Days since 1970 of milliseconds.
pub(crate) fn day_of(millis: i64) -> i64 {
    millis.div_euclid(DAY)
}

/// Milliseconds of the begin of a day.
pub(crate) fn millis_of(days: i64) -> i64 {
    days.saturating_mul(DAY)
}

/// Reads a `date`: a day, or the number that it is stored as.
pub(crate) fn parse_date(text: &str) -> Result<[u8; 4], String> {
    if is_number(text) {
        let number =
            text.parse::<u32>().map_err(|_| format!("Unable to make unsigned int (for date) from: '{text}'"))?;
        return Ok(number.to_be_bytes());
    }
    let unable = || format!("Unable to coerce '{text}' to a formatted date (long)");
    let (day, rest) = parse_day(text).ok_or_else(unable)?;
    if !rest.is_empty() {
        return Err(unable());
    }
    let number = day.number().ok_or_else(unable)?;
    date_bytes(number).ok_or_else(|| match number < 0 {
        true => format!("Input date {text} is less than min supported date -5877641-06-23"),
        false => format!("Input date {text} is greater than max supported date +5881580-07-11"),
    })
}

/// Reads a `time`: `hh:mm:ss[.fffffffff]`, or nanoseconds.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    if is_number(text) {
        let fits = text.parse().ok().filter(|nanos| (0..DAY_NANOS).contains(nanos));
        return fits.ok_or_else(|| format!("Unable to make long (for time) from: '{text}'"));
    }
    let unable = || format!("(TimeType) Unable to coerce '{text}' to a formatted time (long)");
    let mut parts = text.split(':');
    let (Some(hour), Some(minute), Some(second), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unable());
    };
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let number = |text: &str, limit: i64| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|n| digits && *n < limit)
    };
    let nanos = || {
        let fraction = fraction_nanos(fraction)?;
        Some(((number(hour, 24)? * 60 + number(minute, 60)?) * 60 + number(second, 60)?) * 1_000_000_000 + fraction)
    };
    nanos().ok_or_else(unable)
}

/// Writes a `time`.
pub(crate) fn time_text(nanos: i64) -> String {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("{:02}:{:02}:{:02}.{fraction:09}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Reads a `timestamp`: a day with an optional time and zone, or milliseconds. Without zone it is of UTC.
pub(crate) fn parse_timestamp(text: &str, now_millis: i64) -> Result<i64, String> {
    if text.eq_ignore_ascii_case("now") {
        return Ok(now_millis);
    }
    if is_number(text) {
        return text.parse().map_err(|_| format!("Unable to make long (for date) from: '{text}'"));
    }
    timestamp(text).ok_or_else(|| format!("Unable to parse a date/time from '{text}'"))
}

fn timestamp(text: &str) -> Option<i64> {
    let (day, rest) = parse_day(text)?;
    // Here, other than for a date, a day that the month has not is its last one.
    let possible = |last: u32| Day { day: day.day.min(last), ..day }.number();
    let number = day.number().or_else(|| (28..31).rev().find_map(possible).filter(|_| day.day <= 31))?;
    let start = number.checked_mul(DAY)?;
    let (of_day, zone) = match rest.strip_prefix(['T', ' ']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => time_of_day(rest)?,
        _ => (0, rest),
    };
    start.checked_add(of_day)?.checked_sub(offset(zone)?)
}

/// Milliseconds of `H:m[:s[.f]]`, and what follows.
fn time_of_day(text: &str) -> Option<(i64, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, mut rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (mut second, mut millis) = (0, 0);
    if let Some(after) = rest.strip_prefix(':') {
        (second, rest) = digits(after, 2)?;
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            millis = fraction_nanos(&after[..end])? / 1_000_000;
            rest = &after[end..];
        }
    }
    let fits = hour < 24 && minute < 60 && second < 60;
    fits.then_some((((hour * 60 + minute) * 60 + second) * 1000 + millis, rest))
}

/// Milliseconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.strip_prefix(' ').unwrap_or(zone);
    if zone.is_empty() || ["Z", "UTC", "GMT"].iter().any(|name| zone.eq_ignore_ascii_case(name)) {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&zone[1..], 2)?;
    let (minutes, rest) = match rest.strip_prefix(':').unwrap_or(rest) {
        "" => (0, ""),
        rest => digits(rest, 2)?,
    };
    (rest.is_empty() && hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn parse_day(text: &str) -> Option<(Day, &str)> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (year, rest) = digits(unsigned, 9)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    Some((Day { year: if negative { -year } else { year }, month: month as u32, day: day as u32 }, rest))
}

/// A number of one to `most` digits, and what follows it.
fn digits(text: &str, most: usize) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()).min(most);
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Up to nine digits after a point.
fn fraction_nanos(text: &str) -> Option<i64> {
    let fits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{text:0<9}").parse().ok())?
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Writes a `timestamp` in UTC, with `between` day and time.
pub(crate) fn timestamp_text(millis: i64, between: char) -> String {
    let of_day = millis.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / 1000, of_day % 1000);
    let day = Day::of(day_of(millis));
    format!("{day}{between}{:02}:{:02}:{:02}.{fraction:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_days_both_ways() {
        for (number, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (-719_528, "0000-01-01"),
            (20_000, "2024-10-04"),
        ] {
            assert_eq!(Day::of(number).to_string(), text);
            assert_eq!(parse_date(text), Ok(date_bytes(number).unwrap()));
        }
        for text in ["2023-02-29", "2023-13-01", "2023-1-0", "x", "2023-01-01x"] {
            assert!(parse_date(text).is_err(), "{text}");
        }
        assert_eq!(parse_date("2147483648"), Ok([0x80, 0, 0, 0]));
        assert!(parse_date("-1").unwrap_err().contains("unsigned int"));
        assert_eq!(Day::of(i64::from(u32::MAX) - SHIFT).to_string(), "+5881580-07-11");
    }

    #[test]
    fn reads_times_and_zones() {
        for text in [
            "2011-02-03 04:05:00.000Z",
            "2011-02-03T04:05:00Z",
            "2011-02-03T04:05",
            "2011-02-03 04:05+0000",
            "2011-2-3 5:5+01:00",
            "2011-02-03 04:05:00 UTC",
            "1296705900000",
        ] {
            assert_eq!(parse_timestamp(text, 0), Ok(1_296_705_900_000), "{text}");
        }
        for text in ["2011-02-03 04", "2011-02-03 24:00", "tomorrow", "2011-02-03T04:05:00+25"] {
            assert!(parse_timestamp(text, 0).unwrap_err().contains("Unable to parse a date/time"), "{text}");
        }
        assert_eq!(parse_timestamp("2024-02-30", 0), parse_timestamp("2024-02-29", 0));
        assert!(parse_timestamp("2024-02-32", 0).is_err());
        assert_eq!(timestamp_text(-1, ' '), "1969-12-31 23:59:59.999Z");
        assert_eq!(parse_time("01:02:03.5").map(time_text), Ok("01:02:03.500000000".to_owned()));
        assert!(parse_time("24:00:00").is_err() && parse_time("01:02").is_err() && parse_time("-1").is_err());
    }
}
