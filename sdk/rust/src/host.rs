//! The platform: what a function can ask of its host. On Wasm these are the component's imports; natively an in-memory
//! stand-in answers, so that handlers run in plain unit tests. `event` everywhere: row of the batch, [`WHOLE`] for none.

#[cfg(not(target_family = "wasm"))]
pub(crate) mod native;
#[cfg(target_family = "wasm")]
pub(crate) mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{batch, execute, log, look, mark, now, prepare, run, secret, settle, sleep, traceparent, var};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::{batch, execute, log, look, mark, now, prepare, run, secret, settle, sleep, traceparent, var};

/// A prepared statement, as the host describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Good as long as the instance.
    pub(crate) id: u32,
    /// Per parameter `[string]` name and `[option]` type of the CQL v4 protocol.
    pub(crate) params: Vec<u8>,
    /// Per result column the same.
    pub(crate) results: Vec<u8>,
    /// The parameters that make up the partition key.
    pub(crate) key: Vec<u16>,
    /// Bit 0 writes, bit 1 conditional, bit 2 counter.
    pub(crate) traits: u32,
}

/// How to execute a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// CQL number, 0xffff the binding's.
    pub(crate) consistency: u16,
    /// CQL number, 0xffff the binding's.
    pub(crate) serial: u16,
    /// Write timestamp in microseconds; refused where conditional.
    pub(crate) timestamp: Option<i64>,
    /// Rows a page; 0: the default.
    pub(crate) page_size: u32,
    /// 0: the binding's.
    pub(crate) timeout_ms: u32,
    /// Bit 0 idempotent, bit 1 event-time timestamp.
    pub(crate) flags: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { consistency: u16::MAX, serial: u16::MAX, timestamp: None, page_size: 0, timeout_ms: 0, flags: 0 }
    }
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Number of rows.
    pub(crate) count: u32,
    /// As `results` of a statement; empty: those of the statement.
    pub(crate) columns: Vec<u8>,
    /// `count` × columns of `[bytes]`.
    pub(crate) rows: Vec<u8>,
    /// Opaque, empty at the end; good for this statement only.
    pub(crate) next: Vec<u8>,
}

/// A refusal or failure, as the host gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CqlError {
    /// 1 invalid, 2 not granted, 3 unavailable, 4 time-out, 5 overloaded, 6 disconnected, 7 over a limit. Unknown: 3.
    pub(crate) kind: u16,
    /// 0 not applied, 1 unknown.
    pub(crate) applied: u8,
    /// The server's code, 0 if none answered.
    pub(crate) code: u32,
    /// The server's write type, empty if none answered.
    pub(crate) write_type: String,
    /// For people.
    pub(crate) message: String,
}

/// What answers CQL natively; the stand-in installs one for the time of a call.
#[cfg(not(target_family = "wasm"))]
pub(crate) trait Cassandra {
    /// As the import.
    fn prepare(&mut self, event: u32, text: &str) -> Result<Statement, CqlError>;
    /// As the import.
    fn execute(
        &mut self,
        event: u32,
        statement: u32,
        values: &[u8],
        next: &[u8],
        options: &Options,
    ) -> Result<Page, CqlError>;
    /// As the import.
    fn batch(
        &mut self,
        event: u32,
        kind: u8,
        statements: &[u32],
        values: &[u8],
        options: &Options,
    ) -> Result<Page, CqlError>;
}
