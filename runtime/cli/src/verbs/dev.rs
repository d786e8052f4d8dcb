//! `dev`: an application on this machine, with servers of its own, until it is told to end.

use std::io::{IsTerminal, stderr, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;
use veltrix_dev::view::View;
use veltrix_dev::{Input, Lines, Options, Report, Summary};

use crate::args::{BuildLimit, Format, LogFormat, Output, address};
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::logs;
use crate::out::Out;
use crate::signals::Signals;
use crate::verbs::run::{stop, user_cache};

#[derive(Debug, Args)]
#[command(
    after_help = "Kafka and Cassandra are in this process, in memory, and gone with it. Their addresses are printed and written to
.veltrix/dev.json beside the manifest, where `publish`, `tail` and `cql` find them. Sources, modules, schema and manifest
are watched: what changes is built and swapped in."
)]
pub(crate) struct Dev {
    /// A manifest, or a folder that holds veltrix.toml
    #[arg(default_value = ".")]
    file: PathBuf,
    /// Feed events, JSON lines as `publish` takes them; `-` is stdin; may be repeated, in order
    #[arg(long = "input", value_name = "TOPIC=FILE")]
    inputs: Vec<Input>,
    /// Run CQL statements after the schema, such as rows to begin with; may be repeated
    #[arg(long, value_name = "FILE")]
    rows: Vec<PathBuf>,
    /// End at the first line that is no event, rather than to tell it and go on
    #[arg(long, requires = "inputs")]
    strict: bool,
    /// When the inputs have ended and all is handled, print what came of it and end: with 1 if there were dead letters
    #[arg(long, requires = "inputs")]
    exit: bool,
    /// With --exit, dead letters are no failure
    #[arg(long, requires = "exit")]
    allow_dead_letters: bool,
    /// Real brokers, instead of an embedded Kafka
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    kafka: Vec<String>,
    /// Real Cassandra nodes, instead of an embedded Cassandra
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', value_parser = address)]
    cassandra: Vec<String>,
    /// Where the embedded Cassandra listens; 0 takes a free port; default: 9042, or else a free one
    #[arg(long, value_name = "PORT", conflicts_with = "cassandra")]
    cassandra_port: Option<u16>,
    /// Where to serve /healthz, /readyz and /metrics; port 0 chooses one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    admin: String,
    #[command(flatten)]
    build: BuildLimit,
    /// Where compiled modules are kept; default: veltrix in the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Print lines, also on a terminal, instead of the live view
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    output: Output,
}

/// What is logged unless the environment says otherwise. It says what happens; of the host only what is wrong is wanted
/// beside it, and what functions log.
pub(crate) const LOG: &str = "warn,function=info,scylla=error";

impl Dev {
    /// Whether the live view has the terminal. With --exit there is an end to wait for, and a bar shows how far it is.
    pub(crate) fn is_watched(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        !self.plain && !self.exit && self.output.format == Format::Text && stdout().is_terminal() && !dumb
    }
}

/// The live view, if it is wanted and can be had; and who is told what happens.
fn watch(args: &Dev, end: &Arc<Notify>) -> (Option<View>, Arc<dyn Report>) {
    let lines = || Arc::<Lines>::default();
    if !args.is_watched() {
        return (None, lines());
    }
    let end = end.clone();
    let view = View::start(Box::new(move |at_once| match at_once {
        true => std::process::exit(1),
        false => end.notify_one(),
    }));
    match view {
        Ok(view) => {
            logs::show(view.layer(), LOG);
            let report = view.report();
            (Some(view), report)
        }
        Err(error) => {
            logs::start(Some(LogFormat::Human), LOG);
            tracing::warn!(%error, "there is no live view: the terminal can't be drawn on");
            (None, lines())
        }
    }
}

pub(crate) fn run(args: Dev) -> Outcome {
    let end = Arc::new(Notify::new());
    let (view, report) = watch(&args, &end);
    let options = Options {
        file: args.file,
        kafka: args.kafka,
        cassandra: args.cassandra,
        cassandra_port: args.cassandra_port,
        admin: args.admin,
        inputs: args.inputs,
        rows: args.rows,
        strict: args.strict,
        exit: args.exit,
        build_limit: args.build.build_limit,
        colour: view.is_none() && stderr().is_terminal(),
        cache: args.cache.or_else(user_cache),
        report,
    };
    let runtime = clients::runtime()?;
    let ended = runtime.block_on(async {
        let signals = Signals::listen()?;
        let stop = async {
            tokio::select! {
                () = stop(signals) => {}
                () = end.notified() => {}
            }
        };
        veltrix_dev::run(options, stop).await.map_err(|error| match error.is_configuration() {
            true => Failure::usage(error),
            false => Failure::run(error),
        })
    });
    // All that had to be done is done: what still waits for a line of stdin is left alone.
    runtime.shutdown_background();
    drop(view);
    let summary = ended?;
    print(&summary, args.output.format)?;
    let good = if args.exit { summary.is_good(args.allow_dead_letters) } else { !summary.is_lossy() };
    if good { Ok(()) } else { Err(Failure::Said) }
}

fn print(summary: &Summary, format: Format) -> Outcome {
    // It was ended before anything ran.
    if summary.application.is_empty() {
        return Ok(());
    }
    let mut out = Out::new();
    match format {
        Format::Text => out.line(&summary.to_string())?,
        Format::Json => out.json(summary)?,
    }
    out.flush()
}
