//! Durations: months, days and nanoseconds, which don't add up to one number.

use super::vint;

const HOUR: i64 = 3_600_000_000_000;
/// Units of `1h30m`, with the months, days and nanoseconds of one; in the order in which they must come.
const UNITS: [(&str, i64, i64, i64); 10] = [
    ("y", 12, 0, 0),
    ("mo", 1, 0, 0),
    ("w", 0, 7, 0),
    ("d", 0, 1, 0),
    ("h", 0, 0, HOUR),
    ("m", 0, 0, HOUR / 60),
    ("s", 0, 0, 1_000_000_000),
    ("ms", 0, 0, 1_000_000),
    ("us", 0, 0, 1000),
    ("ns", 0, 0, 1),
];
const NAMES: [&str; 10] =
    ["years", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"];

/// A duration; all parts have the same sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Duration {
    /// Months.
    pub(crate) months: i32,
    /// Days.
    pub(crate) days: i32,
    /// Nanoseconds.
    pub(crate) nanos: i64,
}

impl Duration {
    /// Of a `duration`'s bytes.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let (months, days, nanos) = (vint::take_signed(bytes)?, vint::take_signed(bytes)?, vint::take_signed(bytes)?);
        Some(Self { months: months.try_into().ok()?, days: days.try_into().ok()?, nanos })
    }

    /// As a `duration`'s bytes.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        for part in [self.months.into(), self.days.into(), self.nanos] {
            vint::put_signed(part, &mut out);
        }
        out
    }

    /// Reads `1h30m`, `P1Y2M3DT4H5M6S`, `P4W` or `P0001-02-03T04:05:06`, each also with `-`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let sign = if unsigned.len() < text.len() { -1 } else { 1 };
        let unable = || format!("Unable to convert '{text}' to a duration");
        let parts = match unsigned.strip_prefix('P') {
            Some(iso) => iso_parts(iso).ok_or_else(unable)?,
            None => unit_parts(unsigned).ok_or_else(unable)?,
        };
        if let Some(pair) = parts.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            let (earlier, later) = (NAMES[pair[1].0], NAMES[pair[0].0]);
            return Err(match earlier == later {
                true => format!("Invalid duration. The {later} are specified multiple times"),
                false => format!("Invalid duration. The {later} should be after {earlier}"),
            });
        }
        let sum = |unit: fn(usize) -> i64| {
            parts.iter().try_fold(0i64, |sum, (at, count)| sum.checked_add(count.checked_mul(unit(*at))?))
        };
        let whole = |sum: Option<i64>, what: &str| {
            let fits = sum.and_then(|sum| i32::try_from(sum * sign).ok());
            fits.ok_or_else(|| {
                format!("Invalid duration. The total number of {what} must be less or equal to {}", i32::MAX)
            })
        };
        let months = whole(sum(|at| UNITS[at].1), "months")?;
        let days = whole(sum(|at| UNITS[at].2), "days")?;
        let nanos = sum(|at| UNITS[at].3).ok_or_else(|| {
            format!("Invalid duration. The total number of nanoseconds must be less or equal to {}", i64::MAX)
        })?;
        Ok(Self { months, days, nanos: nanos * sign })
    }
}

/// As Cassandra writes it: `1y2mo3d4h5m6s7ms8us9ns`; `0` writes nothing.
impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.months < 0 || self.days < 0 || self.nanos < 0 {
            f.write_str("-")?;
        }
        let months = u64::from(self.months.unsigned_abs());
        for (count, unit) in [(months / 12, "y"), (months % 12, "mo"), (self.days.unsigned_abs().into(), "d")] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        let mut rest = self.nanos.unsigned_abs();
        for (unit, _, _, nanos) in &UNITS[4..] {
            let count = rest / *nanos as u64;
            rest %= *nanos as u64;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Places in `UNITS` and counts.
type Parts = Vec<(usize, i64)>;

fn unit_parts(text: &str) -> Option<Parts> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let count = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = after[..length].to_ascii_lowercase().replace('\u{b5}', "u");
        parts.push((UNITS.iter().position(|known| known.0 == unit)?, count));
        rest = &after[length..];
    }
    (!parts.is_empty()).then_some(parts)
}

