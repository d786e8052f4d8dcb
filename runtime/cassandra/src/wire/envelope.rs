//! Envelopes: the nine-byte header every message begins with in both versions.

use bytes::Bytes;

use crate::api::Error;

/// Bytes of a header.
pub(crate) const HEADER: usize = 9;

/// Bits of the flags of a header.
pub(crate) mod flag {
    pub(crate) const COMPRESSED: u8 = 0x01;
    pub(crate) const TRACING: u8 = 0x02;
    pub(crate) const PAYLOAD: u8 = 0x04;
    pub(crate) const WARNING: u8 = 0x08;
}

/// A version this server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V5,
}

impl Version {
    /// As it stands in `SUPPORTED` and in the error for other versions.
    pub(crate) const NAMES: [&'static str; 2] = ["4/v4", "5/v5"];

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }

    /// For other versions the text which drivers look for before they try a lower one.
    fn of(byte: u8) -> Result<Self, Error> {
        match byte & 0x7f {
            4 => Ok(Self::V4),
            5 => Ok(Self::V5),
            other => Err(Error::Protocol(format!(
                "Invalid or unsupported protocol version ({other}); supported versions are ({})",
                Self::NAMES.join(", ")
            ))),
        }
    }
}

/// A header as it was read; its length is checked by the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: Version,
    pub(crate) flags: u8,
    pub(crate) stream: i16,
    pub(crate) opcode: u8,
    pub(crate) length: usize,
}

/// Why bytes are no header, and the stream to tell it on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadHeader {
    pub(crate) stream: i16,
    pub(crate) error: Error,
}

impl Header {
    /// Of the first bytes of an envelope; `None` while they are too few to say anything.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, BadHeader> {
        let Some(first) = bytes.first() else { return Ok(None) };
        // Versions 1 and 2 had one byte of stream and eight of header, and their clients wait after fewer bytes than ours.
        let old = matches!(first & 0x7f, 1 | 2);
        if bytes.len() < HEADER - usize::from(old) {
            return Ok(None);
        }
        let stream = i16::from_be_bytes([bytes[2], bytes[3]]);
        let bad = |error| BadHeader { stream: if old { 0 } else { stream }, error };
        let version = Version::of(*first).map_err(bad)?;
        if first & 0x80 != 0 {
            return Err(bad(Error::Protocol(
                "Wrong protocol direction (a response was received from a client)".to_owned(),
            )));
        }
        let length = i32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
        let length = usize::try_from(length)
            .map_err(|_| bad(Error::Protocol(format!("Invalid frame body length: {length}"))))?;
        Ok(Some(Self { version, flags: bytes[1], stream, opcode: bytes[4], length }))
    }
}

/// A message of a client, with its body as it was before compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    pub(crate) version: Version,
    pub(crate) flags: u8,
    pub(crate) stream: i16,
    pub(crate) opcode: u8,
    pub(crate) body: Bytes,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Error = 0x00,
    Startup = 0x01,
    Ready = 0x02,
    Options = 0x05,
    Supported = 0x06,
    Query = 0x07,
    Result = 0x08,
    Prepare = 0x09,
    Execute = 0x0a,
    Register = 0x0b,
    Event = 0x0c,
    Batch = 0x0d,
    AuthResponse = 0x0f,
}

impl Opcode {
    /// Of a request.
    pub(crate) fn of_request(byte: u8) -> Result<Self, Error> {
        Ok(match byte {
            0x01 => Self::Startup,
            0x05 => Self::Options,
            0x07 => Self::Query,
            0x09 => Self::Prepare,
            0x0a => Self::Execute,
            0x0b => Self::Register,
            0x0d => Self::Batch,
            0x0f => Self::AuthResponse,
            0x00 | 0x02 | 0x03 | 0x06 | 0x08 | 0x0c | 0x0e | 0x10 => {
                return Err(Error::Protocol(format!("Wrong protocol direction for opcode {byte}")));
            }
            other => return Err(Error::Protocol(format!("Unknown opcode {other}"))),
        })
    }

    /// As error messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Startup => "STARTUP",
            Self::Ready => "READY",
            Self::Options => "OPTIONS",
            Self::Supported => "SUPPORTED",
            Self::Query => "QUERY",
            Self::Result => "RESULT",
            Self::Prepare => "PREPARE",
            Self::Execute => "EXECUTE",
            Self::Register => "REGISTER",
            Self::Event => "EVENT",
            Self::Batch => "BATCH",
            Self::AuthResponse => "AUTH_RESPONSE",
        }
    }
}
