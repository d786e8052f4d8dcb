//! `+`, `-`, `*`, `/` and `%`.

use std::ops::{Add, Div, Mul, Rem, Sub};

use bytes::Bytes;
use num_bigint::BigInt;
use veltrix_cql::Operator;

use super::cast::to_decimal;
use super::{Function, bytes};
use crate::api::Error;
use crate::types::calendar::{Day, date_bytes, day_of, days, millis_of};
use crate::types::decimal::{Decimal, integer, integer_bytes, power};
use crate::types::duration::Duration;
use crate::types::{CqlType, number};

/// The type of an operation of two numbers: as wide as the wider one, with a point if either has one.
pub(super) fn result(left: &CqlType, right: &CqlType) -> CqlType {
    let size = |of: &CqlType| match of {
        CqlType::Tinyint => 1,
        CqlType::Smallint => 2,
        CqlType::Int | CqlType::Float => 4,
        CqlType::Bigint | CqlType::Counter | CqlType::Double => 8,
        _ => u8::MAX,
    };
    let point = |of: &CqlType| matches!(of, CqlType::Float | CqlType::Double | CqlType::Decimal);
    match (point(left) || point(right), size(left).max(size(right))) {
        (true, 1..=4) => CqlType::Float,
        (true, 8) => CqlType::Double,
        (true, _) => CqlType::Decimal,
        (false, 1) => CqlType::Tinyint,
        (false, 2) => CqlType::Smallint,
        (false, 4) => CqlType::Int,
        (false, 8) => CqlType::Bigint,
        (false, _) => CqlType::Varint,
    }
}

type Outcome = Result<Option<Bytes>, Error>;

pub(super) fn add(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    run(function, arguments, Operator::Add)
}

pub(super) fn subtract(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    run(function, arguments, Operator::Subtract)
}

pub(super) fn multiply(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    run(function, arguments, Operator::Multiply)
}

pub(super) fn divide(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    run(function, arguments, Operator::Divide)
}

pub(super) fn modulo(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    run(function, arguments, Operator::Modulo)
}

pub(super) fn negate(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let value = bytes(arguments, 0);
    if value.is_empty() {
        return Ok(None);
    }
    let of = &function.returns;
    let negative: Bytes = match of {
        CqlType::Varint => integer_bytes(&-integer(value)).into(),
        CqlType::Decimal => {
            let Decimal { unscaled, scale } = Decimal::from_bytes(value);
            Decimal { unscaled: -unscaled, scale }.to_bytes().into()
        }
        CqlType::Float => (-number::float(value)).to_be_bytes().to_vec().into(),
        CqlType::Double => (-number::double(value)).to_be_bytes().to_vec().into(),
        _ => fixed(of, number::signed(value).wrapping_neg()),
    };
    Ok(Some(negative))
}

fn run(function: &Function, arguments: &[Option<Bytes>], op: Operator) -> Outcome {
    let (left, right) = (bytes(arguments, 0), bytes(arguments, 1));
    let [left_of, right_of] = function.arguments.as_slice() else { return Ok(None) };
    let is_text = |of: &CqlType| matches!(of, CqlType::Text | CqlType::Ascii);
    if is_text(left_of) && is_text(right_of) {
        return Ok(Some([left, right].concat().into()));
    }
    if left.is_empty() || right.is_empty() {
        return Ok(None);
    }
    operate(op, (left_of, left), (right_of, right), &function.returns).map(Some).map_err(|error| {
        function.failure(format!("the operation '{left_of} {} {right_of}' failed: {error}", op.as_str()))
    })
}

