//! Responses as the bytes a connection sends, in the framing it has reached.

use super::MAX_RESPONSE;
use super::compression::Compression;
use super::envelope::{HEADER, Version, flag};
use super::response::Outgoing;
use super::segment::{self, MAX_PAYLOAD};
use super::writer::Put;
use crate::api::Error;

/// Bodies below this are not worth compressing.
const WORTHWHILE: usize = 512;
/// Room that is kept from one flush to the next.
const KEPT: usize = 256 << 10;

/// Collects messages until they are sent together.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    /// Envelopes, one after the other.
    envelopes: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Their segments (version 5).
    segments: Vec<u8>,
    framing: Framing,
}

#[derive(Debug, Default, Clone, Copy)]
enum Framing {
    /// Bare envelopes, perhaps compressed each by itself.
    #[default]
    Initial,
    V4(Compression),
    V5 {
        lz4: bool,
    },
}

/// What goes before the body of any response.
#[derive(Debug, Default)]
pub(crate) struct Extras<'a> {
    pub(crate) tracing: Option<[u8; 16]>,
    pub(crate) warnings: &'a [String],
}

impl Encoder {
    /// From here on; only between two flushes.
    pub(crate) fn established(&mut self, version: Version, compression: Option<Compression>) {
        self.framing = match (version, compression) {
            (Version::V4, None) => Framing::Initial,
            (Version::V4, Some(compression)) => Framing::V4(compression),
            (Version::V5, compression) => Framing::V5 { lz4: compression.is_some() },
        };
    }

    /// Adds a message. One that is too big for any client becomes an error.
    pub(crate) fn put(&mut self, version: Version, stream: i16, message: &Outgoing<'_>, extras: &Extras<'_>) {
        let start = self.envelopes.len();
        let mut flags = 0;
        self.envelopes.extend_from_slice(&[0; HEADER]);
        if let Some(id) = extras.tracing {
            flags |= flag::TRACING;
            self.envelopes.extend_from_slice(&id);
        }
        if !extras.warnings.is_empty() {
            flags |= flag::WARNING;
            self.envelopes.string_list(extras.warnings);
        }
        message.put(&mut self.envelopes, version);
        let body = start + HEADER;
        if self.envelopes.len() - body > MAX_RESPONSE {
            let length = self.envelopes.len() - body;
            self.envelopes.truncate(start);
            let message = format!(
                "Result is too big: length {length} exceeds maximum allowed length {MAX_RESPONSE}; fetch it by pages"
            );
            return self.put(version, stream, &Outgoing::Error(&Error::Invalid(message)), &Extras::default());
        }
        if let Framing::V4(compression) = self.framing
            && self.envelopes.len() - body >= WORTHWHILE
        {
            let packed = compression.compress_body(&self.envelopes[body..]);
            if packed.len() < self.envelopes.len() - body {
                flags |= flag::COMPRESSED;
                self.envelopes.truncate(body);
                self.envelopes.extend_from_slice(&packed);
            }
        }
        let length = (self.envelopes.len() - body) as u32;
        let stream = stream.to_be_bytes();
        let header = [0x80 | version.number(), flags, stream[0], stream[1], message.opcode() as u8];
        self.envelopes[start..start + 5].copy_from_slice(&header);
        self.envelopes[start + 5..body].copy_from_slice(&length.to_be_bytes());
        self.ends.push(self.envelopes.len());
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.envelopes.len()
    }

    /// What is to be sent now; call [`Self::sent`] afterwards.
    pub(crate) fn bytes(&mut self) -> &[u8] {
        let Framing::V5 { lz4 } = self.framing else { return &self.envelopes };
        let mut start = 0;
        let mut end = 0;
        for next in &self.ends {
            if next - start > MAX_PAYLOAD && end > start {
                segment::put(&mut self.segments, &self.envelopes[start..end], true, lz4);
                start = end;
            }
            if next - start > MAX_PAYLOAD {
                for part in self.envelopes[start..*next].chunks(MAX_PAYLOAD) {
                    segment::put(&mut self.segments, part, false, lz4);
                }
                start = *next;
            }
            end = *next;
        }
        if end > start {
            segment::put(&mut self.segments, &self.envelopes[start..end], true, lz4);
        }
        &self.segments
    }

    /// All of it is sent.
    pub(crate) fn sent(&mut self) {
        self.ends.clear();
        for buffer in [&mut self.envelopes, &mut self.segments] {
            buffer.clear();
            buffer.shrink_to(KEPT);
        }
    }
}
