//! Framing: what is sent arrives however the network cuts it, and what is no message is told as such.

mod requests;
mod responses;

use bytes::Bytes;
use proptest::prelude::*;

use super::compression::Compression;
use super::decoder::{Decoded, Decoder, Fatal};
use super::envelope::{Envelope, Version};
use super::segment;
use crate::api::Error;

/// An envelope as a client writes it.
pub(super) fn envelope(version: Version, stream: i16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![version.number(), 0];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.push(opcode);
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn established(version: Version, compression: Option<Compression>) -> Decoder {
    let mut decoder = Decoder::default();
    decoder.established(version, compression);
    decoder
}

/// All that comes of these reads.
fn decode(decoder: &mut Decoder, reads: &[&[u8]]) -> Result<Vec<Decoded>, Fatal> {
    let mut all = Vec::new();
    for read in reads {
        decoder.input.extend_from_slice(read);
        while let Some(decoded) = decoder.next()? {
            all.push(decoded);
        }
    }
    Ok(all)
}

fn stream_and_body(decoded: &Decoded) -> (i16, Bytes) {
    match decoded {
        Decoded::Envelope(Envelope { stream, body, .. }) => (*stream, body.clone()),
        Decoded::Rejected { stream, error } => panic!("stream {stream} was rejected: {error}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn segments_are_as_another_driver_writes_them() {
    let small = hex("050000000500000000");
    let mut long = hex("050000010700000100");
    long.resize(9 + 256, b'a');
    for (lz4, payload, written) in [
        (false, &small, "090002a4c8c10500000005000000001086284d"),
        (true, &small, "0900000004c2b8950500000005000000001086284d"),
        (true, &long, "1400120204788abaaf050000010700000100610100e7506161616161704685a2"),
    ] {
        let taken = segment::take(&mut hex(written)[..].into(), lz4).unwrap().unwrap();
        assert!(taken.self_contained);
        assert_eq!(taken.payload, payload[..]);
    }
    let mut out = Vec::new();
    segment::put(&mut out, &small, true, false);
    assert_eq!(out, hex("090002a4c8c10500000005000000001086284d"));
}

#[test]
fn other_versions_are_refused_in_the_words_drivers_look_for() {
    for (bytes, stream) in [
        (&[3, 0, 0, 7, 5, 0, 0, 0, 0][..], 7),
        (&[6, 0x10, 0, 7, 5, 0, 0, 0, 0], 7),
        (&[0x42, 0, 0, 7, 5, 0, 0, 0, 0], 7),
        (&[1, 0, 7, 5, 0, 0, 0, 0], 0),
    ] {
        let fatal = decode(&mut Decoder::default(), &[bytes]).unwrap_err();
        let version = bytes[0];
        let expected =
            format!("Invalid or unsupported protocol version ({version}); supported versions are (4/v4, 5/v5)");
        assert_eq!(fatal, Fatal { stream, error: Error::Protocol(expected) });
    }
}

#[test]
fn a_response_and_another_version_after_startup_are_no_requests() {
    let response = envelope(Version::V4, 1, 8, &[])
        .into_iter()
        .enumerate()
        .map(|(at, byte)| if at == 0 { byte | 0x80 } else { byte });
    let response: Vec<u8> = response.collect();
    assert!(decode(&mut Decoder::default(), &[&response]).is_err());
    let other = envelope(Version::V5, 1, 5, &[]);
    let fatal = decode(&mut established(Version::V4, None), &[&other]).unwrap_err();
    assert!(fatal.error.to_string().contains("previous messages on this connection had version 4/v4"), "{fatal:?}");
}

#[test]
fn what_is_too_big_is_dropped_and_the_next_message_is_read() {
    let length = super::MAX_REQUEST + 1;
    let mut bytes = envelope(Version::V4, 1, 7, &[]);
    bytes[5..9].copy_from_slice(&(length as u32).to_be_bytes());
    let mut decoder = established(Version::V4, None);
    let part = vec![0xff; 1 << 20];
    let rejected = decode(&mut decoder, &[&bytes]).unwrap();
    assert!(matches!(&rejected[..], [Decoded::Rejected { stream: 1, error: Error::Invalid(_) }]), "{rejected:?}");
    for _ in 0..length / part.len() {
        assert_eq!(decode(&mut decoder, &[&part]).unwrap(), []);
        assert_eq!(decoder.input.len(), 0, "what is dropped is not kept");
    }
    let rest = [vec![0xff; length % part.len()], envelope(Version::V4, 2, 5, b"next")].concat();
    assert_eq!(stream_and_body(&decode(&mut decoder, &[&rest]).unwrap()[0]), (2, Bytes::from_static(b"next")));
}

#[test]
fn compressed_bodies_that_lie_about_their_size_are_rejected() {
    for (compression, body) in [
        (Compression::Lz4, &[0x7f, 0xff, 0xff, 0xff, 0x1f, 0x61, 0x01, 0x00][..]),
        (Compression::Lz4, &[0, 0, 0, 9, 0x10, 0x61]),
        (Compression::Lz4, &[0, 0]),
        (Compression::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x07, 0x00]),
        (Compression::Snappy, &[]),
    ] {
        let mut bytes = envelope(Version::V4, 3, 7, body);
        bytes[1] = 1;
        let decoded = decode(&mut established(Version::V4, Some(compression)), &[&bytes]).unwrap();
        assert!(matches!(&decoded[..], [Decoded::Rejected { stream: 3, .. }]), "{decoded:?}");
    }
}

#[test]
fn the_flag_of_compression_means_something_in_version_4_alone() {
    let flagged = |version| {
        let mut bytes = envelope(version, 3, 7, b"plain");
        bytes[1] = 1;
        bytes
    };
    let decoded = decode(&mut established(Version::V4, None), &[&flagged(Version::V4)]).unwrap();
    assert!(matches!(&decoded[..], [Decoded::Rejected { stream: 3, .. }]), "{decoded:?}");
    let mut segment = Vec::new();
    segment::put(&mut segment, &flagged(Version::V5), true, true);
    let decoded = decode(&mut established(Version::V5, Some(Compression::Lz4)), &[&segment]).unwrap();
    assert_eq!(stream_and_body(&decoded[0]), (3, Bytes::from_static(b"plain")));
}

#[test]
fn self_contained_segments_hold_whole_messages() {
    let message = envelope(Version::V5, 1, 7, &[0; 100]);
    let mut cut = Vec::new();
    segment::put(&mut cut, &message[..50], true, false);
    assert!(decode(&mut established(Version::V5, None), &[&cut]).is_err());
    let mut amid = Vec::new();
    segment::put(&mut amid, &message[..50], false, false);
    segment::put(&mut amid, &message, true, false);
    assert!(decode(&mut established(Version::V5, None), &[&amid]).is_err());
}

fn compression() -> impl Strategy<Value = Option<Compression>> {
    prop_oneof![Just(None), Just(Some(Compression::Lz4)), Just(Some(Compression::Snappy))]
}

/// The bytes cut in two at any place.
fn cut(bytes: &[u8], at: prop::sample::Index) -> [&[u8]; 2] {
    let (first, second) = bytes.split_at(at.index(bytes.len() + 1));
    [first, second]
}

proptest! {
    #[test]
    fn messages_arrive_however_they_are_cut(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
        compression in compression(),
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        for (stream, body) in bodies.iter().enumerate() {
            let packed = compression.map_or(body.clone(), |compression| compression.compress_body(body));
            let mut one = envelope(Version::V4, stream as i16, 7, &packed);
            one[1] = u8::from(compression.is_some());
            bytes.extend(one);
        }
        let decoded = decode(&mut established(Version::V4, compression), &cut(&bytes, at)).unwrap();
        let got: Vec<_> = decoded.iter().map(stream_and_body).collect();
        let sent: Vec<_> = bodies.into_iter().enumerate().map(|(stream, body)| (stream as i16, Bytes::from(body))).collect();
        prop_assert_eq!(got, sent);
    }

    #[test]
    fn segmented_messages_arrive_however_they_are_cut(
        lengths in prop::collection::vec(prop_oneof![0..2000_usize, 130_000..300_000_usize], 1..4),
        lz4: bool,
        part in 1..segment::MAX_PAYLOAD,
        at in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        for (stream, length) in lengths.iter().enumerate() {
            let message = envelope(Version::V5, stream as i16, 7, &vec![stream as u8; *length]);
            if message.len() <= segment::MAX_PAYLOAD {
                segment::put(&mut bytes, &message, true, lz4);
            } else {
                message.chunks(part.max(10_000)).for_each(|part| segment::put(&mut bytes, part, false, lz4));
            }
        }
        let compression = lz4.then_some(Compression::Lz4);
        let decoded = decode(&mut established(Version::V5, compression), &cut(&bytes, at)).unwrap();
        let got: Vec<_> = decoded.iter().map(stream_and_body).map(|(stream, body)| (stream as usize, body.len())).collect();
        prop_assert_eq!(got, lengths.into_iter().enumerate().collect::<Vec<_>>());
    }

    #[test]
    fn a_damaged_segment_is_never_read(
        body in prop::collection::vec(any::<u8>(), 0..200),
        lz4: bool,
        at in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
    ) {
        let mut bytes = Vec::new();
        segment::put(&mut bytes, &envelope(Version::V5, 1, 7, &body), true, lz4);
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let decoded = decode(&mut established(Version::V5, lz4.then_some(Compression::Lz4)), &[&bytes]);
        prop_assert!(decoded.is_err(), "{decoded:?}");
    }

    #[test]
    fn any_bytes_are_survived(
        reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..8),
        framing in 0..6_u8,
    ) {
        let mut decoder = match framing {
            0 => Decoder::default(),
            1 => established(Version::V4, None),
            2 => established(Version::V4, Some(Compression::Lz4)),
            3 => established(Version::V4, Some(Compression::Snappy)),
            4 => established(Version::V5, None),
            _ => established(Version::V5, Some(Compression::Lz4)),
        };
        let reads: Vec<&[u8]> = reads.iter().map(Vec::as_slice).collect();
        let _ = decode(&mut decoder, &reads);
        prop_assert!(decoder.input.len() <= reads.iter().map(|read| read.len()).sum());
    }
}
