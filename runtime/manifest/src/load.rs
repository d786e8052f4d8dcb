//! File → text → table → draft → manifest, or all the problems on the way.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::model::Manifest;
use crate::options::Options;
use crate::problem::{Problem, Problems, Report};
use crate::{check, read};

/// The file that a folder's manifest is in.
pub const FILE_NAME: &str = "veltrix.toml";

/// Larger files are no manifests.
const MOST_BYTES: u64 = 1 << 20;

/// Loads a manifest from a file, or from the `veltrix.toml` of a folder. Its modules and its schema must exist.
pub fn load(path: &Path) -> Result<Manifest, Problems> {
    load_with(path, &Options::default())
}

/// As [`load`], but as the options say.
pub fn load_with(path: &Path, options: &Options) -> Result<Manifest, Problems> {
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let text = read_text(&file).map_err(|problem| Problems { file: file.clone(), problems: vec![problem] })?;
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    manifest(&text, dir, options).map_err(|problems| Problems { file, problems })
}

/// Reads a manifest's text; relative paths are relative to `base_dir`. No file is looked for.
pub fn parse(text: &str, base_dir: &Path) -> Result<Manifest, Problems> {
    let options = Options { files: false, ..Options::default() };
    let file = PathBuf::from(FILE_NAME);
    manifest(text, base_dir, &options).map_err(|problems| Problems { file, problems })
}

fn read_text(file: &Path) -> Result<String, Problem> {
    let problem = |message: String, fix: &str| Problem { line: 0, column: 0, message, fix: fix.to_owned() };
    let fix = "name a veltrix.toml, or a folder that holds one";
    let size = std::fs::metadata(file).map_err(|error| problem(format!("can't be read: {error}"), fix))?.len();
    if size > MOST_BYTES {
        return Err(problem(format!("is too large for a manifest: {size} bytes"), fix));
    }
    let bytes = std::fs::read(file).map_err(|error| problem(format!("can't be read: {error}"), fix))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]);
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Problem { line, column, message: "is not UTF-8".to_owned(), fix: "save the file as UTF-8".to_owned() }
    })
}

fn manifest(text: &str, dir: &Path, options: &Options) -> Result<Manifest, Vec<Problem>> {
    let mut report = Report::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(syntax(report, text, &errors));
    }
    let draft = read::manifest(&mut report, root.get_ref(), dir, options);
    check::draft(&mut report, &draft, options);
    let problems = report.into_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Manifest {
        dir: dir.to_owned(),
        name: draft.name,
        kafka: draft.kafka,
        cassandra: draft.cassandra,
        bindings: draft.bindings.into_iter().map(|draft| draft.binding).collect(),
        functions: draft.functions.into_iter().map(|(name, draft)| (name, draft.function)).collect(),
    })
}

/// Of errors on one line only the first is told: the others mostly follow from it. So do those in a table whose header
/// is itself a repetition.
fn syntax(mut report: Report<'_>, text: &str, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut repeated_until = 0;
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        if at.start < repeated_until {
            continue;
        }
        let message = error.message().replace('\n', ", ");
        let mut fix = "";
        if message == "duplicate key" {
            fix = "write it once";
            let line_start = text.get(..at.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            if text[line_start..].starts_with('[') {
                repeated_until = text[at.start..].find("\n[").map_or(text.len(), |next| at.start + next);
            }
        }
        let what = text.get(at.clone()).filter(|what| !what.is_empty() && message == "duplicate key");
        let what = what.map_or(String::new(), |what| format!(" `{what}`"));
        report.add(&at, format!("not TOML: {message}{what}"), fix);
    }
    let mut problems = report.into_problems();
    problems.dedup_by_key(|problem| problem.line);
    problems
}
