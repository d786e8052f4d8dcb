//! Column ids. A `bytes` column takes three: the id named here holds the ends, +1 the bytes, +2 the null bitmap.

/// Topic of the batch, UTF-8.
pub const TOPIC: u16 = 1;
/// Partition of the batch, one `i32`.
pub const PARTITION: u16 = 2;
/// Mode bits, lanes at once, soft limit in ms, limit per event in ms: four `u32`.
pub const CONTROL: u16 = 3;
/// Offset of each event, `i64`.
pub const OFFSET: u16 = 4;
/// Timestamp of each event, `i64` milliseconds since 1970, -1 none.
pub const TIMESTAMP: u16 = 5;
/// Lane of each event, `u32`; equal lanes are handled one after another.
pub const LANE: u16 = 6;
/// How often each event was begun before, `u32`; absent: never.
pub const BEGUN: u16 = 7;
/// Key of each event, `bytes`.
pub const KEY: u16 = 10;
/// Value of each event, `bytes`.
pub const VALUE: u16 = 13;
/// Where the headers of each event end, `u32` into the header columns; absent: no headers.
pub const HEADERS: u16 = 16;
/// Name of each header, `bytes`, never null.
pub const HEADER_NAME: u16 = 20;
/// Value of each header, `bytes`.
pub const HEADER_VALUE: u16 = 23;
/// What makes an offset of the batch mean one event for ever, UTF-8: cluster id, topic id and group, apart by `/`; absent:
/// not known.
pub const SOURCE: u16 = 26;

/// Event of each verdict, `u32`.
pub const EVENT: u16 = 64;
/// Each verdict, `u8`.
pub const VERDICT: u16 = 65;
/// Delay of each retry, `u32` milliseconds; 0 or absent: the binding's back-off.
pub const RETRY_AFTER: u16 = 66;
/// Reason of each verdict, `bytes`.
pub const REASON: u16 = 67;
/// Message of each verdict, `bytes`.
pub const MESSAGE: u16 = 70;
/// Event that caused each emit, `u32`.
pub const CAUSE: u16 = 80;
/// Table of the topics emitted to, `bytes`, UTF-8, never null.
pub const EMIT_TOPICS: u16 = 81;
/// Topic of each emit, `u32` index into [`EMIT_TOPICS`].
pub const EMIT_TOPIC: u16 = 84;
/// Key of each emit, `bytes`.
pub const EMIT_KEY: u16 = 85;
/// Value of each emit, `bytes`.
pub const EMIT_VALUE: u16 = 88;
/// Where the headers of each emit end, `u32`; absent: no headers.
pub const EMIT_HEADERS: u16 = 91;
/// Name of each emitted header, `bytes`, never null.
pub const EMIT_HEADER_NAME: u16 = 92;
/// Value of each emitted header, `bytes`.
pub const EMIT_HEADER_VALUE: u16 = 95;
/// Partition of each emit, `i32`; -1 or absent: by key.
pub const EMIT_PARTITION: u16 = 98;
/// Timestamp of each emit, `i64` milliseconds; -1 or absent: when sent.
pub const EMIT_TIMESTAMP: u16 = 99;
/// Whether each emit has the key, the value and the headers of its cause, `u8`, 0 or 1; absent: none. Must be understood.
pub const EMIT_FORWARD: u16 = 102;

/// Directory flag: a reader that does not know the column must refuse the frame.
pub const MUST_UNDERSTAND: u16 = 1;
/// Mode bit: begin one event at a time and `mark` it first.
pub const MODE_ISOLATE: u32 = 1;

/// The ids that a reader of batches understands, a bit each.
pub(crate) const OF_BATCH: u128 = ids(
    &[TOPIC, PARTITION, CONTROL, OFFSET, TIMESTAMP, LANE, BEGUN, HEADERS, SOURCE],
    &[KEY, VALUE, HEADER_NAME, HEADER_VALUE],
);
/// The ids that a reader of outcomes understands.
pub(crate) const OF_OUTCOME: u128 = ids(
    &[EVENT, VERDICT, RETRY_AFTER, CAUSE, EMIT_TOPIC, EMIT_HEADERS, EMIT_PARTITION, EMIT_TIMESTAMP, EMIT_FORWARD],
    &[REASON, MESSAGE, EMIT_TOPICS, EMIT_KEY, EMIT_VALUE, EMIT_HEADER_NAME, EMIT_HEADER_VALUE],
);

const fn ids(fixed: &[u16], bytes: &[u16]) -> u128 {
    let (mut bits, mut at) = (0, 0);
    while at < fixed.len() {
        bits |= 1 << fixed[at];
        at += 1;
    }
    at = 0;
    while at < bytes.len() {
        bits |= 0b111 << bytes[at];
        at += 1;
    }
    bits
}
