//! Functions over many rows.

use std::cmp::Ordering;

use bytes::Bytes;
use num_bigint::BigInt;

use super::arithmetic::{divided, fixed};
use crate::api::Error;
use crate::types::decimal::{Decimal, integer, integer_bytes};
use crate::types::{CqlType, number};

/// What is made of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `count(*)`: rows.
    Rows,
    /// `count(value)`: values that are not null.
    Count,
    /// `min`
    Least,
    /// `max`
    Greatest,
    /// `sum`
    Sum,
    /// `avg`
    Average,
}

/// An aggregate at work.
#[derive(Debug, Clone)]
pub(crate) struct State {
    kind: Kind,
    of: CqlType,
    count: i64,
    held: Held,
}

#[derive(Debug, Clone)]
enum Held {
    Nothing,
    Value(Bytes),
    /// Sums of integers of fixed size overflow as Java's do; averages don't.
    Whole(i128),
    Big(BigInt),
    Decimal(Decimal),
    /// With the error that was made so far, and the plain sum, which is right if it is infinite.
    Point {
        sum: f64,
        error: f64,
        plain: f64,
    },
}

impl State {
    /// Before any row; `of` is the type of the argument.
    pub(crate) fn new(kind: Kind, of: &CqlType) -> Self {
        let held = match (kind, of) {
            (Kind::Rows | Kind::Count | Kind::Least | Kind::Greatest, _) => Held::Nothing,
            (_, CqlType::Varint) => Held::Big(BigInt::ZERO),
            (_, CqlType::Decimal) => Held::Decimal(Decimal { unscaled: BigInt::ZERO, scale: 0 }),
            (_, CqlType::Float | CqlType::Double) => Held::Point { sum: 0.0, error: 0.0, plain: 0.0 },
            _ => Held::Whole(0),
        };
        Self { kind, of: of.clone(), count: 0, held }
    }

    /// Takes a row's argument; for `Kind::Rows` none is needed.
    ///
    /// # Errors
    /// Decimals that are too far apart for a sum.
    pub(crate) fn add(&mut self, value: Option<&Bytes>) -> Result<(), Error> {
        if self.kind == Kind::Rows {
            self.count += 1;
            return Ok(());
        }
        let Some(value) = value else { return Ok(()) };
        let numeric = matches!(self.kind, Kind::Sum | Kind::Average);
        if numeric && value.is_empty() {
            return Ok(());
        }
        self.count += 1;
        match &mut self.held {
            Held::Nothing if matches!(self.kind, Kind::Least | Kind::Greatest) => {
                self.held = Held::Value(value.clone())
            }
            Held::Nothing => {}
            Held::Value(best) => {
                let wanted = if self.kind == Kind::Least { Ordering::Less } else { Ordering::Greater };
                if self.of.compare(value, best) == wanted {
                    *best = value.clone();
                }
            }
            Held::Whole(sum) => *sum += i128::from(number::signed(value)),
            Held::Big(sum) => *sum += integer(value),
            Held::Decimal(sum) => *sum = total(sum, &Decimal::from_bytes(value))?,
            Held::Point { sum, error, plain } => {
                let value = if self.of == CqlType::Float { number::float(value).into() } else { number::double(value) };
                *plain += value;
                let corrected = value - *error;
                let next = *sum + corrected;
                *error = (next - *sum) - corrected;
                *sum = next;
            }
        }
        Ok(())
    }

    /// The result.
    pub(crate) fn finish(self) -> Option<Bytes> {
        let count = self.count;
        let average = self.kind == Kind::Average;
        Some(match self.held {
            Held::Nothing if matches!(self.kind, Kind::Rows | Kind::Count) => count.to_be_bytes().to_vec().into(),
            Held::Nothing => return None,
            Held::Value(value) => value,
            Held::Whole(sum) if average => fixed(&self.of, (sum / i128::from(count.max(1))) as i64),
            Held::Whole(sum) => fixed(&self.of, sum as i64),
            Held::Big(sum) if average => integer_bytes(&(sum / count.max(1))).into(),
            Held::Big(sum) => integer_bytes(&sum).into(),
            Held::Decimal(sum) if average && count > 0 => mean(&sum, count).to_bytes().into(),
            Held::Decimal(sum) => sum.to_bytes().into(),
            Held::Point { sum, plain, .. } => {
                let sum = if sum.is_finite() { sum } else { plain };
                let value = if average && count > 0 { sum / count as f64 } else { sum };
                match self.of {
                    CqlType::Float => (value as f32).to_be_bytes().to_vec().into(),
                    _ => value.to_be_bytes().to_vec().into(),
                }
            }
        })
    }
}

fn total(a: &Decimal, b: &Decimal) -> Result<Decimal, Error> {
    let scale = a.scale.max(b.scale);
    match (a.at_scale(scale), b.at_scale(scale)) {
        (Some(a), Some(b)) => Ok(Decimal { unscaled: a + b, scale }),
        _ => Err(Error::Invalid("the scales of the decimals are too far apart for a sum".to_owned())),
    }
}

/// At the sum's scale; half of a digit goes to the even neighbour.
fn mean(sum: &Decimal, count: i64) -> Decimal {
    let count = Decimal { unscaled: count.into(), scale: 0 };
    let up = divided(sum, &count, sum.scale).unwrap_or_else(|| sum.clone());
    let rest = (&sum.unscaled % &count.unscaled).magnitude() * 2u32;
    let odd = up.unscaled.magnitude().bit(0);
    if rest == *count.unscaled.magnitude() && odd {
        let step = if sum.unscaled.sign() == num_bigint::Sign::Minus { 1 } else { -1 };
        return Decimal { unscaled: up.unscaled + step, scale: up.scale };
    }
    up
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text::{parse, print};

    fn run(kind: Kind, of: &CqlType, values: &[&str]) -> Option<String> {
        let mut state = State::new(kind, of);
        for value in values {
            state.add(Some(&parse(of, value).unwrap())).unwrap();
        }
        state.add(None).unwrap();
        let returns = if kind == Kind::Count { &CqlType::Bigint } else { of };
        state.finish().map(|bytes| print(returns, &bytes))
    }

    #[test]
    fn sums_overflow_and_averages_do_not() {
        let largest = "2147483647";
        assert_eq!(run(Kind::Sum, &CqlType::Int, &[largest, "1"]).as_deref(), Some("-2147483648"));
        assert_eq!(run(Kind::Average, &CqlType::Int, &[largest, largest]).as_deref(), Some(largest));
        assert_eq!(run(Kind::Average, &CqlType::Decimal, &["1", "2"]).as_deref(), Some("2"));
        assert_eq!(run(Kind::Average, &CqlType::Decimal, &["2", "3"]).as_deref(), Some("2"));
        assert_eq!(run(Kind::Sum, &CqlType::Double, &["0.1", "0.2"]).as_deref(), Some("0.30000000000000004"));
    }

    #[test]
    fn nothing_counts_as_zero_and_has_no_extremes() {
        for (kind, result) in [
            (Kind::Count, Some("0")),
            (Kind::Sum, Some("0")),
            (Kind::Average, Some("0")),
            (Kind::Least, None),
            (Kind::Greatest, None),
        ] {
            assert_eq!(run(kind, &CqlType::Int, &[]).as_deref(), result);
        }
        assert_eq!(run(Kind::Greatest, &CqlType::Text, &["b", "c", "a"]).as_deref(), Some("c"));
    }
}
