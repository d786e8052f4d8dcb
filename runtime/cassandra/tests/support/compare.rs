//! Says how two answers differ.

use super::answer::{Answer, Column, Rows};
use super::types::Type;

/// Codes of errors by which a real one says that it failed itself: there is nothing to agree with.
pub(crate) const BROKEN: [i32; 3] = [0x0000, 0x1300, 0x1500];

/// How exactly rows must agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Rigour {
    /// Byte by byte, in the same order and pages.
    #[default]
    Exact,
    /// Whole numbers may be apart by three: seconds to live, read one after the other.
    Near,
    /// Names and types of columns and the number of rows alone: random values and clocks.
    Shape,
}

/// What is told of two answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Equal,
    /// The same but for the words of an error or a warning.
    Words,
    /// Why they are not the same.
    Differ(&'static str),
}

/// Compares; neither side holds names of keyspaces any more.
pub(crate) fn compare(real: &Answer, other: &Answer, rigour: Rigour) -> Verdict {
    match (real, other) {
        (Answer::Error(real), Answer::Error(other)) if real.code != other.code => Verdict::Differ("class of error"),
        (Answer::Error(real), Answer::Error(other)) if real.body != other.body => Verdict::Differ("body of error"),
        (Answer::Error(real), Answer::Error(other)) if real.message != other.message => Verdict::Words,
        (Answer::Error(_), Answer::Error(_)) => Verdict::Equal,
        (Answer::Error(_), _) => Verdict::Differ("not refused"),
        (_, Answer::Error(_)) => Verdict::Differ("refused"),
        (Answer::Rows(real), Answer::Rows(other)) => rows(real, other, rigour),
        _ if real == other => Verdict::Equal,
        (Answer::Prepared(_), Answer::Prepared(_)) => Verdict::Differ("metadata of the prepared statement"),
        _ => Verdict::Differ("kind of answer"),
    }
}

fn rows(real: &Rows, other: &Rows, rigour: Rigour) -> Verdict {
    if real.columns != other.columns {
        return Verdict::Differ("columns");
    }
    if real.rows.len() != other.rows.len() {
        return Verdict::Differ("number of rows");
    }
    let equal = match rigour {
        Rigour::Exact => real.rows == other.rows,
        Rigour::Near => {
            let cells = real.rows.iter().zip(&other.rows).flat_map(|(a, b)| a.iter().zip(b));
            cells.zip(real.columns.iter().cycle()).all(|((a, b), column)| near(column, a, b))
        }
        Rigour::Shape => true,
    };
    if !equal {
        let (mut a, mut b) = (real.rows.clone(), other.rows.clone());
        a.sort();
        b.sort();
        return Verdict::Differ(if a == b { "order of rows" } else { "values" });
    }
    if real.pages != other.pages {
        return Verdict::Differ("pages");
    }
    if real.warnings.len() != other.warnings.len() {
        return Verdict::Differ("warnings");
    }
    if real.warnings == other.warnings { Verdict::Equal } else { Verdict::Words }
}

fn near(column: &Column, real: &Option<Vec<u8>>, other: &Option<Vec<u8>>) -> bool {
    let number = |cell: &Option<Vec<u8>>| match (&column.of, cell.as_deref()) {
        (Type::Native("int"), Some(bytes)) => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        (Type::Native("bigint" | "counter"), Some(bytes)) => bytes.try_into().ok().map(i64::from_be_bytes),
        _ => None,
    };
    match (number(real), number(other)) {
        (Some(real), Some(other)) => real.abs_diff(other) <= 3,
        _ => real == other,
    }
}
