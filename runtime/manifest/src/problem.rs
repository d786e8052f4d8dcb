//! Problems of a manifest: where, what, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line of the file, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1; 0 when the file could not be read at all.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub fix: String,
}

/// Everything wrong with a manifest, in the order of the file. Shown as lines of
/// `FILE:LINE:COLUMN: message — fix`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems {
    /// The manifest, as named by whoever asked for it.
    pub file: PathBuf,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.file.display())?;
            if problem.line > 0 {
                write!(f, ":{}:{}", problem.line, problem.column)?;
            }
            write!(f, ": {}", problem.message)?;
            if !problem.fix.is_empty() {
                write!(f, " — {}", problem.fix)?;
            }
        }
        Ok(())
    }
}

/// Bytes of the text.
pub(crate) type Span = Range<usize>;

/// Nobody reads more, and finding the place of each takes a look through the text.
const MOST_PROBLEMS: usize = 1_000;

/// Collects problems by their place in the text.
pub(crate) struct Report<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Report<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, problems: Vec::new() }
    }

    pub(crate) fn add(&mut self, at: &Span, message: impl Into<String>, fix: impl Into<String>) {
        if self.problems.len() == MOST_PROBLEMS {
            return;
        }
        let (line, column) = position(self.text, at.start);
        self.problems.push(Problem { line, column, message: message.into(), fix: fix.into() });
    }

    /// For what the file may well say, but this version does not do.
    pub(crate) fn unsupported(&mut self, at: &Span, what: &str, fix: impl Into<String>) {
        self.add(at, format!("not supported by this version: {what}"), fix);
    }

    /// Line and column of a place, from 1.
    pub(crate) fn place(&self, at: &Span) -> (usize, usize) {
        position(self.text, at.start)
    }

    /// In the order of the file, each once.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems.dedup();
        self.problems
    }
}

/// Line and column, from 1, of a byte; a place inside a character counts as its start.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(byte)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
