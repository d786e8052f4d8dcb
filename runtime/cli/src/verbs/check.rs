//! `check`: the manifest, its modules and, if asked, its servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use veltrix_manifest::{self as manifest, Function, Manifest, Options, Placed, Problem, Problems, Reading};
use veltrix_wasm::{Limits, LoadError, Module, Sandbox, SandboxConfig, Services};

use crate::args::{CassandraArg, Format, KafkaArg, Output};
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::out::{self, Out};
use crate::verbs::connect;

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A manifest, or a folder that holds veltrix.toml
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Also try the servers: topics, keyspace, tables
    #[arg(long)]
    connect: bool,
    /// Don't look for secrets: they are where the worker runs
    #[arg(long)]
    no_secrets: bool,
    #[command(flatten)]
    kafka: KafkaArg,
    #[command(flatten)]
    cassandra: CassandraArg,
    #[command(flatten)]
    output: Output,
}

/// What was found, of all that was looked at.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// In the manifest, or in what it names: nothing will run.
    problems: Vec<Problem>,
    /// A server does not answer.
    pub(crate) unreachable: Vec<String>,
    /// Runs, but perhaps not as meant.
    pub(crate) warnings: Vec<String>,
}

pub(crate) fn run(args: &Check) -> Outcome {
    let options = Options { files: true, kafka: args.kafka.given(), cassandra: args.cassandra.given() };
    let Reading { file, manifest, problems, functions } = manifest::read(&args.file, &options);
    let mut findings = Findings { problems, ..Findings::default() };
    clients::runtime()?.block_on(async {
        // What is wrong elsewhere does not hide what is wrong with these.
        modules(&functions, &mut findings).await?;
        if !args.no_secrets {
            functions.iter().for_each(|function| secrets(function, &mut findings));
        }
        match &manifest {
            Some(manifest) if args.connect => connect::all(manifest, &mut findings).await,
            _ => Ok(()),
        }
    })?;
    findings.problems.sort();
    print(args.output.format, &file, manifest.as_ref(), &findings)?;
    match (findings.problems.is_empty(), findings.unreachable.is_empty()) {
        (false, _) => Err(Failure::SaidUsage),
        (true, false) => Err(Failure::Said),
        (true, true) => Ok(()),
    }
}

async fn modules(functions: &[Placed], findings: &mut Findings) -> Outcome {
    let sandbox = Sandbox::new(SandboxConfig::default()).map_err(Failure::run)?;
    // That a file is not there was said of the manifest.
    for Placed { name, function, module: (line, column), .. } in
        functions.iter().filter(|f| f.function.module.is_file())
    {
        match load(&sandbox, function).await {
            Ok(module) => grants(name, function, &module, findings),
            Err(error) => findings.problems.push(Problem {
                line: *line,
                column: *column,
                message: format!("function {name}: {}: {error}", function.module.display()),
                fix: error.fix(),
            }),
        }
    }
    Ok(())
}

/// All that `run` does with a module before the first event.
async fn load(sandbox: &Sandbox, function: &Function) -> Result<Module, LoadError> {
    let module = sandbox.load(&function.module).await?;
    let manifest::Limits { memory, cpu, deadline } = function.limits;
    sandbox.function(&module, Limits { memory, cpu, deadline }, Arc::new(Nothing))?;
    Ok(module)
}

/// Nothing is called, so nothing is asked for.
struct Nothing;

impl Services for Nothing {
    fn var(&self, _name: &str) -> Option<String> {
        None
    }

    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
}

/// What the module imports, against what the manifest grants.
fn grants(name: &str, function: &Function, module: &Module, findings: &mut Findings) {
    let warning = match (module.info().uses_cassandra, function.cassandra.is_empty()) {
        (true, true) => "its module imports cassandra, but no table is granted: each call will answer `not granted`",
        (false, false) => "tables are granted, but its module does not import cassandra",
        (true, false) | (false, true) => return,
    };
    findings.warnings.push(format!("function {name}: {warning}"));
}

/// Secrets that `run` would not find either, if it ran here.
fn secrets(placed: &Placed, findings: &mut Findings) {
    let (line, column) = placed.secrets;
    for (secret, source) in &placed.function.secrets {
        if let Err(why) = veltrix_host::worker::secret(source) {
            let message = format!("function {}: secret {secret}: {why}", placed.name);
            let fix = "provide it, or say --no-secrets where only the worker has it".to_owned();
            findings.problems.push(Problem { line, column, message, fix });
        }
    }
}

fn print(format: Format, file: &Path, manifest: Option<&Manifest>, findings: &Findings) -> Outcome {
    let mut out = Out::new();
    let Findings { problems, unreachable, warnings } = findings;
    let good = problems.is_empty() && unreachable.is_empty();
    if format == Format::Json {
        let problems: Vec<_> = problems.iter().map(|problem| Shown::of(file, problem)).collect();
        out.json(&json!({"ok": good, "problems": problems, "unreachable": unreachable, "warnings": warnings}))?;
        return out.flush();
    }
    if !problems.is_empty() {
        out::error(&Problems { file: file.to_owned(), problems: problems.clone() }.to_string());
    }
    unreachable.iter().for_each(|server| out::error(server));
    warnings.iter().for_each(|warning| out::error(&format!("warning: {warning}")));
    if let Some(manifest) = manifest.filter(|_| good) {
        let Manifest { name, bindings, functions, .. } = manifest;
        out.line(&format!("{name}: {} bindings, {} functions: good", bindings.len(), functions.len()))?;
    }
    out.flush()
}

/// A problem, for machines.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    file: &'a Path,
    /// From 1; none: the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    fix: &'a str,
}

impl<'a> Shown<'a> {
    fn of(file: &'a Path, problem: &'a Problem) -> Self {
        let Problem { line, column, message, fix } = problem;
        let place = |number: usize| (number > 0).then_some(number);
        Self { file, line: place(*line), column: place(*column), message, fix }
    }
}
