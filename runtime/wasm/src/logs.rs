//! What a guest says: its log calls, and stdout and stderr line by line, bounded per call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::services::{Call, LEVEL_MISCONFIGURED, LEVEL_PANIC, WHOLE_BATCH};

/// Lines per call, beside those per event.
const LINES: u64 = 100;
/// Further lines for each event of the batch.
const LINES_PER_EVENT: u64 = 20;
/// Bytes per call.
const BYTES: usize = 1 << 20;
/// Bytes of a line; longer ones are cut (log) or split (stdout, stderr).
const LINE: usize = 16 << 10;
/// Fields of a log line; further ones are left out.
const FIELDS: usize = 64;

const LEVEL_INFO: u8 = 3;
const LEVEL_WARN: u8 = 4;
const LEVEL_ERROR: u8 = 5;

/// Logs of one instance.
#[derive(Default)]
pub(crate) struct Logs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    call: Option<Arc<dyn Call>>,
    lines: u64,
    bytes: usize,
    dropped: u64,
    /// What stdout and stderr have of an unfinished line.
    partial: [Vec<u8>; 2],
}

impl Logs {
    /// Lines go to `call` from now on.
    pub(crate) fn begin(&self, call: Arc<dyn Call>, events: u32) {
        let mut inner = self.lock();
        inner.call = Some(call);
        inner.lines = LINES + LINES_PER_EVENT * u64::from(events);
        inner.bytes = BYTES;
        inner.dropped = 0;
    }

    /// The call is over: hands out unfinished lines, and says how many were dropped.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        for stream in Stream::BOTH {
            inner.flush(stream);
        }
        if inner.dropped > 0 {
            let text = format!("{} further log lines of this call were dropped", inner.dropped);
            inner.hand_out(WHOLE_BATCH, LEVEL_WARN, &text, &[]);
        }
        inner.call = None;
    }

    /// One line from the guest's log import.
    pub(crate) fn log(&self, event: u32, level: u8, message: &str, fields: &[(String, String)]) {
        let fields = &fields[..fields.len().min(FIELDS)];
        self.lock().log(event, level, cut(message), fields);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn log(&mut self, event: u32, level: u8, message: &str, fields: &[(String, String)]) {
        let bytes = fields.iter().fold(message.len(), |sum, (name, value)| sum + name.len() + value.len());
        // Of these there is one, and it says why the call ends.
        let last = matches!(level, LEVEL_PANIC | LEVEL_MISCONFIGURED);
        if !last && (self.lines == 0 || self.bytes < bytes) {
            self.dropped += 1;
            return;
        }
        self.lines = self.lines.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.hand_out(event, level, message, fields);
    }

    fn hand_out(&self, event: u32, level: u8, message: &str, fields: &[(String, String)]) {
        match &self.call {
            Some(call) => call.log(event, level, message, fields),
            // While the instance is made there is no call to name.
            None => tracing::debug!(level, "function, outside a call: {message}"),
        }
    }

    fn write(&mut self, stream: Stream, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(stream, &bytes[..end]);
            self.flush(stream);
            bytes = &bytes[end + 1..];
        }
        self.extend(stream, bytes);
    }

    fn extend(&mut self, stream: Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let line = &mut self.partial[stream as usize];
            let (now, later) = bytes.split_at(bytes.len().min(LINE - line.len()));
            line.extend_from_slice(now);
            bytes = later;
            if line.len() == LINE {
                self.flush(stream);
            }
        }
    }

    fn flush(&mut self, stream: Stream) {
        let mut line = std::mem::take(&mut self.partial[stream as usize]);
        if !line.is_empty() {
            self.log(WHOLE_BATCH, stream.level(), &String::from_utf8_lossy(&line), &[]);
            line.clear();
            self.partial[stream as usize] = line;
        }
    }
}

/// `text`, cut to a line's length at a character's end.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE)]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    const BOTH: [Self; 2] = [Self::Stdout, Self::Stderr];

    fn level(self) -> u8 {
        match self {
            Self::Stdout => LEVEL_INFO,
            Self::Stderr => LEVEL_ERROR,
        }
    }
}

/// One of the guest's output streams.
#[derive(Clone)]
pub(crate) struct Output {
    pub(crate) logs: Arc<Logs>,
    pub(crate) stream: Stream,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Asked for by WASI 0.3 only, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.logs.lock().write(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}
