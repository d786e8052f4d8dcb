//! LZ4 and Snappy, as bodies (version 4) and as segments (version 5, LZ4 only).

use bytes::Bytes;

use super::MAX_REQUEST;
use crate::api::Error;

/// Chosen by `STARTUP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Lz4,
    Snappy,
}

impl Compression {
    /// Names in `SUPPORTED`.
    pub(crate) const NAMES: [&'static str; 2] = ["snappy", "lz4"];

    /// Of the name in `STARTUP`, any case.
    pub(crate) fn of(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "lz4" => Ok(Self::Lz4),
            "snappy" => Ok(Self::Snappy),
            other => Err(Error::Protocol(format!("Unknown compression algorithm: {other}"))),
        }
    }

    /// The body of an envelope of version 4; never more than [`MAX_REQUEST`], whatever it claims to be.
    pub(crate) fn decompress_body(self, body: &[u8]) -> Result<Bytes, Error> {
        let (claimed, block) = match self {
            Self::Lz4 => {
                let (length, block) = body.split_first_chunk::<4>().ok_or_else(|| damaged("too short"))?;
                (u32::from_be_bytes(*length) as usize, block)
            }
            Self::Snappy => (snap::raw::decompress_len(body).map_err(damaged)?, body),
        };
        if claimed > MAX_REQUEST {
            return Err(Error::Protocol(format!(
                "Request is too big: length {claimed} exceeds maximum allowed length {MAX_REQUEST}."
            )));
        }
        match self {
            Self::Lz4 => decompress_block(block, claimed),
            Self::Snappy => snap::raw::Decoder::new().decompress_vec(block).map(Bytes::from).map_err(damaged),
        }
    }

    pub(crate) fn compress_body(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Lz4 => {
                let mut out = vec![0; 4 + lz4_flex::block::get_maximum_output_size(body.len())];
                // A body is below 256 MiB, and the room is what the compressor asks for: it can't fail.
                let used = lz4_flex::block::compress_into(body, &mut out[4..]).unwrap_or(0);
                out[..4].copy_from_slice(&(body.len() as u32).to_be_bytes());
                out.truncate(4 + used);
                out
            }
            // Fails only beyond 4 GiB.
            Self::Snappy => snap::raw::Encoder::new().compress_vec(body).unwrap_or_default(),
        }
    }
}

/// An LZ4 block whose size is known from elsewhere, and checked by the caller.
pub(crate) fn decompress_block(block: &[u8], length: usize) -> Result<Bytes, Error> {
    let out = lz4_flex::block::decompress(block, length).map_err(damaged)?;
    if out.len() == length {
        Ok(out.into())
    } else {
        Err(damaged(format!("{} bytes where {length} were announced", out.len())))
    }
}

fn damaged(cause: impl std::fmt::Display) -> Error {
    Error::Protocol(format!("Compressed data is damaged: {cause}"))
}
