//! The native protocol, versions 4 and 5: bytes to requests, responses to bytes. No I/O and no state beyond framing.

mod compression;
mod crc;
mod decoder;
mod encoder;
mod envelope;
mod marshal;
mod metadata;
mod parameters;
mod reader;
mod request;
mod response;
mod segment;
mod writer;

pub(crate) use compression::Compression;
pub(crate) use decoder::{Decoded, Decoder, Fatal};
pub(crate) use encoder::{Encoder, Extras};
pub(crate) use envelope::{Envelope, Version, flag};
pub(crate) use metadata::columns_id;
pub(crate) use request::{Execute, Request, Topic, decode};
pub(crate) use response::{ERROR_OVERLOADED, Metadata, Outgoing};

/// Largest envelope taken from a client, as Cassandra's `native_transport_max_frame_size`.
pub(crate) const MAX_REQUEST: usize = 16 << 20;
/// Largest body sent to a client: what the Java driver takes by default.
pub(crate) const MAX_RESPONSE: usize = 256 << 20;

#[cfg(test)]
mod tests;
