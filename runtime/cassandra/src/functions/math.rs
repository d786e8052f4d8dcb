//! `abs`, `exp`, `log`, `log10` and `round`: the result is of the argument's type.

use bytes::Bytes;
use num_bigint::{BigInt, Sign};

use super::arithmetic::{divided, fixed};
use super::{Function, bytes, precise};
use crate::api::Error;
use crate::types::decimal::{Decimal, integer, integer_bytes};
use crate::types::{CqlType, number};

type Outcome = Result<Option<Bytes>, Error>;

pub(super) fn abs(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let of = &function.returns;
    on(function, arguments, f64::abs, |n| Ok(Decimal { unscaled: magnitude(&n.unscaled), scale: n.scale })).or_else(
        |value| {
            Ok(Some(match of {
                CqlType::Varint => integer_bytes(&magnitude(&integer(value))).into(),
                _ => fixed(of, number::signed(value).wrapping_abs()),
            }))
        },
    )
}

pub(super) fn exp(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_whole(function, arguments, f64::exp, precise::exp)
}

pub(super) fn log(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_whole(function, arguments, f64::ln, |n| {
        precise::ln(n).ok_or_else(|| "java.lang.ArithmeticException: Natural log of number zero or less".to_owned())
    })
}

pub(super) fn log10(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    of_whole(function, arguments, f64::log10, |n| {
        precise::log10(n).ok_or_else(|| "java.lang.ArithmeticException: Log10 of number zero or less".to_owned())
    })
}

pub(super) fn round(function: &Function, arguments: &[Option<Bytes>]) -> Outcome {
    let one = Decimal { unscaled: BigInt::from(1), scale: 0 };
    // Java rounds halves up, to a long.
    let rounded = |n: f64| (n + 0.5).floor() as i64 as f64;
    let whole = |n: &Decimal| if n.scale <= 0 { Some(n.clone()) } else { divided(n, &one, 0) };
    on(function, arguments, rounded, |n| whole(n).ok_or_else(|| "the number has too many digits".to_owned()))
        .or_else(|value| Ok(Some(Bytes::copy_from_slice(value))))
}

/// What became of a number: a result, or the bytes of a number without point.
struct Partly<'a>(Result<Outcome, &'a [u8]>);

impl<'a> Partly<'a> {
    fn or_else(self, whole: impl FnOnce(&'a [u8]) -> Outcome) -> Outcome {
        self.0.unwrap_or_else(whole)
    }
}

/// Works on numbers with a point.
fn on<'a>(
    function: &Function,
    arguments: &'a [Option<Bytes>],
    point: impl Fn(f64) -> f64,
    decimal: impl Fn(&Decimal) -> Result<Decimal, String>,
) -> Partly<'a> {
    let value = bytes(arguments, 0);
    if value.is_empty() {
        return Partly(Ok(Ok(None)));
    }
    Partly(Ok(Ok(Some(match function.returns {
        CqlType::Float => (point(number::float(value).into()) as f32).to_be_bytes().to_vec().into(),
        CqlType::Double => point(number::double(value)).to_be_bytes().to_vec().into(),
        CqlType::Decimal => match decimal(&Decimal::from_bytes(value)) {
            Ok(result) => result.to_bytes().into(),
            Err(error) => return Partly(Ok(Err(Error::Server(error)))),
        },
        _ => return Partly(Err(value)),
    }))))
}

/// Works on all numbers; those without point lose what comes after it.
fn of_whole(
    function: &Function,
    arguments: &[Option<Bytes>],
    point: fn(f64) -> f64,
    decimal: impl Fn(&Decimal) -> Result<Decimal, String>,
) -> Outcome {
    on(function, arguments, point, &decimal).or_else(|value| match &function.returns {
        CqlType::Varint => {
            let result = decimal(&Decimal { unscaled: integer(value), scale: 0 }).map_err(Error::Server)?;
            let whole =
                result.to_integer().ok_or_else(|| Error::Server("the number has too many digits".to_owned()))?;
            Ok(Some(integer_bytes(&whole).into()))
        }
        of => {
            let result = point(number::signed(value) as f64);
            let whole = match of {
                CqlType::Bigint | CqlType::Counter => result as i64,
                _ => i64::from(result as i32),
            };
            Ok(Some(fixed(of, whole)))
        }
    })
}

fn magnitude(n: &BigInt) -> BigInt {
    BigInt::from_biguint(Sign::Plus, n.magnitude().clone())
}
