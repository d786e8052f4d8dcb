//! Requests: what a body says, and that no body is too odd to be refused.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::compression::Compression;
use super::super::envelope::{Envelope, Version, flag};
use super::super::request::{Request, Startup, Topic, decode};
use super::super::writer::Put;
use crate::api::{BatchKind, BatchStatement, Bound, Consistency, Error};

fn request(version: Version, opcode: u8, flags: u8, body: Vec<u8>) -> Result<Request, Error> {
    decode(&Envelope { version, flags, stream: 1, opcode, body: body.into() })
}

fn startup(version: Version, options: &[(&str, &str)]) -> Result<Request, Error> {
    let mut body = Vec::new();
    body.short(options.len() as u16);
    for (key, value) in options {
        body.string(key);
        body.string(value);
    }
    request(version, 1, 0, body)
}

fn long_string(body: &mut Vec<u8>, text: &str) {
    body.bytes(Some(text.as_bytes()));
}

#[test]
fn startup_chooses_compression() {
    let cql = ("CQL_VERSION", "3.0.0");
    let chosen = |version, name| startup(version, &[cql, ("COMPRESSION", name)]);
    for (version, name, expected) in [
        (Version::V4, "LZ4", Compression::Lz4),
        (Version::V4, "snappy", Compression::Snappy),
        (Version::V5, "lz4", Compression::Lz4),
    ] {
        match chosen(version, name).unwrap() {
            Request::Startup(startup) => assert_eq!(startup, Startup { compression: Some(expected) }),
            other => panic!("{other:?}"),
        }
    }
    assert!(chosen(Version::V5, "snappy").is_err());
    assert!(chosen(Version::V4, "zstd").unwrap_err().to_string().contains("Unknown compression algorithm: zstd"));
    assert!(startup(Version::V4, &[]).unwrap_err().to_string().contains("CQL_VERSION"));
    for (version, good) in [("2.0.0", false), ("", false), ("3.4.7", true), ("4.0.0", true)] {
        assert_eq!(startup(Version::V4, &[("CQL_VERSION", version)]).is_ok(), good, "{version}");
    }
}

#[test]
fn a_query_of_version_5_has_all_its_parameters() {
    let mut body = Vec::new();
    long_string(&mut body, "SELECT v FROM t WHERE k = :k");
    body.short(6);
    body.int(0x1ff);
    body.short(2);
    body.string("k");
    body.bytes(Some(&[0, 0, 0, 7]));
    body.string("l");
    body.int(-2);
    body.int(100);
    body.bytes(Some(b"state"));
    body.short(8);
    body.extend_from_slice(&1234_i64.to_be_bytes());
    body.string("shop");
    body.int(99);
    let Request::Query { text, parameters, skip_metadata } = request(Version::V5, 7, 0, body.clone()).unwrap() else {
        panic!("no query")
    };
    assert_eq!((text.as_str(), skip_metadata), ("SELECT v FROM t WHERE k = :k", true));
    assert_eq!(parameters.values, [Bound::Value(Bytes::from_static(&[0, 0, 0, 7])), Bound::Unset]);
    assert_eq!(parameters.names, Some(vec!["k".to_owned(), "l".to_owned()]));
    assert_eq!((parameters.consistency, parameters.serial_consistency), (Consistency(6), Some(Consistency(8))));
    assert_eq!((parameters.page_size, parameters.paging_state), (Some(100), Some(Bytes::from_static(b"state"))));
    assert_eq!((parameters.timestamp, parameters.now_in_seconds), (Some(1234), Some(99)));
    assert_eq!(parameters.keyspace.as_deref(), Some("shop"));
    for length in 0..body.len() {
        assert!(request(Version::V5, 7, 0, body[..length].to_vec()).is_err(), "cut at {length}");
    }
}

