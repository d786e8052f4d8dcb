//! Wrong types and nulls are errors that say which.

use std::collections::BTreeSet;

use super::super::spec::parse_columns;
use super::super::*;
use super::*;

fn message<T: std::fmt::Debug>(result: Result<T, ValueError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_mismatch_names_both_types() {
    assert_eq!(message(encode("a", &CqlType::Int)), "CQL int and Rust str don't go together");
    assert_eq!(message(encode(5i64, &CqlType::Int)), "CQL int and Rust i64 don't go together");
    assert_eq!(message(encode(5i64, &CqlType::Timestamp)), "CQL timestamp and Rust i64 don't go together");
    let ty = list(CqlType::Text);
    assert_eq!(message(encode(vec![1], &ty)), "element 0: CQL text and Rust i32 don't go together");
    assert_eq!(message(decode::<Option<Vec<u8>>>(b"", &ty)), "CQL list<text> and Rust Vec<u8> don't go together");
    let tuple = CqlType::Tuple(vec![CqlType::Int]);
    assert_eq!(message(encode((1, 2), &tuple)), "CQL tuple<int> and Rust (i32, i32) don't go together");
    assert_eq!(message(encode(BTreeSet::from([1]), &list(CqlType::Int))).matches("BTreeSet<i32>").count(), 1);
    assert_eq!(message(encode((1, "a"), &address())), "CQL address and Rust (i32, &str) don't go together");
}

#[test]
fn a_null_says_to_use_option() {
    assert_eq!(message(i32::from_cql(&CqlType::Int, None)), "null int read as Rust i32, use Option<i32>");
    assert_eq!(Option::<i32>::from_cql(&CqlType::Int, None), Ok(None));
    // What some servers keep for "nothing here".
    assert_eq!(Option::<i32>::from_cql(&CqlType::Int, Some(b"")), Ok(None));
    assert_eq!(Option::<String>::from_cql(&CqlType::Text, Some(b"")), Ok(Some(String::new())));
}

#[test]
fn an_empty_collection_comes_back_as_null() {
    assert_eq!(Vec::<i32>::from_cql(&list(CqlType::Int), None), Ok(vec![]));
    assert_eq!(Option::<Vec<i32>>::from_cql(&list(CqlType::Int), None), Ok(None));
}

#[test]
fn nulls_stay_out_of_collections() {
    assert!(message(encode(vec![Some(1), None], &list(CqlType::Int))).contains("null inside a collection"));
    assert!(message(encode((Unset,), &CqlType::Tuple(vec![CqlType::Int]))).contains("unset inside a value"));
}

#[test]
fn a_timeuuid_is_of_version_1() {
    let random: Uuid = "123e4567-e89b-42d3-a456-426614174000".parse().unwrap();
    assert!(message(encode(random, &CqlType::TimeUuid)).contains("of version 4, not 1"));
    assert_eq!(random.timestamp(), None);
}

#[test]
fn types_without_a_number_come_by_class() {
    let class = |class: &str| {
        let mut bytes = vec![0, 1, b'a', 0, 0, 0, class.len() as u8];
        bytes.extend(class.as_bytes());
        parse_columns(&bytes).unwrap().remove(0).ty
    };
    assert_eq!(class("org.apache.cassandra.db.marshal.DurationType"), CqlType::Duration);
    let name = "org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)";
    assert_eq!(class(name), vector(CqlType::Float, 3));
    assert_eq!(class("com.example.Point"), CqlType::Custom("com.example.Point".to_owned()));
}

#[test]
fn types_print_as_in_cql() {
    let ty = map(CqlType::Text, CqlType::Tuple(vec![CqlType::Int, vector(CqlType::Float, 2), address()]));
    assert_eq!(ty.to_string(), "map<text, tuple<int, vector<float, 2>, address>>");
}

#[derive(Debug, PartialEq)]
struct Address {
    street: String,
    zip: Option<i32>,
}
crate::udt!(Address { street, zip });

#[test]
fn structs_are_user_defined_types() {
    let home = Address { street: "Low Road 1".to_owned(), zip: None };
    assert_eq!(round_trip(&home, &address()), home);
    assert_eq!(round_trip(&vec![home], &list(address())).len(), 1);
    let less = CqlType::Udt(UdtType {
        keyspace: "shop".to_owned(),
        name: "address".to_owned(),
        fields: vec![("zip".to_owned(), CqlType::Int)],
    });
    assert!(message(decode::<Address>(&[], &less)).contains("no field street, there are zip"));
}
