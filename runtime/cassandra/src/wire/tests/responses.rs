//! Responses: bodies as clients read them, in every framing.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use proptest::prelude::*;

use super::super::compression::Compression;
use super::super::encoder::{Encoder, Extras};
use super::super::envelope::Version;
use super::super::marshal::class;
use super::super::response::{Metadata, Outgoing};
use super::super::segment;
use crate::api::{Column, Error, Rows, SchemaChange};
use crate::types::{CqlType, Udt};

fn column(table: &str, name: &str, of: CqlType) -> Column {
    Column { keyspace: "ks".into(), table: table.into(), name: name.into(), of }
}

fn body(message: &Outgoing<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.put(&mut out, Version::V5);
    out
}

#[test]
fn errors_carry_what_their_code_asks_for() {
    let id = [7; 16];
    let already = Error::AlreadyExists { keyspace: "ks".into(), table: "t".into(), message: "there".into() };
    let failure = Error::FunctionFailure {
        keyspace: "system".into(),
        function: "f".into(),
        arguments: vec!["int".into()],
        message: "no".into(),
    };
    for (error, expected) in [
        (Error::Syntax("line 1".into()), &b"\0\0\x20\0\0\x06line 1"[..]),
        (already, b"\0\0\x24\0\0\x05there\0\x02ks\0\x01t"),
        (failure, b"\0\0\x14\0\0\x02no\0\x06system\0\x01f\0\x01\0\x03int"),
    ] {
        assert_eq!(body(&Outgoing::Error(&error)), expected);
    }
    assert!(body(&Outgoing::Error(&Error::Unprepared(id))).ends_with(&[[0, 16].as_slice(), &id].concat()));
}

#[test]
fn schema_changes_are_told_as_results_and_as_events() {
    let mut change = SchemaChange { change: "CREATED", target: "TABLE", keyspace: "ks".into(), name: Some("t".into()) };
    assert_eq!(body(&Outgoing::Schema(&change)), b"\0\0\0\x05\0\x07CREATED\0\x05TABLE\0\x02ks\0\x01t");
    (change.target, change.name) = ("KEYSPACE", None);
    assert_eq!(body(&Outgoing::Event(&change)), b"\0\x0dSCHEMA_CHANGE\0\x07CREATED\0\x08KEYSPACE\0\x02ks");
}

#[test]
fn rows_tell_of_their_columns_what_the_client_does_not_know() {
    let rows = Rows {
        columns: Arc::new([column("t", "k", CqlType::Int), column("t", "v", CqlType::Text)]),
        cells: vec![Some(Bytes::from_static(&[0, 0, 0, 1])), None],
        paging_state: Some(Bytes::from_static(b"p")),
        warnings: Vec::new(),
    };
    let cells = b"\0\0\0\x01\0\0\0\x04\0\0\0\x01\xff\xff\xff\xff";
    let named = b"\0\x02ks\0\x01t\0\x01k\0\x09\0\x01v\0\x0d";
    let page = b"\0\0\0\x01p";
    for (metadata, expected) in [
        (Metadata::Full, [&b"\0\0\0\x02\0\0\0\x03\0\0\0\x02"[..], page, named, cells].concat()),
        (Metadata::Skip, [&b"\0\0\0\x02\0\0\0\x06\0\0\0\x02"[..], page, cells].concat()),
        (
            Metadata::Changed([1; 16]),
            [&b"\0\0\0\x02\0\0\0\x0b\0\0\0\x02"[..], page, &[0, 16], &[1; 16], named, cells].concat(),
        ),
    ] {
        assert_eq!(body(&Outgoing::Rows { rows: &rows, metadata }), expected);
    }
}

