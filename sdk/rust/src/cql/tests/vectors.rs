//! Encodings against bytes worked out by hand from the protocol's specification.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::super::*;
use super::*;

/// Encodes to the bytes, and back to the value.
fn check<T: ToCql + FromCql + PartialEq + std::fmt::Debug>(value: T, ty: &CqlType, bytes: &[u8]) {
    assert_eq!(body(&value, ty), bytes, "{value:?} as {ty}");
    assert_eq!(decode::<T>(bytes, ty).unwrap(), value, "{bytes:?} as {ty}");
}

#[test]
fn integers_are_big_endian() {
    check(-2i8, &CqlType::TinyInt, &[0xfe]);
    check(258i16, &CqlType::SmallInt, &[1, 2]);
    check(-1i32, &CqlType::Int, &[0xff; 4]);
    check(1i64 << 32, &CqlType::BigInt, &[0, 0, 0, 1, 0, 0, 0, 0]);
    check(7i64, &CqlType::Counter, &[0, 0, 0, 0, 0, 0, 0, 7]);
}

#[test]
fn floats_are_ieee() {
    check(1.0f32, &CqlType::Float, &[0x3f, 0x80, 0, 0]);
    check(-2.0f64, &CqlType::Double, &[0xc0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn text_blob_boolean() {
    check("né".to_owned(), &CqlType::Text, &[0x6e, 0xc3, 0xa9]);
    check("ab".to_owned(), &CqlType::Ascii, b"ab");
    check(String::new(), &CqlType::Text, b"");
    check(vec![0u8, 255], &CqlType::Blob, &[0, 255]);
    check([1u8, 2], &CqlType::Blob, &[1, 2]);
    check(true, &CqlType::Boolean, &[1]);
    check(false, &CqlType::Boolean, &[0]);
}

#[test]
fn uuids_are_their_bytes() {
    let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let bytes = [0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0, 0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e, 0x6b, 0xf6];
    let uuid: Uuid = text.parse().unwrap();
    check(uuid, &CqlType::Uuid, &bytes);
    check(uuid, &CqlType::TimeUuid, &bytes);
    assert_eq!(uuid.to_string(), text);
    assert_eq!(uuid.timestamp().unwrap().to_string(), "1997-02-03T17:43:12.216Z");
    assert_eq!("F81D4FAE7DEC11D0A76500A0C91E6BF6".parse(), Ok(uuid));
    for bad in ["", "f81d4fae", "f81d4fae-7dec-11d0-a765-00a0c91e6bf", "f81d4fae_7dec-11d0-a765-00a0c91e6bf6"] {
        assert_eq!(bad.parse::<Uuid>(), Err(ParseUuidError), "{bad}");
    }
    assert!(format!("{text}{text}").parse::<Uuid>().is_err());
}

#[test]
fn times_count_from_their_zero() {
    check(Timestamp::from_millis(-1), &CqlType::Timestamp, &[0xff; 8]);
    // 2³¹ is 1970-01-01.
    check(Date::from_days(0), &CqlType::Date, &[0x80, 0, 0, 0]);
    check(Date::from_days(-1), &CqlType::Date, &[0x7f, 0xff, 0xff, 0xff]);
    check(Date::from_days(i32::MIN), &CqlType::Date, &[0; 4]);
    check(Time::from_nanos(1_000_000_000).unwrap(), &CqlType::Time, &[0, 0, 0, 0, 0x3b, 0x9a, 0xca, 0]);
    assert_eq!(Time::from_nanos(86_400_000_000_000), None);
}

#[test]
fn times_have_a_text() {
    for (text, ms) in [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2024-02-29T12:30:00.250Z", 1_709_209_800_250),
        ("1969-12-31T23:59:59.999Z", -1),
        ("-0001-12-31T00:00:00.000Z", -62_167_305_600_000),
    ] {
        assert_eq!(Timestamp::from_millis(ms).to_string(), text);
        assert_eq!(text.parse(), Ok(Timestamp::from_millis(ms)), "{text}");
    }
    assert_eq!("2024-02-29T13:30:00+01:00".parse::<Timestamp>(), "2024-02-29T12:30:00Z".parse());
    assert_eq!("2024-02-28T23:00:00-02:30".parse::<Timestamp>(), "2024-02-29T01:30:00Z".parse());
    assert_eq!(Date::from_ymd(2024, 2, 29).map(Date::as_days), Some(19_782));
    assert_eq!(Date::from_ymd(2023, 2, 29), None);
    assert_eq!("12:30:00.250000001".parse::<Time>().unwrap().to_string(), "12:30:00.250000001");
    for bad in ["2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00", "T", "é-1T:Z"] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

#[test]
fn varints_are_as_short_as_can_be() {
    // The specification's table.
    for (number, bytes) in [
        (0i64, &[0x00][..]),
        (1, &[0x01]),
        (127, &[0x7f]),
        (128, &[0x00, 0x80]),
        (129, &[0x00, 0x81]),
        (-1, &[0xff]),
        (-128, &[0x80]),
        (-129, &[0xff, 0x7f]),
    ] {
        check(Varint::from(number), &CqlType::Varint, bytes);
        assert_eq!(i64::try_from(&Varint::from_be_bytes(bytes)), Ok(number));
        assert_eq!(Varint::from(number).to_string(), number.to_string());
    }
    assert_eq!(Varint::from_be_bytes(&[0, 0, 1]), Varint::from(1));
    let large = "-170141183460469231731687303715884105729000000001";
    assert_eq!(large.parse::<Varint>().unwrap().to_string(), large);
    assert!(i128::try_from(&large.parse::<Varint>().unwrap()).is_err());
}

#[test]
fn decimals_carry_their_scale() {
    check(Decimal::new(1995, 2), &CqlType::Decimal, &[0, 0, 0, 2, 0x07, 0xcb]);
    check(Decimal::new(-1, -3), &CqlType::Decimal, &[0xff, 0xff, 0xff, 0xfd, 0xff]);
    for (text, decimal) in [
        ("19.95", Decimal::new(1995, 2)),
        ("-0.05", Decimal::new(-5, 2)),
        ("5", Decimal::new(5, 0)),
        ("0.000001", Decimal::new(1, 6)),
        ("1E-7", Decimal::new(1, 7)),
        ("1.5E+12", Decimal::new(15, -11)),
        ("0.00", Decimal::new(0, 2)),
    ] {
        assert_eq!(decimal.to_string(), text);
        assert_eq!(text.parse(), Ok(decimal));
    }
    // A scale that would take gigabytes of zeros.
    assert_eq!(Decimal::new(1, i32::MAX).to_string(), "1E-2147483647");
    assert_eq!(Decimal::new(12, i32::MIN).to_string(), "1.2E+2147483649");
    for bad in ["", "-", ".", "1.2.3", "1e", "x", "1e99999999999"] {
        assert!(bad.parse::<Decimal>().is_err(), "{bad}");
    }
}

#[test]
fn durations_are_zigzag_varints() {
    check(Duration { months: 1, days: 2, nanos: 3 }, &CqlType::Duration, &[2, 4, 6]);
    check(Duration { months: 0, days: -1, nanos: -1000 }, &CqlType::Duration, &[0, 1, 0x87, 0xcf]);
    let longest = Duration { months: i32::MAX, days: 0, nanos: i64::MAX };
    let bytes = [0xf0, 0xff, 0xff, 0xff, 0xfe, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
    check(longest, &CqlType::Duration, &bytes);
    let mixed = Duration { months: 1, days: -1, nanos: 0 };
    assert!(encode(mixed, &CqlType::Duration).unwrap_err().to_string().contains("differ in sign"));
}

#[test]
fn inet_is_4_or_16_bytes() {
    check("127.0.0.1".parse::<IpAddr>().unwrap(), &CqlType::Inet, &[127, 0, 0, 1]);
    check("::1".parse::<IpAddr>().unwrap(), &CqlType::Inet, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

#[test]
fn collections_count_their_elements() {
    let bytes = [0, 0, 0, 2, 0, 0, 0, 1, b'a', 0, 0, 0, 0];
    check(vec!["a".to_owned(), String::new()], &list(CqlType::Text), &bytes);
    let bytes = [0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0, 0, 0, 2, 0, 2];
    check(BTreeSet::from([1i16, 2]), &set(CqlType::SmallInt), &bytes);
    check(vec![1i16, 2], &set(CqlType::SmallInt), &bytes);
    let bytes = [0, 0, 0, 1, 0, 0, 0, 1, b'k', 0, 0, 0, 1, 1];
    check(BTreeMap::from([("k".to_owned(), true)]), &map(CqlType::Text, CqlType::Boolean), &bytes);
    let nested = [0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 7];
    check(vec![vec![7i8]], &list(list(CqlType::TinyInt)), &nested);
}

#[test]
fn vectors_have_no_lengths_where_the_width_is_fixed() {
    check([1.0f32, -1.0], &vector(CqlType::Float, 2), &[0x3f, 0x80, 0, 0, 0xbf, 0x80, 0, 0]);
    check(vec!["ab".to_owned(), "c".to_owned()], &vector(CqlType::Text, 2), &[2, b'a', b'b', 1, b'c']);
    check(vec![5i16], &vector(CqlType::SmallInt, 1), &[2, 0, 5]);
    assert!(encode(vec![1.0f32], &vector(CqlType::Float, 2)).is_err());
}

#[test]
fn tuples_and_user_defined_types_are_their_fields() {
    let tuple = CqlType::Tuple(vec![CqlType::Int, CqlType::Text]);
    check((5i32, None::<String>), &tuple, &[0, 0, 0, 4, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff]);
    // A field added to the type later is missing from older values.
    assert_eq!(decode::<(i32, Option<String>)>(&[0, 0, 0, 4, 0, 0, 0, 5], &tuple).unwrap(), (5, None));

    let udt = Udt::new().with("zip", 5).unwrap().with("street", "a").unwrap();
    let bytes = [0, 0, 0, 1, b'a', 0, 0, 0, 4, 0, 0, 0, 5];
    assert_eq!(body(&udt, &address()), bytes);
    let read: Udt = decode(&bytes, &address()).unwrap();
    assert_eq!((read.get::<String>("street").unwrap(), read.get::<i32>("zip").unwrap()), ("a".to_owned(), 5));
    assert_eq!(body(Udt::new().with("zip", 5).unwrap(), &address())[..4], [0xff; 4]);
    assert!(encode(Udt::new().with("town", 5).unwrap(), &address()).unwrap_err().to_string().contains("street, zip"));
}

#[test]
fn null_and_unset_are_lengths() {
    assert_eq!(encode(None::<i32>, &CqlType::Int).unwrap(), [0xff, 0xff, 0xff, 0xff]);
    assert_eq!(encode(Unset, &CqlType::Int).unwrap(), [0xff, 0xff, 0xff, 0xfe]);
    assert_eq!(encode(MaybeUnset::<i32>::Unset, &CqlType::Int).unwrap(), [0xff, 0xff, 0xff, 0xfe]);
    assert_eq!(encode(Some(1i32), &CqlType::Int).unwrap(), [0, 0, 0, 4, 0, 0, 0, 1]);
    assert_eq!(encode("", &CqlType::Text).unwrap(), [0; 4]);
}
