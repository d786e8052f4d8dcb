//! Numbers in their binary form, and as Java writes those with a point.

/// A signed integer of up to eight bytes.
pub(crate) fn signed(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}

/// A `float`; NaN if the bytes are none.
pub(crate) fn float(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(f32::NAN, f32::from_be_bytes)
}

/// A `double`; NaN if the bytes are none.
pub(crate) fn double(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(f64::NAN, f64::from_be_bytes)
}

/// As Java writes a `double`: `1.0`, `1.0E10`, `NaN`.
pub(crate) fn java_double(value: f64) -> String {
    java(value.is_finite(), value, &format!("{value:e}"))
}

/// As Java writes a `float`.
pub(crate) fn java_float(value: f32) -> String {
    java(value.is_finite(), f64::from(value), &format!("{value:e}"))
}

fn java(finite: bool, value: f64, scientific: &str) -> String {
    if !finite {
        let name = if value.is_nan() { "NaN" } else { "Infinity" };
        return if value < 0.0 { format!("-{name}") } else { name.to_owned() };
    }
    let (sign, scientific) = scientific.strip_prefix('-').map_or(("", scientific), |rest| ("-", rest));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // Java writes plain digits from 10^-3 up to 10^7.
    if value != 0.0 && !(-3..7).contains(&exponent) {
        let fraction = if digits.len() > 1 { &digits[1..] } else { "0" };
        return format!("{sign}{}.{fraction}E{exponent}", &digits[..1]);
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (1_234_567.0, "1234567.0"),
            (12_345_678.0, "1.2345678E7"),
            (1e300, "1.0E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(value), text);
        }
        assert_eq!(java_float(0.1), "0.1");
    }

    #[test]
    fn reads_signed_integers_of_any_length() {
        assert_eq!((signed(&[0xff]), signed(&[0x7f, 0xff]), signed(&[])), (-1, 32767, 0));
    }
}
