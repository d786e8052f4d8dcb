//! Where events to feed come from.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Counters;
use crate::error::DevError;

/// A topic and the events for it: `TOPIC=FILE`, or `TOPIC=-` for stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Where to.
    pub topic: String,
    /// Where from.
    pub source: Source,
}

/// Where events come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file of JSON lines.
    File(PathBuf),
}

impl FromStr for Input {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write TOPIC=FILE, or TOPIC=- for stdin".to_owned();
        let (topic, from) = text.split_once('=').ok_or_else(wrong)?;
        if !veltrix_manifest::is_topic_name(topic) || from.is_empty() {
            return Err(wrong());
        }
        let source = if from == "-" { Source::Stdin } else { Source::File(from.into()) };
        Ok(Self { topic: topic.to_owned(), source })
    }
}

/// An input that can be read.
pub(crate) struct Opened {
    pub(crate) topic: String,
    /// The file, or `-`.
    pub(crate) name: String,
    /// Bytes, where that is known.
    pub(crate) size: Option<u64>,
    pub(crate) reader: Box<dyn BufRead + Send>,
}

impl Input {
    /// Opens it; what is read of it is counted.
    ///
    /// # Errors
    /// The file can't be opened.
    pub(crate) fn open(&self, counters: &Arc<Counters>) -> Result<Opened, DevError> {
        let (name, size, from): (_, _, Box<dyn Read + Send>) = match &self.source {
            Source::Stdin => ("-".to_owned(), None, Box::new(stdin())),
            Source::File(path) => {
                let name = path.display().to_string();
                let failed = |error| DevError::Configuration(format!("--input {}={name}: {error}", self.topic));
                let file = File::open(path).map_err(failed)?;
                let about = file.metadata().map_err(failed)?;
                if about.is_dir() {
                    return Err(failed(std::io::ErrorKind::IsADirectory.into()));
                }
                (name, about.is_file().then_some(about.len()), Box::new(file))
            }
        };
        let reader = BufReader::with_capacity(1 << 18, Counting { from, counters: counters.clone() });
        Ok(Opened { topic: self.topic.clone(), name, size, reader: Box::new(reader) })
    }
}

struct Counting {
    from: Box<dyn Read + Send>,
    counters: Arc<Counters>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.counters.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_a_topic_and_a_file_or_stdin() {
        let read = |text: &str| text.parse::<Input>();
        assert_eq!(read("t=-").unwrap(), Input { topic: "t".into(), source: Source::Stdin });
        assert_eq!(read("t=a=b").unwrap(), Input { topic: "t".into(), source: Source::File("a=b".into()) });
        for wrong in ["t", "t=", "=f", "a b=f", "^t=f"] {
            assert!(read(wrong).unwrap_err().contains("TOPIC=FILE"), "{wrong}");
        }
    }
}
