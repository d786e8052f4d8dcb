//! What a function asks of its host, as traits: the sandbox knows neither Kafka nor Cassandra.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::exchange::Request;

/// Row number that stands for "the whole batch" wherever an event is named.
pub const WHOLE_BATCH: u32 = u32::MAX;

/// Log level of the guest's panic hook: charges the trap that follows to its event.
pub const LEVEL_PANIC: u8 = 6;

/// Log level of a guest that can't work as it is configured: the trap that follows counts as a failed start, and charges
/// no event.
pub const LEVEL_MISCONFIGURED: u8 = 7;

/// What a function is granted for as long as it is loaded: one object per function.
pub trait Services: Send + Sync + 'static {
    /// The variable of that name; none when it is not there or not granted. `*vars` and `*emits` are the names of all
    /// variables, and the topics that may be emitted to, one a line.
    fn var(&self, name: &str) -> Option<String>;
    /// The secret of that name; none when it is not there or not granted.
    fn secret(&self, name: &str) -> Option<String>;
    /// Seed of the guest's random numbers. None (the default) means the system's randomness.
    fn random_seed(&self) -> Option<u64> {
        None
    }
    /// The guest's wall clock, since 1970. None (the default) means the system's clocks.
    fn now(&self) -> Option<Duration> {
        None
    }
}

/// The host's side of one call: one object per call, dropped when the call is over.
///
/// `event` is a row of the call's batch, or [`WHOLE_BATCH`]; it comes from the guest and may be out of range. The
/// futures are dropped when the guest cancels the request or the call ends early, so whatever must not be cut short
/// (a Cassandra request) has to run in a task of the host's own. The plain functions run on the thread that executes
/// the guest and must not block.
pub trait Call: Send + Sync + 'static {
    /// Takes an outcome frame for events that are done. Waits while the outbox is full. `Err` says what is malformed
    /// and ends the call as [`CallErrorKind::Malformed`](crate::CallErrorKind::Malformed).
    fn settle(&self, outcome: Vec<u8>) -> BoxFuture<'static, Result<(), String>>;
    /// One line of log. Levels: 1 trace to 5 error, 6 panic ([`LEVEL_PANIC`]; the sandbox has already noted the
    /// event), 7 misconfigured ([`LEVEL_MISCONFIGURED`], noted too); others count as 3. The sandbox bounds lines and bytes per call before they come here.
    fn log(&self, event: u32, level: u8, message: &str, fields: &[(String, String)]);
    /// The event that begins now (isolate mode only).
    fn mark(&self, event: u32);
    /// W3C traceparent of the event's span.
    fn traceparent(&self, event: u32) -> Option<String>;
    /// Waits on the host's clock, which is virtual in tests and replay.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
    /// Whether [`sleep`](Self::sleep) keeps a time of its own, which goes on by [`idle`](Self::idle). Asked once.
    fn keeps_time(&self) -> bool {
        false
    }
    /// The guest waits for nothing but sleeps: the first of them may end. Only told to who keeps time.
    fn idle(&self) {}
    /// Prepares one statement on granted tables.
    fn prepare(&self, event: u32, text: String) -> BoxFuture<'static, Result<Statement, CqlError>>;
    /// Begins requests, each of which is answered through its [`Reply`](crate::Reply). They go on whatever the guest
    /// does.
    fn submit(self: Arc<Self>, requests: Vec<Request>);
}

/// A prepared statement, as the guest sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// Number given by the host, good for the life of the instance.
    pub id: u32,
    /// Per parameter a `[string]` name and an `[option]` type of the CQL v4 protocol.
    pub params: Vec<u8>,
    /// Per result column the same; empty when there are none.
    pub results: Vec<u8>,
    /// Parameters that make up the partition key, in its order.
    pub key: Vec<u16>,
    /// Bit 0 writes, bit 1 conditional, bit 2 counter.
    pub traits: u32,
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Rows in this page.
    pub count: u32,
    /// As [`Statement::results`]; empty when they are those of the statement.
    pub columns: Vec<u8>,
    /// `count` × columns of CQL `[bytes]`.
    pub rows: Vec<u8>,
    /// Paging state, empty at the end.
    pub next: Vec<u8>,
}

/// How a statement is to be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// CQL number; 0xffff: the binding's.
    pub consistency: u16,
    /// Serial consistency, likewise.
    pub serial: u16,
    /// Write timestamp in µs.
    pub timestamp: Option<i64>,
    /// Rows per page; 0: the default.
    pub page_size: u32,
    /// Milliseconds; 0: the binding's.
    pub timeout_ms: u32,
    /// Bit 0 idempotent, bit 1 event-time timestamp.
    pub flags: u32,
}

/// Why a Cassandra call failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CqlError {
    /// 1 invalid, 2 not granted, 3 unavailable, 4 time-out, 5 overloaded, 6 disconnected, 7 over a limit.
    pub kind: u16,
    /// 0 not applied, 1 unknown: it may have been, or may yet be.
    pub applied: u8,
    /// The server's error code; 0 if none answered.
    pub code: u32,
    /// The server's write type; empty if none answered.
    pub write_type: String,
    /// What happened, for people.
    pub message: String,
}

impl CqlError {
    /// A limit of the sandbox was reached, and nothing was sent.
    pub(crate) fn over_limit(message: String) -> Self {
        Self { kind: 7, message, ..Self::default() }
    }
}
