//! `exp`, `ln` and `log10` of decimals, to 32 digits.

use num_bigint::{BigInt, Sign};

use crate::types::decimal::{Decimal, power};

const DIGITS: i64 = 32;
/// Digits after the point while at work.
const PLACES: i64 = 60;
const LN_10: &str = "2302585092994045684017991454684364207601101488628772976033328";
/// Results beyond have more digits than anybody wants.
const MOST: i64 = 100_000;

/// `e^n`
///
/// # Errors
/// A result that is too large or too small.
pub(super) fn exp(n: &Decimal) -> Result<Decimal, String> {
    let far = || "java.lang.ArithmeticException: Overflow".to_owned();
    if n.to_double().abs() > MOST as f64 {
        return Err(far());
    }
    // e^n = 10^tens · e^rest with a small rest; tens may take six digits, which the rest must not miss.
    let fine = PLACES + 8;
    let x = at(n, fine).ok_or_else(far)?;
    let ln_10 = &constant() * power(fine - PLACES).ok_or_else(far)?;
    let tens = floor(&x, &ln_10);
    let rest = (&x - &tens * &ln_10) / power(fine - PLACES).ok_or_else(far)?;
    let tens: i64 = tens.try_into().map_err(|_| far())?;
    Ok(rounded(Decimal { unscaled: series(&rest), scale: (PLACES - tens) as i32 }))
}

/// The natural logarithm; `None` of what has none.
pub(super) fn ln(n: &Decimal) -> Option<Decimal> {
    fixed_ln(n).map(|ln| rounded(Decimal { unscaled: ln, scale: PLACES as i32 }))
}

/// The logarithm to base 10; `None` of what has none.
pub(super) fn log10(n: &Decimal) -> Option<Decimal> {
    let scaled = fixed_ln(n)? * power(PLACES)?;
    Some(rounded(Decimal { unscaled: scaled / constant(), scale: PLACES as i32 }))
}

/// The natural logarithm with `PLACES` digits after the point.
fn fixed_ln(n: &Decimal) -> Option<BigInt> {
    if n.unscaled.sign() != Sign::Plus {
        return None;
    }
    // n = mantissa · 10^tens, with a mantissa from 1 up to 10.
    let tens = n.precision() - 1 - i64::from(n.scale);
    let mantissa = Decimal { unscaled: n.unscaled.clone(), scale: (n.precision() - 1) as i32 };
    let m = at(&mantissa, PLACES)?;
    let guess = Decimal::from_double(mantissa.to_double().ln())?;
    let mut y = at(&guess, PLACES)?;
    // Each step triples the digits that are right, of which a double has 15.
    for _ in 0..3 {
        let e = series(&y);
        y += (&m - &e) * 2 * power(PLACES)? / (&m + &e);
    }
    Some(y + constant() * tens)
}

/// `e^x` of a small `x`, both with `PLACES` digits after the point.
fn series(x: &BigInt) -> BigInt {
    let Some(one) = power(PLACES) else { return BigInt::ZERO };
    let (mut sum, mut term) = (one.clone(), one.clone());
    for n in 1..200 {
        term = term * x / &one / n;
        if term == BigInt::ZERO {
            break;
        }
        sum += &term;
    }
    sum
}

fn constant() -> BigInt {
    LN_10.parse().unwrap_or_default()
}

/// With so many digits after the point; what comes after is cut off.
fn at(n: &Decimal, places: i64) -> Option<BigInt> {
    let shift = places - i64::from(n.scale);
    match shift >= 0 {
        true => Some(&n.unscaled * power(shift)?),
        false if -shift > n.precision() => Some(BigInt::ZERO),
        false => Some(&n.unscaled / power(-shift)?),
    }
}

fn floor(a: &BigInt, b: &BigInt) -> BigInt {
    let quotient = a / b;
    if (a % b).sign() == Sign::Minus { quotient - 1 } else { quotient }
}

/// To `DIGITS` digits, halves up.
fn rounded(n: Decimal) -> Decimal {
    let excess = n.precision() - DIGITS;
    let Some(unit) = power(excess).filter(|_| excess > 0) else { return n };
    let half = &unit / 2 * if n.unscaled.sign() == Sign::Minus { -1 } else { 1 };
    Decimal { unscaled: (&n.unscaled + half) / &unit, scale: (i64::from(n.scale) - excess) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn has_the_digits_that_cassandra_has() {
        let n = decimal("1.5");
        assert_eq!(exp(&n).unwrap().to_string(), "4.4816890703380648226020554601193");
        assert_eq!(ln(&n).unwrap().to_string(), "0.40546510810816438197801311546435");
        assert_eq!(log10(&n).unwrap().to_string(), "0.17609125905568124208128900853062");
        assert_eq!(exp(&decimal("7")).unwrap().to_integer().unwrap(), 1096.into());
        assert!((exp(&decimal("-100")).unwrap().to_double() / (-100f64).exp() - 1.0).abs() < 1e-12);
        assert!((ln(&decimal("1e300")).unwrap().to_double() - 690.775_527_898_213_7).abs() < 1e-9);
        assert!(ln(&decimal("0")).is_none() && exp(&decimal("1e9")).is_err());
    }
}
