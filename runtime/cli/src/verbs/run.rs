//! `run`: a worker, until SIGTERM or SIGINT.

use std::path::PathBuf;

use clap::Args;
use veltrix_manifest::load_with;

use crate::args::{CassandraArg, KafkaArg};
use crate::clients;
use crate::failure::{Failure, Outcome};
use crate::signals::Signals;

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A manifest, or a folder that holds veltrix.toml
    #[arg(default_value = ".")]
    file: PathBuf,
    /// First create the keyspace, and what the manifest's schema has and Cassandra has not
    #[arg(long)]
    apply_schema: bool,
    #[command(flatten)]
    kafka: KafkaArg,
    #[command(flatten)]
    cassandra: CassandraArg,
    /// Where to serve /healthz, /readyz and /metrics; port 0 chooses one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8470")]
    admin: String,
    /// This worker's name, the same after a restart and no other's; default: the host's, and a number if several run there
    #[arg(long, value_name = "NAME", env = "VELTRIX_WORKER_ID", value_parser = worker_name)]
    worker_id: Option<String>,
    /// Where compiled modules are kept; default: veltrix in the user's cache folder
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
}

pub(crate) fn run(args: Run) -> Outcome {
    let options =
        veltrix_manifest::Options { files: true, kafka: args.kafka.given(), cassandra: args.cassandra.given() };
    let manifest = load_with(&args.file, &options)?;
    let options = veltrix_host::Options {
        manifest,
        admin: args.admin,
        apply_schema: args.apply_schema,
        cache: args.cache.or_else(user_cache),
        worker_id: args.worker_id,
        slots: user_folder("workers"),
        embedded: false,
    };
    let runtime = clients::runtime()?;
    let ended = runtime.block_on(async {
        let stop = stop(Signals::listen()?);
        veltrix_host::run(options, stop).await.map_err(|error| match error.is_configuration() {
            true => Failure::usage(error),
            false => Failure::run(error),
        })
    });
    // All that had to be done is done: what still waits for a server is left alone.
    runtime.shutdown_background();
    ended
}

/// Resolves at the first SIGTERM or SIGINT. A SIGINT after that is somebody at a terminal in a hurry; a SIGTERM after it is
/// a supervisor that signals a process and its group, and means nothing by it.
pub(crate) async fn stop(mut signals: Signals) {
    signals.next().await;
    tracing::info!("draining; interrupt to end at once");
    tokio::spawn(async move {
        signals.interrupt().await;
        veltrix_dev::view::restore();
        std::process::exit(1);
    });
}

pub(crate) fn user_cache() -> Option<PathBuf> {
    user_folder("modules")
}

fn user_folder(name: &str) -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(base.join("veltrix").join(name))
}

fn worker_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match !text.is_empty() && text.len() <= 100 && text.chars().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("use at most 100 letters, digits, `.`, `_`, `-`".to_owned()),
    }
}
