//! The byte stream of a client as envelopes, in whichever framing the connection has reached.

use bytes::{Buf, Bytes, BytesMut};

use super::compression::Compression;
use super::envelope::{Envelope, HEADER, Header, Version, flag};
use super::{MAX_REQUEST, segment};
use crate::api::Error;

/// Cuts envelopes from what was read. Holds at most one envelope and one read beyond it.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// What was read and not yet looked at; the connection appends here.
    pub(crate) input: BytesMut,
    /// Payloads of segments (version 5), the same stream of envelopes without framing.
    joined: BytesMut,
    framing: Framing,
    /// Bytes of an envelope that was too big, still to come and to be dropped.
    skip: usize,
}

#[derive(Debug, Default, Clone, Copy)]
enum Framing {
    /// As every connection begins.
    #[default]
    Initial,
    V4(Option<Compression>),
    V5 {
        lz4: bool,
    },
}

/// One message, or why there is none in its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Envelope(Envelope),
    /// The stream goes on behind it.
    Rejected {
        stream: i16,
        error: Error,
    },
}

/// The stream can't be followed any further: tell this and close.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fatal {
    pub(crate) stream: i16,
    pub(crate) error: Error,
}

impl Decoder {
    /// After a good `STARTUP`: all that follows is framed so.
    pub(crate) fn established(&mut self, version: Version, compression: Option<Compression>) {
        self.framing = match version {
            Version::V4 => Framing::V4(compression),
            Version::V5 => Framing::V5 { lz4: compression.is_some() },
        };
    }

    /// The next message; `None` until more is read.
    pub(crate) fn next(&mut self) -> Result<Option<Decoded>, Fatal> {
        loop {
            let stream = match self.framing {
                Framing::V5 { .. } => &mut self.joined,
                Framing::Initial | Framing::V4(_) => &mut self.input,
            };
            let dropped = self.skip.min(stream.len());
            stream.advance(dropped);
            self.skip -= dropped;
            if self.skip == 0
                && let Some(decoded) = self.envelope()?
            {
                return Ok(Some(decoded));
            }
            let Framing::V5 { lz4 } = self.framing else { return Ok(None) };
            if !self.segment(lz4)? {
                return Ok(None);
            }
        }
    }

    /// Gives back the room of a large message; for when the connection falls idle.
    pub(crate) fn rest(&mut self) {
        for buffer in [&mut self.input, &mut self.joined] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
    }

    /// Moves the payload of one segment behind what is joined.
    fn segment(&mut self, lz4: bool) -> Result<bool, Fatal> {
        let fatal = |error| Fatal { stream: 0, error };
        let Some(segment) = segment::take(&mut self.input, lz4).map_err(fatal)? else { return Ok(false) };
        if segment.self_contained {
            if !self.joined.is_empty() || self.skip > 0 {
                return Err(fatal(Error::Protocol("A self-contained segment came amid a message of many".to_owned())));
            }
            whole(&segment.payload).map_err(fatal)?;
        }
        if self.joined.is_empty() {
            self.joined = BytesMut::from(segment.payload);
        } else {
            self.joined.extend_from_slice(&segment.payload);
        }
        Ok(true)
    }

    fn envelope(&mut self) -> Result<Option<Decoded>, Fatal> {
        let stream = match self.framing {
            Framing::Initial | Framing::V4(_) => &self.input,
            Framing::V5 { .. } => &self.joined,
        };
        let header = Header::read(stream).map_err(|bad| Fatal { stream: bad.stream, error: bad.error })?;
        let Some(header) = header else { return Ok(None) };
        let Header { version, flags, stream, opcode, length } = header;
        self.check(version).map_err(|error| Fatal { stream, error })?;
        let bytes = match self.framing {
            Framing::Initial | Framing::V4(_) => &mut self.input,
            Framing::V5 { .. } => &mut self.joined,
        };
        if length > MAX_REQUEST {
            bytes.advance(HEADER);
            self.skip = length;
            let message = format!("Request is too big: length {length} exceeds maximum allowed length {MAX_REQUEST}.");
            return Ok(Some(Decoded::Rejected { stream, error: Error::Invalid(message) }));
        }
        if bytes.len() < HEADER + length {
            return Ok(None);
        }
        bytes.advance(HEADER);
        let body = bytes.split_to(length).freeze();
        Ok(Some(match decompress(body, flags, self.framing) {
            Ok(body) => Decoded::Envelope(Envelope { version, flags, stream, opcode, body }),
            Err(error) => Decoded::Rejected { stream, error },
        }))
    }

    /// A connection stays in the version of its `STARTUP`.
    fn check(&self, got: Version) -> Result<(), Error> {
        let established = match self.framing {
            Framing::Initial => return Ok(()),
            Framing::V4(_) => Version::V4,
            Framing::V5 { .. } => Version::V5,
        };
        if got == established {
            return Ok(());
        }
        let (got, established) = (got.number(), established.number());
        Err(Error::Protocol(format!(
            "Invalid message version. Got {got}/v{got} but previous messages on this connection had version {established}/v{established}"
        )))
    }
}

fn decompress(body: Bytes, flags: u8, framing: Framing) -> Result<Bytes, Error> {
    if flags & flag::COMPRESSED == 0 {
        return Ok(body);
    }
    match framing {
        Framing::V4(Some(compression)) => compression.decompress_body(&body),
        // The flag means nothing where segments are compressed, but the Java driver sets it.
        Framing::V5 { .. } => Ok(body),
        Framing::Initial | Framing::V4(None) => {
            Err(Error::Protocol("Received a compressed frame but no compression was negotiated".to_owned()))
        }
    }
}

/// Whether a self-contained segment ends where an envelope ends.
fn whole(mut payload: &[u8]) -> Result<(), Error> {
    while !payload.is_empty() {
        let Some(length) = payload.get(5..HEADER) else { break };
        let length = length.iter().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        let Some(rest) = payload.get(HEADER + length..) else { break };
        payload = rest;
    }
    if payload.is_empty() {
        Ok(())
    } else {
        Err(Error::Protocol("A self-contained segment ends amid a message".to_owned()))
    }
}