/// What an operator makes of two values, neither of them empty, as a value of type `returns`.
///
/// # Errors
/// What is wrong, in Java's words.
pub(crate) fn operate(
    op: Operator,
    (left_of, left): (&CqlType, &[u8]),
    (right_of, right): (&CqlType, &[u8]),
    returns: &CqlType,
) -> Result<Bytes, String> {
    let numbers = |of: &CqlType, bytes: &[u8]| match of {
        CqlType::Float => f64::from(number::float(bytes)),
        CqlType::Double => number::double(bytes),
        _ => number::signed(bytes) as f64,
    };
    match returns {
        CqlType::Text | CqlType::Ascii => Ok([left, right].concat().into()),
        CqlType::Timestamp | CqlType::Date => {
            let mut duration = Duration::from_bytes(right).unwrap_or_default();
            if op == Operator::Subtract {
                duration = Duration {
                    months: duration.months.wrapping_neg(),
                    days: duration.days.wrapping_neg(),
                    nanos: duration.nanos.wrapping_neg(),
                };
            }
            moved(returns, left, duration)
        }
        CqlType::Float => {
            let narrow = |of, bytes| match of {
                &CqlType::Float => number::float(bytes),
                _ => number::signed(bytes) as f32,
            };
            let (a, b) = (narrow(left_of, left), narrow(right_of, right));
            Ok(calculated(op, a, b).to_be_bytes().to_vec().into())
        }
        CqlType::Double => {
            let (a, b) = (numbers(left_of, left), numbers(right_of, right));
            Ok(calculated(op, a, b).to_be_bytes().to_vec().into())
        }
        CqlType::Decimal => {
            let value = decimal(op, &inexact(left_of, left)?, &inexact(right_of, right)?)?;
            Ok(value.to_bytes().into())
        }
        CqlType::Varint => {
            let whole = |of: &CqlType, bytes| match of {
                CqlType::Varint => integer(bytes),
                _ => BigInt::from(number::signed(bytes)),
            };
            let (a, b) = (whole(left_of, left), whole(right_of, right));
            if b == BigInt::ZERO && matches!(op, Operator::Divide | Operator::Modulo) {
                return Err("BigInteger divide by zero".to_owned());
            }
            Ok(integer_bytes(&calculated(op, a, b)).into())
        }
        of => {
            let (a, b) = (number::signed(left), number::signed(right));
            if b == 0 && matches!(op, Operator::Divide | Operator::Modulo) {
                return Err("/ by zero".to_owned());
            }
            Ok(fixed(
                of,
                match op {
                    Operator::Add => a.wrapping_add(b),
                    Operator::Subtract => a.wrapping_sub(b),
                    Operator::Multiply => a.wrapping_mul(b),
                    Operator::Divide => a.wrapping_div(b),
                    Operator::Modulo => a.wrapping_rem(b),
                },
            ))
        }
    }
}

fn calculated<T>(op: Operator, a: T, b: T) -> T
where
    T: Add<Output = T> + Sub<Output = T> + Mul<Output = T> + Div<Output = T> + Rem<Output = T>,
{
    match op {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::Modulo => a % b,
    }
}

/// An integer of fixed size; what doesn't fit is cut off, as Java does.
pub(super) fn fixed(of: &CqlType, value: i64) -> Bytes {
    match of {
        CqlType::Tinyint => (value as i8).to_be_bytes().to_vec().into(),
        CqlType::Smallint => (value as i16).to_be_bytes().to_vec().into(),
        CqlType::Int => (value as i32).to_be_bytes().to_vec().into(),
        _ => value.to_be_bytes().to_vec().into(),
    }
}

/// Operands of decimals that are neither decimal nor `varint` become doubles first.
fn inexact(of: &CqlType, bytes: &[u8]) -> Result<Decimal, String> {
    match of {
        CqlType::Decimal | CqlType::Varint => to_decimal(of, bytes),
        CqlType::Float => to_decimal(&CqlType::Double, &f64::from(number::float(bytes)).to_be_bytes()),
        CqlType::Double => to_decimal(of, bytes),
        _ => to_decimal(&CqlType::Double, &(number::signed(bytes) as f64).to_be_bytes()),
    }
}

