//! Logs on stderr: for people on a terminal, else JSON.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use veltrix_dev::view::JournalLayer;

use crate::args::LogFormat;

/// The environment variable that says what is logged, such as `debug` or `veltrix_host=debug`.
const FILTER: &str = "VELTRIX_LOG";

pub(crate) fn start(format: Option<LogFormat>, usual: &str) {
    let terminal = stderr().is_terminal();
    let format = format.unwrap_or(if terminal { LogFormat::Human } else { LogFormat::Json });
    let filter = filter(usual);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    match format {
        LogFormat::Human => builder.with_ansi(terminal).with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).init(),
    }
}

/// Logs into the live view, which has the terminal.
pub(crate) fn show(layer: JournalLayer, usual: &str) {
    tracing_subscriber::registry().with(filter(usual)).with(layer).init();
}

fn filter(usual: &str) -> EnvFilter {
    EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(usual))
}
