//! Bytes that are not what they say: an error, never a panic, never memory on the word of a count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::row::read_rows;
use super::super::spec::parse_columns;
use super::super::spec_write::write_columns;
use super::super::*;
use super::*;

/// Reads the bytes as every Rust type.
fn read_as_everything(ty: &CqlType, bytes: Option<&[u8]>) {
    macro_rules! read {
        ($($rust:ty),+) => {$(
            drop(<$rust>::from_cql(ty, bytes));
        )+};
    }
    read!(bool, i8, i16, i32, i64, f32, f64, String, Vec<u8>, [u8; 3], IpAddr, Uuid, Timestamp, Date, Time);
    read!(Duration, Varint, Decimal, Udt, Value, Option<i32>, Vec<i32>, Vec<Vec<String>>, HashSet<String>, [f32; 2]);
    read!(HashMap<String, i32>, BTreeMap<i32, Vec<u8>>, (i32,), (i32, Option<String>), Vec<Value>);
    if let Ok(value) = Value::from_cql(ty, bytes) {
        drop(encode(&value, &list(CqlType::BigInt)));
        drop(encode(&value, &map(CqlType::Text, CqlType::BigInt)));
        drop(encode(&value, &address()));
    }
}

fn types() -> impl Strategy<Value = CqlType> {
    let simple = [
        CqlType::Any,
        CqlType::Ascii,
        CqlType::BigInt,
        CqlType::Blob,
        CqlType::Boolean,
        CqlType::Counter,
        CqlType::Custom("x.Y".to_owned()),
        CqlType::Date,
        CqlType::Decimal,
        CqlType::Double,
        CqlType::Duration,
        CqlType::Float,
        CqlType::Inet,
        CqlType::Int,
        CqlType::SmallInt,
        CqlType::Text,
        CqlType::Time,
        CqlType::Timestamp,
        CqlType::TimeUuid,
        CqlType::TinyInt,
        CqlType::Uuid,
        CqlType::Varint,
        vector(CqlType::Float, 2),
        vector(CqlType::Text, 70_000),
    ];
    proptest::sample::select(simple.to_vec()).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(list),
            inner.clone().prop_map(set),
            (inner.clone(), inner.clone()).prop_map(|(key, value)| map(key, value)),
            vec(inner.clone(), 0..3).prop_map(CqlType::Tuple),
            vec(inner, 0..3).prop_map(|types| {
                let fields = types.into_iter().enumerate().map(|(i, ty)| (format!("f{i}"), ty)).collect();
                CqlType::Udt(UdtType { keyspace: "k".to_owned(), name: "u".to_owned(), fields })
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_as_any_type(ty in types(), bytes in vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..40)) {
        read_as_everything(&ty, Some(&bytes));
        read_as_everything(&ty, None);
    }

    #[test]
    fn truncated_collections(numbers in vec(any::<i32>(), 1..5), cut in 1..20usize) {
        let bytes = body(&numbers, &list(CqlType::Int));
        let short = &bytes[..bytes.len().saturating_sub(cut).max(1)];
        prop_assert!(decode::<Vec<i32>>(short, &list(CqlType::Int)).is_err());
    }

    #[test]
    fn any_bytes_as_columns(bytes in vec(prop_oneof![Just(0), Just(0x20), Just(0x31), any::<u8>()], 0..60)) {
        drop(parse_columns(&bytes));
    }

    #[test]
    fn columns_come_back(ty in types()) {
        let mut bytes = Vec::new();
        write_columns([("a", &ty)], &mut bytes);
        prop_assert_eq!(parse_columns(&bytes).unwrap(), [Column { name: "a".to_owned(), ty: ty.clone() }]);
        for cut in 1..bytes.len() {
            prop_assert!(parse_columns(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn any_bytes_as_rows(count in any::<u32>(), small in 0..4u32, bytes in vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..40)) {
        let columns: Vec<_> = ["a", "b"].map(|name| Column { name: name.to_owned(), ty: CqlType::Blob }).into();
        drop(read_rows::<Row>(columns.clone().into(), count, bytes.clone()));
        drop(read_rows::<(Vec<u8>, Option<Vec<u8>>)>(columns.into(), small, bytes));
    }
}

#[test]
fn counts_are_not_taken_on_trust() {
    let count = i32::MAX.to_be_bytes();
    assert!(decode::<Vec<i32>>(&count, &list(CqlType::Int)).unwrap_err().to_string().contains("2147483647 elements"));
    assert!(decode::<HashMap<i32, i32>>(&count, &map(CqlType::Int, CqlType::Int)).is_err());
    let negative = (-1i32).to_be_bytes();
    assert!(decode::<Vec<i32>>(&negative, &list(CqlType::Int)).is_err());
    assert!(read_rows::<Row>(Vec::new().into(), u32::MAX, Vec::new()).is_err());
    let columns = vec![Column { name: "a".to_owned(), ty: CqlType::Int }];
    assert!(read_rows::<Row>(columns.into(), u32::MAX, vec![0; 8]).is_err());
    // Variable-length integers of nine bytes, as a length.
    assert!(decode::<Vec<String>>(&[0xff; 9], &vector(CqlType::Text, u32::MAX)).is_err());
}

#[test]
fn bytes_after_the_end_are_an_error() {
    let mut bytes = body(vec![1i32], &list(CqlType::Int));
    bytes.push(0);
    assert!(decode::<Vec<i32>>(&bytes, &list(CqlType::Int)).unwrap_err().to_string().contains("1 bytes too many"));
    assert!(decode::<i32>(&[0; 5], &CqlType::Int).unwrap_err().to_string().contains("5 bytes, not 4"));
}

#[test]
fn types_nest_only_so_deep() {
    let mut bytes = vec![0, 1, b'a'];
    bytes.extend([0, 0x20].repeat(100_000));
    assert!(parse_columns(&bytes).unwrap_err().to_string().contains("nested"));
    let class = "VectorType(".repeat(1000) + "FloatType" + &", 1)".repeat(1000);
    let mut bytes = vec![0, 1, b'a', 0, 0];
    bytes.extend((class.len() as u16).to_be_bytes());
    bytes.extend(class.as_bytes());
    assert!(matches!(parse_columns(&bytes).unwrap()[0].ty, CqlType::Custom(_)));
}

#[test]
fn values_out_of_range_are_errors() {
    assert!(decode::<Time>(&(-1i64).to_be_bytes(), &CqlType::Time).is_err());
    assert!(decode::<String>(&[0xff], &CqlType::Text).is_err());
    assert!(decode::<IpAddr>(&[1, 2, 3], &CqlType::Inet).is_err());
    assert!(decode::<Duration>(&[0xff; 27], &CqlType::Duration).is_err());
}
