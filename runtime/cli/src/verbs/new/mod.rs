//! `new`: a project that builds, tests and runs.

mod name;
mod sdk;
mod template;

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use self::template::{File, Template};
use crate::args::{Format, Output};
use crate::failure::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, Args)]
pub(crate) struct New {
    /// The project's, its crate's and its function's name; also that of the folder that is made here
    name: String,
    /// What the function is written in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
    /// What the function does to begin with
    #[arg(long, value_name = "TEMPLATE", default_value = "handler")]
    template: Template,
    /// The folder sdk/rust of a clone of Veltrix; default: that of the clone that this command was built in
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
}

pub(crate) fn run(args: &New) -> Outcome {
    let Language::Rust = args.lang;
    let name = &args.name;
    name::check(name).map_err(|problem| Failure::usage(format!("{name:?} can't be the project's name: {problem}")))?;
    let folder = PathBuf::from(name);
    if fs::symlink_metadata(&folder).is_ok() {
        return Err(Failure::usage(format!("{name} is here already; choose another name, or remove it")));
    }
    let files = template::files(args.template, name, &sdk::find(args.sdk.as_deref())?);
    make(&folder, &files).map_err(|(path, error)| match error.kind() {
        ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory => {
            Failure::usage(format!("{name} was made by somebody else meanwhile; nothing was written"))
        }
        _ => Failure::run(format!("{} can't be written: {error}; nothing was left behind", path.display())),
    })?;
    tell(args, &files)
}

fn tell(args: &New, files: &[File]) -> Outcome {
    let (name, mut out) = (&args.name, Out::new());
    if args.output.format == Format::Json {
        let paths: Vec<_> = files.iter().map(|file| file.path).collect();
        out.json(&json!({"folder": name, "files": paths}))?;
        return out.flush();
    }
    let input = args.template.input();
    out.line(&format!("made {name} with {} files; README.md there says what each is. Next:\n", files.len()))?;
    out.line(&format!("  cd {name}"))?;
    out.line("  cargo test")?;
    out.line("  cargo build --release --target wasm32-wasip2")?;
    out.line(&format!("  veltrix dev --input {input}={input}.jsonl --exit"))?;
    out.flush()
}

/// Writes all files, or nothing: into a folder beside, which then gets its name.
fn make(folder: &Path, files: &[File]) -> Result<(), (PathBuf, io::Error)> {
    let part = Part(PathBuf::from(format!(".{}.{}", folder.display(), std::process::id())));
    fs::create_dir(&part.0).map_err(|error| (folder.to_owned(), error))?;
    for file in files {
        let path = part.0.join(file.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &file.text));
        written.map_err(|error| (folder.join(file.path), error))?;
    }
    // An empty folder is replaced, anything else is an error.
    fs::rename(&part.0, folder).map_err(|error| (folder.to_owned(), error))
}

/// A folder that is removed unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // What can't be removed was not made, or has its name.
        let _ = fs::remove_dir_all(&self.0);
    }
}
