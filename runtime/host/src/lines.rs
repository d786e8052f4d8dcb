//! Numbered lines of a file or of stdin, none of them longer than memory allows.

use std::io::{BufRead, Read};

/// The longest line, bytes. A broker takes about 1 MiB an event unless told otherwise.
pub const LONGEST: u64 = 64 << 20;

/// Reads lines that are not blank.
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    number: u64,
}

/// Why a line could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum LineError {
    /// This line alone is unusable, and why.
    Line(String),
    /// Nothing more can be read, and why.
    Input(String),
}

impl<R: BufRead> Lines<R> {
    /// Begins with line 1.
    pub fn new(reader: R) -> Self {
        Self { reader, number: 0 }
    }

    fn read(&mut self) -> Result<Option<String>, LineError> {
        let failed = |error: std::io::Error| LineError::Input(format!("read failed: {error}"));
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 > LONGEST {
            drop(line);
            self.reader.skip_until(b'\n').map_err(failed)?;
            return Err(LineError::Line(format!("longer than {} MiB", LONGEST >> 20)));
        }
        let text = String::from_utf8(line);
        text.map(Some).map_err(|error| {
            let column = error.utf8_error().valid_up_to() + 1;
            LineError::Line(format!("not UTF-8 (byte {column}); write bytes as {{\"base64\": \"…\"}}"))
        })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = (u64, Result<String, LineError>);

    /// The next line and its number, from 1.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.number += 1;
            match self.read() {
                Ok(None) => return None,
                Ok(Some(line)) if line.trim().is_empty() => {}
                Ok(Some(line)) => return Some((self.number, Ok(line))),
                Err(error) => return Some((self.number, Err(error))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, repeat};

    use super::*;

    #[test]
    fn numbers_lines_and_leaves_blank_ones_out() {
        let lines = Lines::new(Cursor::new("a\n\n  \r\nb\r\n\nc"));
        let found: Vec<(u64, String)> = lines.map(|(number, line)| (number, line.unwrap())).collect();
        assert_eq!(found, [(1, "a".to_owned()), (4, "b\r".to_owned()), (6, "c".to_owned())]);
    }

    #[test]
    fn goes_on_after_lines_that_are_too_long_or_not_utf8() {
        let long = repeat(b'x').take(100 << 20).chain(Cursor::new(b"\n\"\xff\"\nlast".to_vec()));
        let mut lines = Lines::new(BufReader::new(long));
        assert_eq!(lines.next(), Some((1, Err(LineError::Line("longer than 64 MiB".to_owned())))));
        let Some((2, Err(LineError::Line(problem)))) = lines.next() else { panic!("a line that is not UTF-8") };
        assert!(problem.contains("byte 2"), "{problem}");
        assert_eq!(lines.next(), Some((3, Ok("last".to_owned()))));
        assert_eq!(lines.next(), None);
    }
}
