//! `check`: the manifest, its modules and, if asked, its servers.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde_json::json;
use veltrix_manifest::{self as manifest, Function, Manifest, Options, Problems, Secret, load_with};
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
    #[command(flatten)]
    kafka: KafkaArg,
    #[command(flatten)]
    cassandra: CassandraArg,
    #[command(flatten)]
    output: Output,
}

/// What was found, of all that was looked at.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Findings {
    /// In the manifest or a module: nothing will run.
    problems: Vec<Finding>,
    /// A server does not answer.
    pub(crate) unreachable: Vec<String>,
    /// Runs, but perhaps not as meant.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Finding {
    file: PathBuf,
    /// From 1; none: the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

pub(crate) fn run(args: &Check) -> Outcome {
    let options = Options { files: true, kafka: args.kafka.given(), cassandra: args.cassandra.given() };
    let mut findings = Findings::default();
    let mut summary = None;
    match load_with(&args.file, &options) {
        Err(problems) => findings.take(problems, args.output.format),
        Ok(manifest) => {
            clients::runtime()?.block_on(async {
                modules(&manifest, &mut findings).await?;
                if args.connect {
                    connect::all(&manifest, &mut findings).await?;
                }
                Ok::<_, Failure>(())
            })?;
            summary = Some(manifest);
        }
    }
    print(args.output.format, summary.as_ref(), &findings)?;
    match (findings.problems.is_empty(), findings.unreachable.is_empty()) {
        (false, _) => Err(Failure::SaidUsage),
        (true, false) => Err(Failure::Said),
        (true, true) => Ok(()),
    }
}

impl Findings {
    fn take(&mut self, problems: Problems, format: Format) {
        if format == Format::Text {
            out::error(&problems.to_string());
        }
        let Problems { file, problems } = problems;
        self.problems = problems
            .into_iter()
            .map(|problem| Finding {
                file: file.clone(),
                line: (problem.line > 0).then_some(problem.line),
                column: (problem.column > 0).then_some(problem.column),
                message: problem.message,
                fix: problem.fix,
            })
            .collect();
    }
}

async fn modules(manifest: &Manifest, findings: &mut Findings) -> Outcome {
    let sandbox = Sandbox::new(SandboxConfig::default()).map_err(Failure::run)?;
    for (name, function) in &manifest.functions {
        match load(&sandbox, function).await {
            Ok(module) => grants(name, function, &module, findings),
            Err(error) => findings.problems.push(Finding {
                file: function.module.clone(),
                line: None,
                column: None,
                message: format!("function {name}: {error}"),
                fix: String::new(),
            }),
        }
        secrets(name, function, findings);
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

/// Secrets that are not here may well be where the worker runs.
fn secrets(name: &str, function: &Function, findings: &mut Findings) {
    for (secret, source) in &function.secrets {
        let missing = match source {
            Secret::Env(variable) if std::env::var_os(variable).is_none() => format!("{variable} is not set here"),
            Secret::File(file) if !file.is_file() => format!("there is no file {} here", file.display()),
            Secret::Env(_) | Secret::File(_) => continue,
        };
        findings.warnings.push(format!("function {name}: secret {secret}: {missing}"));
    }
}

fn print(format: Format, manifest: Option<&Manifest>, findings: &Findings) -> Outcome {
    let mut out = Out::new();
    let good = findings.problems.is_empty() && findings.unreachable.is_empty();
    if format == Format::Json {
        let Findings { problems, unreachable, warnings } = findings;
        out.json(&json!({"ok": good, "problems": problems, "unreachable": unreachable, "warnings": warnings}))?;
        return out.flush();
    }
    // Those of the manifest were told with their places.
    for problem in findings.problems.iter().filter(|problem| problem.line.is_none() && manifest.is_some()) {
        let fix = if problem.fix.is_empty() { String::new() } else { format!(" — {}", problem.fix) };
        out::error(&format!("{}: {}{fix}", problem.file.display(), problem.message));
    }
    findings.unreachable.iter().for_each(|server| out::error(server));
    findings.warnings.iter().for_each(|warning| out::error(&format!("warning: {warning}")));
    if let Some(manifest) = manifest.filter(|_| good) {
        let Manifest { name, bindings, functions, .. } = manifest;
        out.line(&format!("{name}: {} bindings, {} functions: good", bindings.len(), functions.len()))?;
    }
    out.flush()
}
