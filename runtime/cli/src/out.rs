//! stdout and stderr, either of which may be closed at any time.

use std::io::{BufWriter, ErrorKind, Stdout, Write};

use anyhow::Context;
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// Results on stdout, buffered.
pub(crate) struct Out {
    stdout: BufWriter<Stdout>,
}

impl Out {
    pub(crate) fn new() -> Self {
        Self { stdout: BufWriter::with_capacity(64 << 10, std::io::stdout()) }
    }

    /// Writes a line; the end of the line is added.
    pub(crate) fn line(&mut self, line: &str) -> Outcome {
        let written = self.stdout.write_all(line.as_bytes()).and_then(|()| self.stdout.write_all(b"\n"));
        written.map_err(failed)
    }

    /// Writes text that has its ends of lines.
    pub(crate) fn bytes(&mut self, text: &[u8]) -> Outcome {
        self.stdout.write_all(text).map_err(failed)
    }

    /// Writes a value as JSON on a line.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Outcome {
        let text = serde_json::to_string(value).context("a result can't be written as JSON")?;
        self.line(&text)
    }

    pub(crate) fn flush(&mut self) -> Outcome {
        self.stdout.flush().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::run(format!("write to stdout failed: {error}")),
    }
}

/// Says something on stderr. If that is closed there is nowhere left to say so.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