fn decimal(op: Operator, a: &Decimal, b: &Decimal) -> Result<Decimal, String> {
    let far = || "the scales of the operands are too far apart".to_owned();
    let scale = a.scale.max(b.scale);
    let both = || Some((a.at_scale(scale)?, b.at_scale(scale)?));
    match op {
        Operator::Add => both().map(|(a, b)| Decimal { unscaled: a + b, scale }).ok_or_else(far),
        Operator::Subtract => both().map(|(a, b)| Decimal { unscaled: a - b, scale }).ok_or_else(far),
        Operator::Multiply => {
            let scale = a.scale.checked_add(b.scale).ok_or_else(far)?;
            Ok(Decimal { unscaled: &a.unscaled * &b.unscaled, scale })
        }
        Operator::Divide | Operator::Modulo if b.unscaled == BigInt::ZERO => {
            Err("BigInteger divide by zero".to_owned())
        }
        Operator::Modulo => both().map(|(a, b)| Decimal { unscaled: a % b, scale }).ok_or_else(far),
        Operator::Divide => quotient(a, b).ok_or_else(far),
    }
}

/// At least 32 digits, and at least 32 of them after the point; then without zeros at the end.
fn quotient(a: &Decimal, b: &Decimal) -> Option<Decimal> {
    let magnitude = |n: &Decimal| n.precision() - i64::from(n.scale);
    let first = magnitude(a) - magnitude(b);
    let scale = (32 - first).max(a.scale.into()).max(b.scale.into()).clamp(32, 1000);
    divided(a, b, scale as i32).map(stripped)
}

/// At a scale, rounded half up.
pub(super) fn divided(a: &Decimal, b: &Decimal, scale: i32) -> Option<Decimal> {
    // a / b at `scale` is (a · 10^shift) / b of the unscaled ones.
    let shift = i64::from(scale) - i64::from(a.scale) + i64::from(b.scale);
    let (top, bottom) = match shift >= 0 {
        true => (&a.unscaled * power(shift)?, b.unscaled.clone()),
        false => (a.unscaled.clone(), &b.unscaled * power(-shift)?),
    };
    let (quotient, rest) = (&top / &bottom, &top % &bottom);
    let half = rest.magnitude() * 2u32 >= *bottom.magnitude();
    let step = if top.sign() == bottom.sign() { 1 } else { -1 };
    Some(Decimal { unscaled: if half { quotient + step } else { quotient }, scale })
}

pub(super) fn stripped(mut value: Decimal) -> Decimal {
    if value.unscaled == BigInt::ZERO {
        return Decimal { unscaled: BigInt::ZERO, scale: 0 };
    }
    let digits = value.unscaled.magnitude().to_string();
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    if let Some(power) = power(zeros as i64) {
        value.unscaled /= power;
        value.scale = value.scale.saturating_sub(zeros as i32);
    }
    value
}

/// A timestamp or date, later by a duration.
fn moved(of: &CqlType, value: &[u8], by: Duration) -> Result<Bytes, String> {
    let overflow = || "long overflow".to_owned();
    if *of == CqlType::Date {
        if by.nanos != 0 {
            return Err(format!("The duration must have a day precision. Was: {}", positive(by)));
        }
        let day = later(days(value), by).and_then(date_bytes).ok_or_else(overflow)?;
        return Ok(day.to_vec().into());
    }
    if by.nanos % 1_000_000 != 0 {
        return Err(format!("The duration must have a millisecond precision. Was: {}", positive(by)));
    }
    let millis = number::signed(value);
    let day = later(day_of(millis), by).ok_or_else(overflow)?;
    let of_day = millis - millis_of(day_of(millis));
    let moved = millis_of(day).checked_add(of_day).and_then(|sum| sum.checked_add(by.nanos / 1_000_000));
    Ok(moved.ok_or_else(overflow)?.to_be_bytes().to_vec().into())
}

/// As it was written: the sign is that of the operator.
fn positive(by: Duration) -> Duration {
    let Duration { months, days, nanos } = by;
    Duration { months: months.wrapping_abs(), days: days.wrapping_abs(), nanos: nanos.wrapping_abs() }
}

/// A day, later by the months and days of a duration; the last of the month if there is no such day.
pub(super) fn later(day: i64, by: Duration) -> Option<i64> {
    let Day { year, month, day: of_month } = Day::of(day);
    let months = year.checked_mul(12)?.checked_add(i64::from(month) - 1)?.checked_add(by.months.into())?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
    let first_that_is =
        (28..=of_month.max(28)).rev().find_map(|last| Day { year, month, day: of_month.min(last) }.number());
    first_that_is?.checked_add(by.days.into())
}
