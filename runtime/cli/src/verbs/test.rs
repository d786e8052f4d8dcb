//! `test`: cases of an application, on embedded servers or on real ones.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use veltrix_cases::{CaseResult, CasesError, Ending, Options, Report, Servers};
use veltrix_dev::build::Build;
use veltrix_manifest::{Manifest, load_with};

use super::run::user_cache;
use crate::args::{BuildLimit, Format, Output, address};
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A manifest, or a folder that holds veltrix.toml
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Folders and tables of cases; default: all in `cases` beside the manifest
    #[arg(value_name = "CASE")]
    cases: Vec<PathBuf>,
    /// Only cases with this in their names
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what comes out as what is expected
    #[arg(long)]
    update: bool,
    /// Take the modules as they are, without running the functions' `build` commands first
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    build: BuildLimit,
    /// Also write the results to a file, as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run on a real Kafka, in topics of their own; needs --cassandra too where the application uses one
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    kafka: Vec<String>,
    /// The real Cassandra for that; cases have keyspaces of their own
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', value_parser = address, requires = "kafka")]
    cassandra: Vec<String>,
    /// Where compiled modules are kept; default: veltrix in the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: Test) -> Outcome {
    let runtime = clients::runtime()?;
    // The manifest's servers are not asked: an environment that names some must not turn cases into writes there.
    let options = |files| veltrix_manifest::Options { files, ..veltrix_manifest::Options::default() };
    if !args.no_build {
        let manifest = load_with(&args.file, &options(false))?;
        runtime.block_on(build(&manifest, args.build.build_limit))?;
    }
    let manifest = load_with(&args.file, &options(true))?;
    let name = manifest.name.clone();
    let given =
        |addresses: Vec<String>| addresses.into_iter().filter(|address| !address.is_empty()).collect::<Vec<_>>();
    let (kafka, cassandra) = (given(args.kafka), given(args.cassandra));
    let real = !kafka.is_empty();
    if real && args.update {
        return Err(Failure::usage("--update writes what embedded servers give: leave --kafka and --cassandra out"));
    }
    if real && manifest.cassandra.is_some() && cassandra.is_empty() {
        return Err(Failure::usage("the application uses Cassandra: name a real one too, with --cassandra HOST:PORT"));
    }
    let options = Options {
        manifest,
        cases: args.cases,
        filter: args.filter,
        update: args.update,
        cache: args.cache.or_else(user_cache),
        servers: real.then_some(Servers { kafka, cassandra }),
    };
    let report = runtime.block_on(veltrix_cases::run(options));
    runtime.shutdown_background();
    let report = report.map_err(|error| match error {
        CasesError::Problems(problems) => {
            crate::out::error(&problems.to_string());
            Failure::SaidUsage
        }
        CasesError::Configuration(problem) => Failure::usage(problem),
        CasesError::Machine(problem) => Failure::run(problem),
    })?;
    if let Some(file) = &args.junit {
        let failed =
            |error: &dyn std::fmt::Display| Failure::run(format!("{} can't be written: {error}", file.display()));
        let xml = veltrix_cases::junit(&name, &report).map_err(|error| failed(&error))?;
        std::fs::write(file, xml).map_err(|error| failed(&error))?;
    }
    show(&report, args.output.format)?;
    if report.failed() > 0 { Err(Failure::Said) } else { Ok(()) }
}

/// Runs the build commands of the functions that are bound, each once.
async fn build(manifest: &Manifest, limit: Duration) -> Outcome {
    let colour = std::io::stderr().is_terminal();
    let mut built = BTreeSet::new();
    for binding in &manifest.bindings {
        let Some(command) = &manifest.functions[&binding.function].build else { continue };
        if built.insert(command) {
            let build = Build { command, dir: &manifest.dir, limit, colour, waits: None };
            build.run().await.map_err(|error| Failure::run(format!("function {}: {error}", binding.function)))?;
        }
    }
    Ok(())
}

fn show(report: &Report, format: Format) -> Outcome {
    let mut out = Out::new();
    for result in &report.results {
        match format {
            Format::Json => out.json(&as_json(result))?,
            Format::Text => as_text(result, &mut out)?,
        }
    }
    let (all, failed, updated) = (report.results.len(), report.failed(), report.updated());
    let passed = all - failed - updated;
    match format {
        Format::Json => out.json(&json!({
            "cases": all, "passed": passed, "failed": failed, "updated": updated, "seconds": report.took.as_secs_f64(),
        }))?,
        Format::Text => {
            let written = if updated > 0 { format!(", {updated} updated") } else { String::new() };
            out.line(&format!(
                "{passed} of {all} cases passed{written}, {failed} failed, in {:.2} s",
                report.took.as_secs_f64()
            ))?;
        }
    }
    out.flush()
}

fn as_text(result: &CaseResult, out: &mut Out) -> Outcome {
    let place = match result.line {
        0 => result.file.display().to_string(),
        line => format!("{}:{line}", result.file.display()),
    };
    let name = &result.name;
    match &result.ending {
        Ending::Passed => out.line(&format!("ok       {name}"))?,
        Ending::Updated => out.line(&format!("updated  {name}"))?,
        Ending::Broken(problem) => out.line(&format!("FAILED   {name} ({place}): {problem}"))?,
        Ending::Failed { difference, notes } => {
            out.line(&format!("FAILED   {name} ({place}): expected -, came out +"))?;
            for line in difference.lines() {
                out.line(&format!("    {line}"))?;
            }
            for note in notes {
                out.line(&format!("    # {note}"))?;
            }
        }
    }
    Ok(())
}

fn as_json(result: &CaseResult) -> serde_json::Value {
    let (word, difference, notes, problem) = match &result.ending {
        Ending::Passed => ("passed", None, None, None),
        Ending::Updated => ("updated", None, None, None),
        Ending::Failed { difference, notes } => ("failed", Some(difference), Some(notes), None),
        Ending::Broken(problem) => ("broken", None, None, Some(problem)),
    };
    json!({
        "case": result.name, "file": result.file, "line": result.line, "result": word,
        "seconds": result.took.as_secs_f64(), "difference": difference, "notes": notes, "problem": problem,
    })
}
