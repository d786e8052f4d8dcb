//! Segments of version 5: a checked header, up to 128 KiB of payload, its checksum.

use bytes::{Buf, Bytes, BytesMut};

use super::compression::decompress_block;
use super::crc::{crc24, crc32};
use crate::api::Error;

/// Most that a segment carries.
pub(crate) const MAX_PAYLOAD: usize = (1 << 17) - 1;

/// A segment of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Holds whole envelopes; otherwise a part of one.
    pub(crate) self_contained: bool,
    /// Uncompressed.
    pub(crate) payload: Bytes,
}

/// Takes a whole segment from the front of `bytes`; `None` until there is one.
pub(crate) fn take(bytes: &mut BytesMut, lz4: bool) -> Result<Option<Segment>, Error> {
    let fields = if lz4 { 5 } else { 3 };
    let Some(header) = bytes.get(..fields + 3) else { return Ok(None) };
    let (data, sum) = header.split_at(fields);
    if little_endian(sum) != u64::from(crc24(data)) {
        return Err(Error::Protocol("Segment header has a wrong CRC24".to_owned()));
    }
    let bits = little_endian(data);
    let length = bits as usize & MAX_PAYLOAD;
    let (unpacked, contained) = if lz4 { ((bits >> 17) as usize & MAX_PAYLOAD, bits >> 34) } else { (0, bits >> 17) };
    if bytes.len() < fields + 3 + length + 4 {
        return Ok(None);
    }
    bytes.advance(fields + 3);
    let payload = bytes.split_to(length).freeze();
    if bytes.get_u32_le() != crc32(&payload) {
        return Err(Error::Protocol("Segment payload has a wrong CRC32".to_owned()));
    }
    let payload = if unpacked == 0 { payload } else { decompress_block(&payload, unpacked)? };
    Ok(Some(Segment { self_contained: contained & 1 == 1, payload }))
}

/// Appends a segment; `payload` is at most [`MAX_PAYLOAD`].
pub(crate) fn put(out: &mut Vec<u8>, payload: &[u8], self_contained: bool, lz4: bool) {
    let mut packed = Vec::new();
    let mut sent = payload;
    let header = if lz4 {
        packed.resize(lz4_flex::block::get_maximum_output_size(payload.len()), 0);
        // What does not shrink goes as it is, with 0 as the length before compression.
        let unpacked = match lz4_flex::block::compress_into(payload, &mut packed) {
            Ok(used) if used < payload.len() => {
                sent = &packed[..used];
                payload.len()
            }
            Ok(_) | Err(_) => 0,
        };
        sent.len() as u64 | (unpacked as u64) << 17 | u64::from(self_contained) << 34
    } else {
        sent.len() as u64 | u64::from(self_contained) << 17
    };
    let bytes = header.to_le_bytes();
    let fields = &bytes[..if lz4 { 5 } else { 3 }];
    out.extend_from_slice(fields);
    out.extend_from_slice(&crc24(fields).to_le_bytes()[..3]);
    out.extend_from_slice(sent);
    out.extend_from_slice(&crc32(sent).to_le_bytes());
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
