//! Numbers to other numbers, as Java converts them.

use bytes::Bytes;
use num_bigint::BigInt;

use super::arithmetic::fixed;
use super::{Function, bytes};
use crate::api::Error;
use crate::types::decimal::{Decimal, integer, integer_bytes};
use crate::types::{CqlType, number};

/// `CAST(number AS number)`
pub(super) fn number(function: &Function, arguments: &[Option<Bytes>]) -> Result<Option<Bytes>, Error> {
    let value = bytes(arguments, 0);
    if value.is_empty() {
        return Ok(None);
    }
    let from = &function.arguments[0];
    let failed = |message| function.failure(message);
    let out: Vec<u8> = match &function.returns {
        CqlType::Float => match from {
            CqlType::Float => value.to_vec(),
            CqlType::Double => (number::double(value) as f32).to_be_bytes().to_vec(),
            CqlType::Decimal | CqlType::Varint => (to_double(from, value) as f32).to_be_bytes().to_vec(),
            _ => (number::signed(value) as f32).to_be_bytes().to_vec(),
        },
        CqlType::Double => to_double(from, value).to_be_bytes().to_vec(),
        CqlType::Decimal => to_decimal(from, value).map_err(failed)?.to_bytes(),
        CqlType::Varint => integer_bytes(&match from {
            CqlType::Float | CqlType::Double => BigInt::from(to_double(from, value) as i64),
            _ => to_whole(from, value),
        }),
        to => return Ok(Some(fixed(to, to_long(from, to, value)))),
    };
    Ok(Some(out.into()))
}

/// A number as a double.
pub(super) fn to_double(from: &CqlType, value: &[u8]) -> f64 {
    match from {
        CqlType::Float => number::float(value).into(),
        CqlType::Double => number::double(value),
        CqlType::Decimal => Decimal::from_bytes(value).to_double(),
        CqlType::Varint => Decimal { unscaled: integer(value), scale: 0 }.to_double(),
        _ => number::signed(value) as f64,
    }
}

/// A number as a decimal: floats by their text.
///
/// # Errors
/// What is no number.
pub(super) fn to_decimal(from: &CqlType, value: &[u8]) -> Result<Decimal, String> {
    let of_double = |value: f64| {
        Decimal::from_double(value).ok_or_else(|| match value.is_nan() {
            true => "A NaN cannot be converted into a decimal".to_owned(),
            false => "An infinite number cannot be converted into a decimal".to_owned(),
        })
    };
    match from {
        CqlType::Decimal => Ok(Decimal::from_bytes(value)),
        CqlType::Float => {
            let text = number::java_float(number::float(value));
            Decimal::parse(&text).map_or_else(|| of_double(number::float(value).into()), Ok)
        }
        CqlType::Double => of_double(number::double(value)),
        _ => Ok(Decimal { unscaled: to_whole(from, value), scale: 0 }),
    }
}

fn to_whole(from: &CqlType, value: &[u8]) -> BigInt {
    match from {
        CqlType::Varint => integer(value),
        CqlType::Decimal => Decimal::from_bytes(value).to_integer().unwrap_or_default(),
        _ => BigInt::from(number::signed(value)),
    }
}

/// To an integer of fixed size: floats stop at its limits, whole numbers lose what doesn't fit.
fn to_long(from: &CqlType, to: &CqlType, value: &[u8]) -> i64 {
    match from {
        CqlType::Float | CqlType::Double => {
            let value = to_double(from, value);
            // Java narrows floats to `int` first.
            if *to == CqlType::Bigint { value as i64 } else { i64::from(value as i32) }
        }
        CqlType::Varint | CqlType::Decimal => {
            let bytes = integer_bytes(&to_whole(from, value));
            number::signed(&bytes[bytes.len().saturating_sub(8)..])
        }
        _ => number::signed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::candidates::cast;

    fn run(from: CqlType, to: CqlType, value: &[u8]) -> Vec<u8> {
        let functions = cast(&to);
        let function = functions.iter().find(|function| function.arguments[0] == from).unwrap();
        function.call(&[Some(value.to_vec().into())]).unwrap().unwrap().to_vec()
    }

    #[test]
    fn narrows_as_java_does() {
        assert_eq!(run(CqlType::Int, CqlType::Tinyint, &300i32.to_be_bytes()), [44]);
        assert_eq!(run(CqlType::Double, CqlType::Int, &1e20f64.to_be_bytes()), i32::MAX.to_be_bytes());
        assert_eq!(run(CqlType::Double, CqlType::Int, &f64::NAN.to_be_bytes()), [0; 4]);
        assert_eq!(run(CqlType::Double, CqlType::Int, &(-1.9f64).to_be_bytes()), (-1i32).to_be_bytes());
        let large = integer_bytes(&(BigInt::from(1) << 70u32 | BigInt::from(5)));
        assert_eq!(run(CqlType::Varint, CqlType::Bigint, &large), 5i64.to_be_bytes());
        assert_eq!(run(CqlType::Float, CqlType::Text, &0.1f32.to_be_bytes()), b"0.1");
        assert_eq!(run(CqlType::Float, CqlType::Decimal, &0.1f32.to_be_bytes()), [0, 0, 0, 1, 1]);
    }
}
