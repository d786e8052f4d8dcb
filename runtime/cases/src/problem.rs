//! What is wrong with cases, and where.

use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake, shown as `FILE:LINE: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file or folder.
    pub file: PathBuf,
    /// Line from 1; 0: the whole of it.
    pub line: usize,
    /// What is wrong, and what to write.
    pub message: String,
}

/// All that is wrong, in the order of files and lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, file: &Path, line: usize, message: impl Into<String>) {
        self.0.push(Problem { file: file.to_owned(), line, message: message.into() });
    }

    /// Nothing, or all of them.
    pub(crate) fn check(mut self) -> Result<(), Self> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { file, line, message }) in self.0.iter().enumerate() {
            let end = if index > 0 { "\n" } else { "" };
            match line {
                0 => write!(f, "{end}{}: {message}", file.display())?,
                line => write!(f, "{end}{}:{line}: {message}", file.display())?,
            }
        }
        Ok(())
    }
}
