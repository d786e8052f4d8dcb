//! `doctor`: what this machine has and lacks, and what mends it. Needs no network, and waits for nothing long.

mod check;
mod dev;
mod folders;
mod ports;
mod servers;
mod tool;
mod toolchain;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use veltrix_manifest::{FILE_NAME, Manifest, Options, load_with};

use self::check::{Check, State};
use crate::args::{CassandraArg, Format, KafkaArg, Output};
use crate::failure::{Failure, Outcome};
use crate::out::{self, Out};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// A manifest, or a folder that holds veltrix.toml; without it, and without one here, only the machine is looked at
    file: Option<PathBuf>,
    /// Mend what can be mended without harm
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    kafka: KafkaArg,
    #[command(flatten)]
    cassandra: CassandraArg,
    /// Where a worker's admin interface is to be
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8470")]
    admin: String,
    #[command(flatten)]
    output: Output,
}

/// What is looked at.
struct Subject {
    /// None: no manifest is here, or it has problems.
    manifest: Option<Manifest>,
    /// The manifest's folder, or the current one.
    folder: PathBuf,
    admin: String,
    brokers: Vec<String>,
    nodes: Vec<String>,
}

type Look = fn(&Subject) -> Vec<Check>;

/// Each apart from the others, in the order in which they are told.
const LOOKS: [Look; 5] = [toolchain::look, folders::look, ports::look, dev::look, servers::look];

pub(crate) fn run(args: &Doctor) -> Outcome {
    let (subject, told) = Subject::of(args);
    let looked = std::thread::scope(|scope| {
        let (subject, fix) = (&subject, args.fix);
        let looks = LOOKS.map(|look| scope.spawn(move || check::look(look, subject, fix)));
        looks.map(|look| look.join().expect("a look does not panic"))
    });
    let checks: Vec<Check> = told.into_iter().chain(looked.into_iter().flatten()).collect();
    print(args, &checks)?;
    match checks.iter().any(|check| check.state == State::Problem) {
        true => Err(Failure::Said),
        false => Ok(()),
    }
}

impl Subject {
    /// What to look at, and what is to be said of the manifest itself.
    fn of(args: &Doctor) -> (Self, Vec<Check>) {
        let (brokers, nodes) = (args.kafka.given(), args.cassandra.given());
        let file = args.file.clone().unwrap_or_else(|| PathBuf::from("."));
        let is_folder = file.is_dir();
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(".".into(), PathBuf::from);
        let folder = if is_folder { file.clone() } else { parent };
        let mut subject = Self { manifest: None, folder, admin: args.admin.clone(), brokers, nodes };
        if args.file.is_none() && !file.join(FILE_NAME).exists() {
            return (subject, Vec::new());
        }
        // Modules are what builds are for.
        let options = Options { files: false, kafka: subject.brokers.clone(), cassandra: subject.nodes.clone() };
        let mut told = Vec::new();
        match load_with(&file, &options) {
            Ok(manifest) => {
                let (bindings, functions) = (manifest.bindings.len(), manifest.functions.len());
                let name = &manifest.name;
                told.push(Check::good("manifest", format!("{name}: {bindings} bindings, {functions} functions")));
                subject.brokers.clone_from(&manifest.kafka.brokers);
                subject.nodes = manifest.cassandra.as_ref().map_or_else(Vec::new, |cassandra| cassandra.nodes.clone());
                subject.manifest = Some(manifest);
            }
            Err(problems) => told.push(Check::problem("manifest", problems.to_string())),
        }
        (subject, told)
    }
}

fn print(args: &Doctor, checks: &[Check]) -> Outcome {
    let mut out = Out::new();
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    if args.output.format == Format::Json {
        out.json(&json!({"ok": problems == 0, "checks": checks}))?;
        return out.flush();
    }
    for check in checks {
        check.lines().iter().try_for_each(|line| out.line(line))?;
    }
    match (problems, warnings) {
        (0, 0) => out.line("all is well")?,
        _ => out.line(&format!("{problems} problems, {warnings} warnings"))?,
    }
    out.flush()?;
    if !args.fix && checks.iter().any(Check::can_be_mended) {
        out::error("`veltrix doctor --fix` does what it can of this");
    }
    Ok(())
}
