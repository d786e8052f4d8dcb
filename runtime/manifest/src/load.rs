//! File → text → table → draft → manifest, or all the problems on the way.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::check;
use crate::model::{Function, Manifest};
use crate::options::Options;
use crate::problem::{Problem, Problems, Report};

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
    let Reading { file, manifest, problems, .. } = read(path, options);
    manifest.ok_or(Problems { file, problems })
}

/// A manifest as far as it can be read, for those who look for more problems than its own.
#[derive(Debug)]
pub struct Reading {
    /// The file, as named by whoever asked for it.
    pub file: PathBuf,
    /// Only if there are no problems.
    pub manifest: Option<Manifest>,
    /// What is wrong, in the order of the file.
    pub problems: Vec<Problem>,
    /// Each function; what is wrong in it has its default.
    pub functions: Vec<Placed>,
}

/// A function and where its parts stand, as line and column from 1.
#[derive(Debug)]
pub struct Placed {
    /// Its name.
    pub name: String,
    /// The function.
    pub function: Function,
    /// Its module, or else its header.
    pub module: (usize, usize),
    /// Its secrets, or else its header.
    pub secrets: (usize, usize),
}

/// Reads a manifest from a file, or from the `veltrix.toml` of a folder.
pub fn read(path: &Path, options: &Options) -> Reading {
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (manifest, functions) = match read_text(&file) {
        Ok(text) => manifest(&text, dir, options),
        Err(problem) => (Err(vec![problem]), Vec::new()),
    };
    let (manifest, problems) = match manifest {
        Ok(manifest) => (Some(manifest), Vec::new()),
        Err(problems) => (None, problems),
    };
    Reading { file, manifest, problems, functions }
}

/// Reads a manifest's text; relative paths are relative to `base_dir`. No file is looked for.
pub fn parse(text: &str, base_dir: &Path) -> Result<Manifest, Problems> {
    let options = Options { files: false, ..Options::default() };
    let file = PathBuf::from(FILE_NAME);
    manifest(text, base_dir, &options).0.map_err(|problems| Problems { file, problems })
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

fn manifest(text: &str, dir: &Path, options: &Options) -> (Result<Manifest, Vec<Problem>>, Vec<Placed>) {
    let mut report = Report::new(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return (Err(syntax(report, text, &errors)), Vec::new());
    }
    let draft = crate::read::manifest(&mut report, root.get_ref(), dir, options);
    check::draft(&mut report, &draft, options);
    let placed = draft.functions.iter().map(|(name, draft)| Placed {
        name: name.clone(),
        function: draft.function.clone(),
        module: report.place(&draft.module),
        secrets: report.place(&draft.secrets),
    });
    let functions = placed.collect();
    let problems = report.into_problems();
    if !problems.is_empty() {
        return (Err(problems), functions);
    }
    let manifest = Manifest {
        dir: dir.to_owned(),
        name: draft.name,
        kafka: draft.kafka,
        cassandra: draft.cassandra,
        bindings: draft.bindings.into_iter().map(|draft| draft.binding).collect(),
        functions: draft.functions.into_iter().map(|(name, draft)| (name, draft.function)).collect(),
    };
    (Ok(manifest), functions)
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
