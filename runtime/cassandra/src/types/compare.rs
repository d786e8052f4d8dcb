//! The order of values, which is that of clustering columns, sets and maps. Bytes are taken as validated; of others
//! the order is arbitrary.

use std::cmp::Ordering;

use super::collection::{elements, fields, vector};
use super::decimal::{Decimal, integer};
use super::{CqlType, number};

impl CqlType {
    /// The order of two values.
    pub(crate) fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            // Date, time and inet are made such that bytes have their order; durations have none of their own.
            Self::Ascii | Self::Blob | Self::Text | Self::Date | Self::Time | Self::Inet | Self::Duration => a.cmp(b),
            _ if a.is_empty() || b.is_empty() => a.len().min(1).cmp(&b.len().min(1)),
            Self::Boolean => (a != [0]).cmp(&(b != [0])),
            Self::Tinyint | Self::Smallint | Self::Int | Self::Bigint | Self::Counter | Self::Timestamp => {
                number::signed(a).cmp(&number::signed(b))
            }
            Self::Float => total(number::float(a).into(), number::float(b).into()),
            Self::Double => total(number::double(a), number::double(b)),
            Self::Varint => integer(a).cmp(&integer(b)),
            Self::Decimal => Decimal::from_bytes(a).cmp(&Decimal::from_bytes(b)),
            Self::Uuid => uuid(a).cmp(&uuid(b)),
            Self::Timeuuid => timeuuid(a).cmp(&timeuuid(b)),
            Self::List { element, .. } | Self::Set { element, .. } => {
                in_turn(elements(a, false), elements(b, false), |_| element)
            }
            Self::Map { key, value, .. } => {
                in_turn(elements(a, true), elements(b, true), |i| if i % 2 == 0 { key } else { value })
            }
            Self::Tuple(parts) => tuple(a, b, |i| parts.get(i)),
            Self::Udt { definition, .. } => tuple(a, b, |i| definition.fields.get(i).map(|(_, of)| of)),
            Self::Vector { element, dimension } => {
                let parts = |bytes| vector(bytes, element, *dimension).into_iter().map(Some);
                in_turn(parts(a), parts(b), |_| element)
            }
        }
    }
}

fn in_turn<'a, 't>(
    a: impl Iterator<Item = Option<&'a [u8]>>,
    mut b: impl Iterator<Item = Option<&'a [u8]>>,
    of: impl Fn(usize) -> &'t CqlType,
) -> Ordering {
    for (i, left) in a.enumerate() {
        let Some(right) = b.next() else { return Ordering::Greater };
        let order = of(i).compare(left.unwrap_or_default(), right.unwrap_or_default());
        if order.is_ne() {
            return order;
        }
    }
    if b.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

/// Nulls come first; what is missing at the end counts as null.
fn tuple<'t>(a: &[u8], b: &[u8], of: impl Fn(usize) -> Option<&'t CqlType>) -> Ordering {
    let (mut left, mut right) = (fields(a), fields(b));
    for of in (0..).map_while(of) {
        let order = match (left.next().flatten(), right.next().flatten()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => of.compare(a, b),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Java's order: NaN is the greatest, and all of them are equal.
fn total(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

fn halves(bytes: &[u8]) -> (u64, u64) {
    let half = |at: usize| bytes.get(at..at + 8).map_or(0, |half| number::signed(half) as u64);
    (half(0), half(8))
}

/// Version, then for version 1 the time, then the bytes.
fn uuid(bytes: &[u8]) -> (u64, u64, u64) {
    let (high, low) = halves(bytes);
    let version = high >> 12 & 0xf;
    (version, if version == 1 { by_time(high) } else { high }, low)
}

/// The time, then the rest as signed bytes, as it always was.
fn timeuuid(bytes: &[u8]) -> (i64, i64) {
    let (high, low) = halves(bytes);
    (by_time(high) as i64, (low ^ 0x0080_8080_8080_8080) as i64)
}

/// The first half of a version 1 uuid with its most significant parts first.
fn by_time(high: u64) -> u64 {
    high << 48 | (high << 16) & 0xffff_0000_0000 | high >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(of: &CqlType, values: &[&[u8]]) {
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(of.compare(a, b), i.cmp(&j), "{of}: {a:x?} and {b:x?}");
            }
        }
    }

    #[test]
    fn orders_numbers_by_value_and_the_empty_one_first() {
        ordered(&CqlType::Int, &[&[], &[0xff, 0xff, 0xff, 0xff], &[0, 0, 0, 0], &[0, 0, 0, 1]]);
        ordered(&CqlType::Varint, &[&[0xff, 0], &[0xff], &[0], &[1], &[0, 0x80], &[1, 0]]);
        let doubles = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.5, f64::INFINITY, f64::NAN].map(f64::to_be_bytes);
        ordered(&CqlType::Double, &doubles.each_ref().map(|bytes| bytes.as_slice()));
        ordered(
            &CqlType::Decimal,
            &[&[0, 0, 0, 0, 0xff], &[0, 0, 0, 2, 1], &[0, 0, 0, 1, 1], &[0xff, 0xff, 0xff, 0xff, 1]],
        );
        assert!(CqlType::Decimal.compare(&[0, 0, 0, 0, 1], &[0, 0, 0, 1, 10]).is_eq());
    }

    #[test]
    fn orders_timeuuids_by_time() {
        let uuid = |text: &str| *uuid::Uuid::parse_str(text).unwrap().as_bytes();
        let values = [
            uuid("ffffffff-0000-1000-8000-000000000000"),
            uuid("00000000-0001-1000-8000-000000000000"),
            uuid("00000000-0000-1001-8080-808080808080"),
            uuid("00000000-0000-1001-8000-000000000000"),
        ];
        ordered(&CqlType::Timeuuid, &values.each_ref().map(|bytes| bytes.as_slice()));
        let random = uuid("00000000-0000-4000-8000-000000000000");
        assert!(CqlType::Uuid.compare(&values[3], &random).is_lt());
    }

    #[test]
    fn orders_tuples_with_nulls_first() {
        let of = CqlType::Tuple([CqlType::Int, CqlType::Int].into());
        let part = |n: i32| [&4i32.to_be_bytes()[..], &n.to_be_bytes()[..]].concat();
        let null = (-1i32).to_be_bytes().to_vec();
        let values =
            [[null.clone(), part(9)].concat(), [part(1), null.clone()].concat(), [part(1), part(0)].concat(), part(2)];
        ordered(&of, &values.each_ref().map(|bytes| bytes.as_slice()));
        assert!(of.compare(&part(1), &[part(1), null].concat()).is_eq());
    }
}
