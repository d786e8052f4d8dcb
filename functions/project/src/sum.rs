//! [`Sum`]: a whole or decimal number that is added up exactly.

use function_common::Kind;
use veltrix_sdk::cql::{CqlError, CqlType, Decimal, Row, Value, Varint};

/// `unscaled` × 10^−`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    unscaled: i128,
    scale: i32,
}

impl Sum {
    /// Of a field; none: it is longer than any sum can be.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value.cql_type() {
            CqlType::Decimal => {
                let decimal: Decimal = value.get().ok()?;
                Some(Self { unscaled: decimal.unscaled().try_into().ok()?, scale: decimal.scale() })
            }
            CqlType::Varint => Some(Self { unscaled: (&value.get::<Varint>().ok()?).try_into().ok()?, scale: 0 }),
            _ => Some(Self { unscaled: value.get::<i64>().ok()?.into(), scale: 0 }),
        }
    }

    /// Of a column; null is 0.
    pub(crate) fn read(row: &Row, column: &str) -> Result<Self, CqlError> {
        let value: Option<Value> = row.get(column)?;
        let value = value.filter(|value| value.as_bytes().is_some());
        // Written by this function alone, so that it has room.
        Ok(value.and_then(|value| Self::of(&value)).unwrap_or_default())
    }

    /// Exact, or none.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let at_scale = |sum: Self| {
            let zeros = scale.checked_sub(sum.scale)?;
            if sum.unscaled == 0 {
                return Some(0);
            }
            10i128.checked_pow(zeros.try_into().ok()?)?.checked_mul(sum.unscaled)
        };
        Some(Self { unscaled: at_scale(self)?.checked_add(at_scale(other)?)?, scale })
    }

    /// As the column takes it, if it has room.
    pub(crate) fn value(self, kind: &Kind) -> Option<Value> {
        match kind.column() {
            CqlType::Decimal => Value::new(Decimal::new(self.unscaled, self.scale)).ok(),
            CqlType::Varint => Value::new(Varint::from(self.unscaled)).ok(),
            _ => Value::new(i64::try_from(self.unscaled).ok()?).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(text: &str) -> Sum {
        Sum::of(&Value::new(text.parse::<Decimal>().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn decimals_add_up_exactly() {
        let plus = |a, b| {
            let kind = Kind::parse("decimal").unwrap();
            sum(a).plus(sum(b)).map(|sum| sum.value(&kind).unwrap().get::<Decimal>().unwrap().to_string())
        };
        assert_eq!(plus("0.1", "0.20"), Some("0.30".into()));
        assert_eq!(plus("1e3", "0.5"), Some("1000.5".into()));
        assert_eq!(plus("-1", "1.00"), Some("0.00".into()));
        assert_eq!(plus("1e38", "0.1"), None);
        assert_eq!(plus("0", "1e-300").as_deref(), Some("1E-300"));
        assert_eq!(plus(&i128::MAX.to_string(), "1"), None);
    }

    #[test]
    fn a_sum_has_to_fit_its_column() {
        let big = Kind::parse("bigint").unwrap();
        let most = Sum::of(&Value::new(i64::MAX).unwrap()).unwrap();
        assert!(most.value(&big).is_some());
        let more = most.plus(Sum { unscaled: 1, scale: 0 }).unwrap();
        assert_eq!(more.value(&big), None);
        let varint = more.value(&Kind::parse("varint").unwrap()).unwrap();
        assert_eq!(varint.get::<Varint>().unwrap().to_string(), "9223372036854775808");
    }
}
