//! Where and why a statement was refused.

use std::fmt;

/// A statement that was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What was expected and what was found.
    pub message: String,
}

impl ParseError {
    /// An error at a byte position of the text.
    pub(crate) fn at(text: &str, position: usize, message: impl Into<String>) -> Self {
        let before = &text.as_bytes()[..position.min(text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        // Counting the bytes that begin a character also works if a position is inside of one.
        let characters = |bytes: &[u8]| bytes.iter().filter(|b| **b & 0xC0 != 0x80).count();
        let lines = before.iter().filter(|b| **b == b'\n').count();
        Self { line: lines as u32 + 1, column: characters(&before[line_start..]) as u32 + 1, message: message.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}
