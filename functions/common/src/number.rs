//! Numbers as JSON writes them, compared without loss.

use std::cmp::Ordering;

/// Exponents beyond this are compared with nothing.
const LARGEST_EXPONENT: i64 = 1 << 40;

/// A number: sign, and a magnitude 0.DIGITS × 10^EXPONENT without zeros around its digits; no digits: 0.
struct Number {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

/// Compares two numbers by value, whatever their length: `1e2` equals `100.0`. None: an exponent is out of all bounds.
pub fn compare_numbers(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (Number::of(one)?, Number::of(other)?);
    let magnitudes = || {
        let (a, b) = ((one.exponent, &one.digits), (other.exponent, &other.digits));
        match (one.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => a.cmp(&b),
        }
    };
    Some(match (one.negative, other.negative) {
        (false, false) => magnitudes(),
        (true, true) => magnitudes().reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    })
}

impl Number {
    fn of(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        let last = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        digits.truncate(last);
        if exponent.abs() > LARGEST_EXPONENT {
            return None;
        }
        let exponent = exponent + whole.len() as i64 - zeros as i64;
        Some(Self { negative: negative && !digits.is_empty(), digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_numbers_may_be_written_otherwise() {
        for (one, other) in
            [("1", "1.0"), ("100", "1e2"), ("0.5", "5E-1"), ("-0", "0.000"), ("0e9", "0"), ("1200e-2", "12")]
        {
            assert_eq!(compare_numbers(one, other), Some(Ordering::Equal), "{one} {other}");
        }
    }

    #[test]
    fn no_digit_is_lost() {
        for (less, more) in [
            ("9007199254740992", "9007199254740993"),
            ("18446744073709551615", "18446744073709551616"),
            ("-18446744073709551616", "-18446744073709551615"),
            ("0.1", "0.10000000000000000000000001"),
            ("9", "10"),
            ("-10", "-9"),
            ("-1", "0"),
            ("0.09", "0.1"),
            ("1e400", "1e401"),
        ] {
            assert_eq!(compare_numbers(less, more), Some(Ordering::Less), "{less} {more}");
            assert_eq!(compare_numbers(more, less), Some(Ordering::Greater), "{more} {less}");
        }
        assert_eq!(compare_numbers("1e99999999999999999999", "1"), None);
        assert_eq!(compare_numbers("1e2000000000000", "1"), None);
    }

    proptest! {
        #[test]
        fn whole_and_decimal_numbers_compare_as_integers_do(a in -100_000i64..100_000, b in -100_000i64..100_000) {
            let hundredths = |n: i64| format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100);
            prop_assert_eq!(compare_numbers(&a.to_string(), &b.to_string()), Some(a.cmp(&b)));
            prop_assert_eq!(compare_numbers(&hundredths(a), &hundredths(b)), Some(a.cmp(&b)));
            prop_assert_eq!(compare_numbers(&format!("{a}e-2"), &hundredths(b)), Some(a.cmp(&b)));
        }
    }
}