fn iso_parts(text: &str) -> Option<Parts> {
    if let Some(weeks) = text.strip_suffix('W') {
        return Some(vec![(2, count(weeks)?)]);
    }
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    if date.contains('-') {
        let mut parts = Vec::new();
        for (text, separator, places, lengths) in
            [(date, '-', [0, 1, 3], [4, 2, 2]), (time?, ':', [4, 5, 6], [2, 2, 2])]
        {
            let numbers: Vec<_> = text.split(separator).collect();
            if numbers.iter().map(|number| number.len()).ne(lengths) {
                return None;
            }
            for (place, number) in places.into_iter().zip(numbers) {
                parts.push((place, count(number)?));
            }
        }
        return Some(parts);
    }
    let mut parts = letters(date, &[('Y', 0), ('M', 1), ('D', 3)])?;
    parts.extend(letters(time.unwrap_or_default(), &[('H', 4), ('M', 5), ('S', 6)])?);
    Some(parts)
}

fn letters(text: &str, known: &[(char, usize)]) -> Option<Parts> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let letter = rest[end..].chars().next()?;
        let (_, place) = known.iter().find(|(known, _)| *known == letter)?;
        parts.push((*place, count(&rest[..end])?));
        rest = &rest[end + letter.len_utf8()..];
    }
    Some(parts)
}

fn count(digits: &str) -> Option<i64> {
    digits.parse().ok()
}

/// # Errors
/// What is wrong with the bytes.
pub(super) fn validate(mut bytes: &[u8]) -> Result<(), String> {
    if bytes.len() < 3 {
        return Err(format!("Expected at least 3 bytes for a duration ({})", bytes.len()));
    }
    let rest = &mut bytes;
    let mut part = || vint::take_signed(rest).ok_or("Unexpected error");
    let (months, days, nanos) = (part()?, part()?, part()?);
    if i32::try_from(months).is_err() {
        return Err(format!("The duration months must be a 32 bits integer but was: {months}"));
    }
    if i32::try_from(days).is_err() {
        return Err(format!("The duration days must be a 32 bits integer but was: {days}"));
    }
    let parts = [months, days, nanos];
    match parts.iter().any(|part| *part < 0) && parts.iter().any(|part| *part > 0) {
        true => Err(format!(
            "The duration months, days and nanoseconds must be all of the same sign ({months}, {days}, {nanos})"
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_notations() {
        let duration = |months, days, nanos| Ok(Duration { months, days, nanos });
        assert_eq!(Duration::parse("1h30m"), duration(0, 0, HOUR * 3 / 2));
        assert_eq!(Duration::parse("-2mo10d5\u{b5}s"), duration(-2, -10, -5000));
        assert_eq!(Duration::parse("P1Y2M3DT4H"), duration(14, 3, 4 * HOUR));
        assert_eq!(Duration::parse("P4W"), duration(0, 28, 0));
        assert_eq!(Duration::parse("P0001-02-03T04:05:06"), duration(14, 3, 4 * HOUR + 5 * HOUR / 60 + 6_000_000_000));
        for text in ["", "5", "1x", "P1X", "h", "P1-2-3T4:5:6"] {
            assert!(Duration::parse(text).unwrap_err().contains("Unable to convert"), "{text}");
        }
        assert!(Duration::parse("1m1h").unwrap_err().contains("The minutes should be after hours"));
        assert!(Duration::parse("99999999999y").is_err());
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["1y2mo3d4h5m6s7ms8us9ns", "-1mo1ns", "30d", ""] {
            let duration = Duration::parse(text).unwrap_or_default();
            assert_eq!(duration.to_string(), text);
            assert_eq!(Duration::from_bytes(&duration.to_bytes()), Some(duration));
            assert_eq!(validate(&duration.to_bytes()), Ok(()));
        }
        assert!(validate(&[2, 1, 0]).unwrap_err().contains("same sign"));
    }
}
