//! Numbers with a unit: durations and sizes.

/// A unit, the words people also write for it, and how many base units it is.
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    slips: &'static [&'static str],
    factor: u64,
}

/// Units of time, in nanoseconds.
pub(crate) const TIME: &[Unit] = &[
    Unit { name: "us", slips: &["µs", "micros"], factor: 1_000 },
    Unit { name: "ms", slips: &["msec", "msecs", "millis", "millisecond", "milliseconds"], factor: 1_000_000 },
    Unit { name: "s", slips: &["sec", "secs", "second", "seconds"], factor: 1_000_000_000 },
    Unit { name: "m", slips: &["min", "mins", "minute", "minutes"], factor: 60_000_000_000 },
    Unit { name: "h", slips: &["hr", "hrs", "hour", "hours"], factor: 3_600_000_000_000 },
    Unit { name: "d", slips: &["day", "days"], factor: 86_400_000_000_000 },
];

/// Units of memory, in bytes.
pub(crate) const BYTES: &[Unit] = &[
    Unit { name: "B", slips: &["byte", "bytes"], factor: 1 },
    Unit { name: "KiB", slips: &["k", "kb", "ki"], factor: 1 << 10 },
    Unit { name: "MiB", slips: &["m", "mb", "mi"], factor: 1 << 20 },
    Unit { name: "GiB", slips: &["g", "gb", "gi"], factor: 1 << 30 },
];

/// Numbers of offsets.
pub(crate) const COUNT: &[Unit] = &[Unit {
    name: " offsets",
    slips: &["offsets", "offset", "event", "events", "message", "messages", "record", "records"],
    factor: 1,
}];

/// How many base units `text` says. `Err(Some)`: the unit is a slip, and this is what was meant.
pub(crate) fn parse(text: &str, units: &[Unit]) -> Result<u64, Option<String>> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| None)?;
    if let Some(unit) = units.iter().find(|known| known.name == unit) {
        return number.checked_mul(unit.factor).ok_or(None);
    }
    let word = unit.trim();
    let is_slip = |slip: &str| slip.eq_ignore_ascii_case(word);
    let meant = units.iter().find(|known| is_slip(known.name) || known.slips.iter().any(|slip| is_slip(slip)));
    Err(meant.map(|unit| format!("{number}{}", unit.name)))
}

/// The shortest exact way to write an amount.
pub(crate) fn show(amount: u64, units: &[Unit]) -> String {
    let unit = units.iter().rev().find(|unit| amount >= unit.factor && amount.is_multiple_of(unit.factor));
    let unit = unit.unwrap_or(&units[0]);
    format!("{}{}", amount / unit.factor, unit.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_numbers_with_a_unit() {
        assert_eq!(parse("5ms", TIME), Ok(5_000_000));
        assert_eq!(parse("1h", TIME), Ok(3_600_000_000_000));
        assert_eq!(parse("64MiB", BYTES), Ok(64 << 20));
        assert_eq!(parse("0B", BYTES), Ok(0));
    }

    #[test]
    fn says_what_was_meant_by_another_unit() {
        assert_eq!(parse("5 sec", TIME), Err(Some("5s".to_owned())));
        assert_eq!(parse("1MB", BYTES), Err(Some("1MiB".to_owned())));
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in
            ["", "5", "ms", "-5ms", "1.5s", "1h30m", "5 parsecs", "99999999999999999999s", "18446744073709551615h"]
        {
            assert_eq!(parse(text, TIME), Err(None), "{text}");
        }
    }

    #[test]
    fn shows_amounts_in_the_largest_unit_that_is_exact() {
        assert_eq!(show(86_400_000_000_000, TIME), "1d");
        assert_eq!(show(1 << 20, BYTES), "1MiB");
        assert_eq!(show(0, BYTES), "0B");
    }
}
