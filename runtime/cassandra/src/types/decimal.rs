//! `varint` and `decimal`: numbers of any size, as Java's BigInteger and BigDecimal have them.

use std::cmp::Ordering;

use num_bigint::{BigInt, Sign};

/// Most decimal places by which a number is moved for a sum or comparison: more would cost memory without bound.
const MAX_SHIFT: i64 = 100_000;

/// A `varint`; an empty one is 0.
pub(crate) fn integer(bytes: &[u8]) -> BigInt {
    BigInt::from_signed_bytes_be(bytes)
}

/// A `varint` in its binary form.
pub(crate) fn integer_bytes(value: &BigInt) -> Vec<u8> {
    value.to_signed_bytes_be()
}

/// `unscaled · 10^-scale`. Equality is of the number and its digits, order of the number alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// The digits.
    pub(crate) unscaled: BigInt,
    /// How many of them follow the point.
    pub(crate) scale: i32,
}

impl Decimal {
    /// Of a `decimal`'s bytes; 0 if there are too few.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        match bytes.split_first_chunk::<4>() {
            Some((scale, digits)) => Self { unscaled: integer(digits), scale: i32::from_be_bytes(*scale) },
            None => Self { unscaled: BigInt::ZERO, scale: 0 },
        }
    }

    /// As a `decimal`'s bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.scale.to_be_bytes().to_vec();
        out.extend(integer_bytes(&self.unscaled));
        out
    }

    /// As Java's BigDecimal reads text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (digits, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let unsigned = whole.strip_prefix(['-', '+']).unwrap_or(whole);
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if unsigned.len() + fraction.len() == 0 || !all_digits(unsigned) || !all_digits(fraction) {
            return None;
        }
        let magnitude: BigInt = format!("{unsigned}{fraction}").parse().ok()?;
        let unscaled = if whole.starts_with('-') { -magnitude } else { magnitude };
        let scale = i32::try_from(fraction.len() as i64 - exponent).ok()?;
        Some(Self { unscaled, scale })
    }

    /// Of a `double`: the number that its shortest text says.
    pub(crate) fn from_double(value: f64) -> Option<Self> {
        // As Java: by the text of the double, `1.0` and not `1`.
        value.is_finite().then(|| Self::parse(&super::number::java_double(value)))?
    }

    /// The nearest `double`.
    pub(crate) fn to_double(&self) -> f64 {
        format!("{}e{}", self.unscaled, -i64::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// The whole part; `None` if it has too many digits.
    pub(crate) fn to_integer(&self) -> Option<BigInt> {
        match i64::from(self.scale) {
            scale if scale <= 0 => shifted(&self.unscaled, -scale),
            scale if scale > self.precision() => Some(BigInt::ZERO),
            scale => Some(&self.unscaled / power(scale)?),
        }
    }

    /// How many digits it has; 1 for 0.
    pub(crate) fn precision(&self) -> i64 {
        digits(&self.unscaled)
    }

    /// At another scale, which must not be smaller; `None` if it is too far.
    pub(crate) fn at_scale(&self, scale: i32) -> Option<BigInt> {
        shifted(&self.unscaled, i64::from(scale) - i64::from(self.scale))
    }

    /// As Java's `toPlainString`; `None` if that has too many digits.
    pub(crate) fn to_plain(&self) -> Option<String> {
        let digits = self.unscaled.magnitude().to_string();
        let sign = if self.unscaled.sign() == Sign::Minus { "-" } else { "" };
        if self.scale <= 0 {
            if self.unscaled == BigInt::ZERO {
                return Some("0".to_owned());
            }
            let zeros = -i64::from(self.scale);
            return (zeros <= MAX_SHIFT).then(|| format!("{sign}{digits}{}", "0".repeat(zeros as usize)));
        }
        let scale = self.scale as usize;
        if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            return Some(format!("{sign}{whole}.{fraction}"));
        }
        let zeros = scale - digits.len();
        (zeros as i64 <= MAX_SHIFT).then(|| format!("{sign}0.{}{digits}", "0".repeat(zeros)))
    }
}

/// As Java's `toString`: with an exponent where plain digits would have zeros at their end or many after the point.
impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.unscaled.magnitude().to_string();
        let adjusted = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale == 0 || (self.scale > 0 && adjusted >= -6) {
            return f.write_str(&self.to_plain().unwrap_or(digits));
        }
        if self.unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        match adjusted {
            0 => Ok(()),
            exponent => write!(f, "E{exponent:+}"),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.unscaled.sign(), other.unscaled.sign());
        if a != b || a == Sign::NoSign {
            return a.cmp(&b);
        }
        // Numbers of different magnitude need no digits moved, whatever their scales are.
        let magnitude = |n: &Self| n.precision() - i64::from(n.scale);
        let order = magnitude(self).cmp(&magnitude(other));
        if order.is_ne() {
            return if a == Sign::Minus { order.reverse() } else { order };
        }
        let scale = self.scale.max(other.scale);
        match (self.at_scale(scale), other.at_scale(scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => self.scale.cmp(&other.scale),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn digits(n: &BigInt) -> i64 {
    n.magnitude().to_string().len() as i64
}

/// `10^n`; `None` if that is too large.
pub(crate) fn power(n: i64) -> Option<BigInt> {
    (0..=MAX_SHIFT).contains(&n).then(|| BigInt::from(10).pow(n as u32))
}

fn shifted(n: &BigInt, places: i64) -> Option<BigInt> {
    match *n == BigInt::ZERO {
        true => Some(BigInt::ZERO),
        false => power(places).map(|power| n * power),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_as_java_does() {
        for (text, written, plain) in [
            ("1.50", "1.50", "1.50"),
            ("-0.001", "-0.001", "-0.001"),
            ("1e3", "1E+3", "1000"),
            ("12e3", "1.2E+4", "12000"),
            ("1e-7", "1E-7", "0.0000001"),
            ("0.000001", "0.000001", "0.000001"),
            ("0", "0", "0"),
            ("-12.", "-12", "-12"),
            (".5", "0.5", "0.5"),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!((decimal.to_string().as_str(), decimal.to_plain().unwrap().as_str()), (written, plain));
            assert_eq!(Decimal::from_bytes(&decimal.to_bytes()), decimal);
        }
        for text in ["", ".", "1e", "a", "1.2.3", "--1", "1e99999999999"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn compares_far_scales_without_moving_digits() {
        let far = |scale| Decimal { unscaled: 1.into(), scale };
        assert!(far(i32::MIN) > far(i32::MAX) && far(i32::MAX) > Decimal::parse("-1").unwrap());
        assert!(far(i32::MIN).to_integer().is_none() && far(i32::MAX).to_integer() == Some(BigInt::ZERO));
    }
}