#[test]
fn a_batch_has_texts_and_prepared_statements() {
    let mut body = vec![1];
    body.short(2);
    body.push(0);
    long_string(&mut body, "INSERT INTO t (k) VALUES (1)");
    body.short(0);
    body.push(1);
    body.short_bytes(&[9; 16]);
    body.short(1);
    body.int(-1);
    body.short(1);
    body.push(0x20);
    body.extend_from_slice(&5_i64.to_be_bytes());
    let Request::Batch { batch, parameters } = request(Version::V4, 13, 0, body).unwrap() else { panic!("no batch") };
    assert_eq!(batch.kind, BatchKind::Unlogged);
    assert!(
        matches!(&batch.statements[0], (BatchStatement::Text(text), values) if text.starts_with("INSERT") && values.is_empty())
    );
    assert!(
        matches!(&batch.statements[1], (BatchStatement::Prepared(id), values) if *id == [9; 16] && values[..] == [Bound::Null])
    );
    assert_eq!(parameters.timestamp, Some(5));
}

#[test]
fn execute_and_prepare_say_more_in_version_5() {
    let mut body = Vec::new();
    body.short_bytes(&[1; 16]);
    body.short_bytes(&[2; 16]);
    body.short(1);
    body.int(2);
    let Request::Execute(execute) = request(Version::V5, 10, 0, body).unwrap() else { panic!("no execute") };
    assert_eq!((execute.id, execute.columns_id.as_deref(), execute.skip_metadata), ([1; 16], Some(&[2; 16][..]), true));
    let mut body = Vec::new();
    long_string(&mut body, "SELECT");
    body.int(1);
    body.string("shop");
    let prepare = request(Version::V5, 9, 0, body).unwrap();
    assert!(matches!(prepare, Request::Prepare { keyspace: Some(keyspace), .. } if keyspace == "shop"));
}

#[test]
fn a_custom_payload_is_passed_over() {
    let mut body = Vec::new();
    body.short(1);
    body.string("trace");
    body.bytes(Some(b"x"));
    body.string_list(&["SCHEMA_CHANGE", "STATUS_CHANGE", "TOPOLOGY_CHANGE"]);
    let register = request(Version::V4, 11, flag::PAYLOAD, body).unwrap();
    assert!(matches!(register, Request::Register(topics) if topics == [Topic::Schema, Topic::Status, Topic::Topology]));
}

#[test]
fn what_is_not_understood_is_a_protocol_error() {
    let mut unknown_flag = Vec::new();
    long_string(&mut unknown_flag, "SELECT");
    unknown_flag.short(1);
    unknown_flag.push(0x80);
    let mut consistency = Vec::new();
    long_string(&mut consistency, "SELECT");
    consistency.short(77);
    consistency.push(0);
    let mut topic = Vec::new();
    topic.string_list(&["WEATHER"]);
    let mut text = Vec::new();
    text.bytes(Some(&[0xff, 0xfe]));
    for (opcode, body, told) in [
        (7, unknown_flag, "Unknown flags 0x80"),
        (7, consistency, "Unknown code 77 for a consistency level"),
        (11, topic, "Invalid value 'WEATHER' for Type"),
        (9, text, "not UTF-8"),
        (13, vec![3], "Invalid batch type 3"),
        (13, vec![0, 0, 1, 2], "Must be 0 or 1 but got 2"),
        (10, vec![0, 2, 0, 0], "has 2 bytes, not 16"),
        (15, vec![], "AUTH_RESPONSE"),
        (8, vec![], "Wrong protocol direction"),
        (99, vec![], "Unknown opcode 99"),
    ] {
        match request(Version::V4, opcode, 0, body) {
            Err(Error::Protocol(message)) => assert!(message.contains(told), "{message}"),
            other => panic!("{opcode}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_body_is_survived(
        version in prop_oneof![Just(Version::V4), Just(Version::V5)],
        opcode in prop_oneof![4 => prop::sample::select(vec![1_u8, 5, 7, 9, 10, 11, 13, 15]), 1 => any::<u8>()],
        flags in prop_oneof![Just(0_u8), any::<u8>()],
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            // Small numbers make counts and lengths that fit more often.
            prop::collection::vec(prop_oneof![4 => 0..4_u8, 1 => any::<u8>()], 0..200),
        ],
    ) {
        if let Err(error) = request(version, opcode, flags, body) {
            prop_assert!(matches!(error, Error::Protocol(_)), "{error:?}");
        }
    }
}
