//! A case in a folder.

use std::path::{Path, PathBuf};

use super::{Draft, Place, Section, text_of};
use crate::problem::Problems;

const CASE: &str = "case.toml";
const IN: &str = "in.jsonl";
const ROWS: &str = "rows.jsonl";
const CQL: &str = "rows.cql";
const OUT: &str = "out.jsonl";

/// Whether a folder is a case, rather than one that holds cases.
pub(crate) fn is_case(folder: &Path) -> bool {
    [CASE, IN, OUT, ROWS, CQL].iter().any(|file| folder.join(file).is_file())
}

/// Reads a folder.
pub(crate) fn read(folder: &Path, name: &str, problems: &mut Problems) -> Draft {
    let file = folder.join(CASE);
    let mut draft = match file.is_file() {
        true => super::toml::read_case(&file, problems).unwrap_or_default(),
        false => Draft::default(),
    };
    draft.name = name.to_owned();
    if draft.file == PathBuf::new() {
        draft.file = folder.to_owned();
    }
    let mut part = |file: &str, key: &str, there: &mut Option<Section>| {
        let path = folder.join(file);
        if !path.is_file() {
            return;
        }
        if there.is_some() {
            problems.add(&path, 0, format!("{CASE} has `{key}` as well; write it in one of the two"));
            return;
        }
        *there = Some(match text_of(&path, problems) {
            Some(text) => Section::of(&path, 1, &text),
            // What can't be read has been told.
            None => Section { file: path, lines: vec![(0, String::new())] },
        });
    };
    part(IN, "in", &mut draft.events);
    part(ROWS, "rows", &mut draft.rows);
    part(CQL, "cql", &mut draft.cql);
    let inline = draft.out.is_some();
    part(OUT, "out", &mut draft.out);
    if !inline {
        draft.place = Place::File(folder.join(OUT));
    }
    strangers(folder, problems);
    draft
}

/// A file that is not read may be one that was meant.
fn strangers(folder: &Path, problems: &mut Problems) {
    let known = [CASE, IN, ROWS, CQL, OUT, "README.md"];
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !known.contains(&&*name) {
            let known = known.map(|name| format!("`{name}`")).join(", ");
            problems.add(&entry.path(), 0, format!("nothing of a case; what a case's folder may hold is {known}"));
        }
    }
}
