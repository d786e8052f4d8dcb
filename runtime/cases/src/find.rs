//! From folders and files to what is written of cases.

use std::path::{Path, PathBuf};

use crate::draft::{self, Draft};
use crate::problem::Problems;

/// Where cases are, beside the manifest.
pub const FOLDER: &str = "cases";

/// Finds the cases of an application in that folder: all of them, or those that `wanted` names.
pub(crate) fn find(dir: &Path, wanted: &[PathBuf], problems: &mut Problems) -> Vec<Draft> {
    let home = dir.join(FOLDER);
    let mut drafts = Vec::new();
    if wanted.is_empty() {
        if !home.is_dir() {
            problems.add(&home, 0, "there are no cases; make a folder with an `in.jsonl` in it for each");
            return drafts;
        }
        below(&home, "", problems, &mut drafts);
        if drafts.is_empty() && problems.0.is_empty() {
            problems.add(&home, 0, "there are no cases in it; make a folder with an `in.jsonl` for each");
        }
        return drafts;
    }
    for named in wanted {
        // As it stands, or as one sees it from the manifest or from its cases.
        let places = [named.clone(), dir.join(named), home.join(named)];
        let Some(found) = places.iter().find(|place| place.exists()) else {
            problems.add(named, 0, format!("there is no such case, neither here nor in {}", home.display()));
            continue;
        };
        let name = name_of(found, &home);
        if found.is_dir() && !draft::is_case(found) {
            below(found, &name, problems, &mut drafts);
        } else {
            entry(found, &name, problems, &mut drafts);
        }
    }
    drafts
}

/// Its path below the folder of cases; of one elsewhere its last part.
fn name_of(path: &Path, home: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let home = home.canonicalize().unwrap_or_else(|_| home.to_owned());
    let below = path.strip_prefix(&home).map(Path::to_owned);
    let below = below.unwrap_or_else(|_| path.file_name().map(PathBuf::from).unwrap_or_default());
    let name = if path.is_dir() { below } else { below.with_extension("") };
    name.to_string_lossy().into_owned()
}

fn below(folder: &Path, prefix: &str, problems: &mut Problems, drafts: &mut Vec<Draft>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.add(folder, 0, format!("can't be read: {error}")),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "README.md" {
            continue;
        }
        let stem = if path.is_dir() {
            name
        } else {
            path.with_extension("").file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        let name = if prefix.is_empty() { stem } else { format!("{prefix}/{stem}") };
        entry(&path, &name, problems, drafts);
    }
}

fn entry(path: &Path, name: &str, problems: &mut Problems, drafts: &mut Vec<Draft>) {
    if path.is_dir() {
        match draft::is_case(path) {
            true => drafts.push(draft::read_folder(path, name, problems)),
            false => below(path, name, problems, drafts),
        }
        return;
    }
    match path.extension().and_then(|end| end.to_str()) {
        Some("toml") => drafts.extend(draft::read_toml(path, name, problems)),
        Some("jsonl") => drafts.extend(draft::read_json(path, name, problems)),
        _ => problems.add(path, 0, "no case: cases are folders, and tables that end in `.toml` or `.jsonl`"),
    }
}
