//! A case as it is written: in a folder, in a table of TOML, or on a line of JSON.

mod folder;
mod json;
mod toml;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::problem::Problems;

pub(crate) use folder::{is_case, read as read_folder};
pub(crate) use json::{fields, read as read_json};
pub(crate) use toml::read as read_toml;

/// Keys of a case.
const KEYS: [&str; 10] = ["name", "about", "binding", "clock", "vars", "secrets", "in", "rows", "cql", "out"];
/// No case is larger.
const MOST_BYTES: u64 = 64 << 20;

/// What is written of a case.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// Where it begins.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) binding: Option<(usize, String)>,
    pub(crate) clock: Option<(usize, String)>,
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) events: Option<Section>,
    pub(crate) rows: Option<Section>,
    pub(crate) cql: Option<Section>,
    pub(crate) out: Option<Section>,
    pub(crate) place: Place,
}

/// A part of a case that is lines.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) file: PathBuf,
    /// Numbers of lines in the file, and what they say.
    pub(crate) lines: Vec<(usize, String)>,
}

impl Section {
    /// Of a text that begins in that line of its file.
    fn of(file: &Path, first: usize, text: &str) -> Self {
        let lines = text.lines().zip(first..).map(|(line, number)| (number, line.to_owned())).collect();
        Self { file: file.to_owned(), lines }
    }

    /// Lines that say something.
    pub(crate) fn said(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().map(|(number, line)| (*number, line.trim())).filter(|(_, line)| !line.is_empty())
    }
}

/// Where the expectations are written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of their own.
    File(PathBuf),
    /// These bytes of a file of TOML: a value, or nothing where it is to be put.
    Toml { file: PathBuf, at: Range<usize> },
    /// The key `out` of the object in this line.
    Json { file: PathBuf, line: usize },
}

impl Default for Place {
    fn default() -> Self {
        Self::File(PathBuf::new())
    }
}

fn text_of(file: &Path, problems: &mut Problems) -> Option<String> {
    let read = || {
        let size = std::fs::metadata(file).map_err(|error| format!("can't be read: {error}"))?.len();
        if size > MOST_BYTES {
            return Err(format!("is {size} bytes, more than the {} MiB that cases may be", MOST_BYTES >> 20));
        }
        let bytes = std::fs::read(file).map_err(|error| format!("can't be read: {error}"))?;
        String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            format!("line {line} is not UTF-8; write bytes as {{\"base64\": \"…\"}}")
        })
    };
    read().map_err(|message| problems.add(file, 0, message)).ok()
}

/// What to write instead of an unknown key.
fn unknown(key: &str) -> String {
    let known: Vec<String> = KEYS.iter().map(|key| format!("`{key}`")).collect();
    format!("unknown key `{key}`; write one of {}", known.join(", "))
}