#[test]
fn types_without_a_number_are_told_by_their_class() {
    let float = Arc::new(CqlType::Float);
    let vector = CqlType::Vector { element: float, dimension: 3 };
    let told = "org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType , 3)";
    assert_eq!(class(&vector), told);
    let rows = Rows {
        columns: Arc::new([column("a", "x", vector), column("b", "y", CqlType::Inet)]),
        cells: Vec::new(),
        paging_state: None,
        warnings: Vec::new(),
    };
    let out = body(&Outgoing::Rows { rows: &rows, metadata: Metadata::Full });
    let expected =
        [&b"\0\0\0\x02\0\0\0\0\0\0\0\x02\0\x02ks\0\x01a\0\x01x\0\0\0"[..], &[told.len() as u8], told.as_bytes()]
            .concat();
    assert!(out.starts_with(&expected));
    assert!(out.ends_with(b"\0\x02ks\0\x01b\0\x01y\0\x10\0\0\0\0"));
    let udt = Udt { keyspace: "ks".into(), name: "ab".into(), fields: vec![("f".into(), CqlType::Int)] };
    let udt = CqlType::Udt { definition: Arc::new(udt), frozen: true };
    let package = "org.apache.cassandra.db.marshal.";
    assert_eq!(class(&udt), format!("{package}FrozenType({package}UserType(ks,6162,66:{package}Int32Type))"));
}

#[test]
fn tracing_and_warnings_go_before_the_body() {
    let mut encoder = Encoder::default();
    let warnings = ["careful".to_owned()];
    encoder.put(Version::V4, 5, &Outgoing::Void, &Extras { tracing: Some([3; 16]), warnings: &warnings });
    let body = [&[3; 16][..], b"\0\x01\0\x07careful", &[0, 0, 0, 1]].concat();
    assert_eq!(encoder.bytes(), [&[0x84, 0x0a, 0, 5, 8, 0, 0, 0, body.len() as u8][..], &body].concat());
    encoder.sent();
    assert_eq!(encoder.bytes(), b"");
}

/// Envelopes as a client gets them out of what was sent: stream and body.
fn received(sent: &[u8], version: Version, compression: Option<Compression>) -> Vec<(i16, Bytes)> {
    let mut stream = BytesMut::from(sent);
    if version == Version::V5 {
        let mut joined = BytesMut::new();
        while let Some(segment) = segment::take(&mut stream, compression.is_some()).unwrap() {
            joined.extend_from_slice(&segment.payload);
        }
        assert!(stream.is_empty());
        stream = joined;
    }
    let mut all = Vec::new();
    while stream.has_remaining() {
        let header = stream.split_to(9);
        assert_eq!(header[0], 0x80 | version.number());
        let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
        let body = stream.split_to(length).freeze();
        let body = if header[1] & 1 == 1 { compression.unwrap().decompress_body(&body).unwrap() } else { body };
        all.push((i16::from_be_bytes([header[2], header[3]]), body));
    }
    all
}

proptest! {
    #[test]
    fn answers_arrive_in_every_framing(
        lengths in prop::collection::vec(prop_oneof![0..3000_usize, 100_000..400_000_usize], 1..6),
        version in prop_oneof![Just(Version::V4), Just(Version::V5)],
        compression in super::compression(),
    ) {
        let mut encoder = Encoder::default();
        encoder.established(version, compression);
        let warnings: Vec<_> = lengths.iter().map(|length| vec!["w".repeat(length % 60_000); length / 60_000 + 1]).collect();
        for (stream, warnings) in warnings.iter().enumerate() {
            encoder.put(version, stream as i16, &Outgoing::Void, &Extras { tracing: None, warnings });
        }
        let got = received(encoder.bytes(), version, compression);
        prop_assert_eq!(got.len(), lengths.len());
        for (at, (stream, body)) in got.into_iter().enumerate() {
            prop_assert_eq!(stream as usize, at);
            let expected: usize = 2 + warnings[at].iter().map(|warning| 2 + warning.len()).sum::<usize>() + 4;
            prop_assert_eq!(body.len(), expected);
        }
    }
}
