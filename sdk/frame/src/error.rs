//! Why a frame was refused: which column, and what is wrong with it.

use core::fmt;

/// A frame that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The frame ends before its header or directory does.
    Truncated {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// The first four bytes are not those of a frame.
    Magic(u32),
    /// A request or an answer has fields that don't fit into its size, or aren't what they must be.
    Record,
    /// A column is missing or malformed.
    Column {
        /// The column's id.
        id: u16,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It is required, and not there.
    Missing,
    /// It is there twice.
    Twice,
    /// It reaches beyond the end of the frame.
    OutOfBounds,
    /// Its offset is not a multiple of eight.
    Misaligned,
    /// It has another length than its rows need.
    Length {
        /// Bytes wanted.
        want: usize,
        /// Bytes there.
        have: usize,
    },
    /// Its ends decrease, or the last is not the end of what they point into.
    Ends,
    /// It is not UTF-8.
    Utf8,
    /// It must be understood, and is not known here.
    Unknown,
    /// It points outside of its table.
    Index,
    /// It has nulls, and can't.
    Null,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { need, have } => {
                write!(f, "frame of {have} bytes is cut off, {need} are needed")
            }
            Self::Magic(found) => {
                write!(f, "not a frame: it starts with {found:#010x}, not \"VXF1\"")
            }
            Self::Record => {
                f.write_str("a request or answer is malformed: its fields don't fit its size, or a text is not UTF-8")
            }
            Self::Column { id, problem } => {
                write!(f, "column {id} ")?;
                match problem {
                    Problem::Missing => f.write_str("is missing"),
                    Problem::Twice => f.write_str("is there twice"),
                    Problem::OutOfBounds => f.write_str("reaches beyond the frame"),
                    Problem::Misaligned => f.write_str("starts at an offset that is not a multiple of 8"),
                    Problem::Length { want, have } => {
                        write!(f, "has {have} bytes instead of {want}")
                    }
                    Problem::Ends => f.write_str("has ends that decrease or miss the end of their data"),
                    Problem::Utf8 => f.write_str("is not UTF-8"),
                    Problem::Unknown => f.write_str("must be understood, and is not known to this version"),
                    Problem::Index => f.write_str("points outside of its table"),
                    Problem::Null => f.write_str("has nulls, which it can't"),
                }
            }
        }
    }
}

impl core::error::Error for FrameError {}
