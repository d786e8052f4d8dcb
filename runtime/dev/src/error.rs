//! Why `dev` does not start, or ends before it was told to.

use std::path::PathBuf;

use veltrix_host::RunError;

/// See each.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Mend the manifest, a module, an argument.
    #[error("{0}")]
    Configuration(String),
    /// Another runs in the same folder.
    #[error("another `veltrix dev` runs in {folder}{who}; end it first")]
    Locked {
        /// The manifest's folder.
        folder: PathBuf,
        /// Its process, if it says so.
        who: String,
    },
    /// A file beside the manifest can't be written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The embedded Cassandra has no port.
    #[error(
        "the embedded Cassandra can't listen at {address}: {error}; choose another port with --cassandra-port, 0 takes a free one"
    )]
    Port {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The embedded Kafka, or a client of it.
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// The worker did not start, or something of our own broke.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A function could not be built, and there is no older version to run.
    #[error("{0}")]
    Build(String),
    /// The inputs will never be handled.
    #[error("function {0} can't be started: what the log says of it has to be mended first")]
    Function(String),
    /// An input is broken and `--strict` was asked for, or it can't be read.
    #[error("{0}")]
    Input(String),
    /// Something of our own broke.
    #[error("{0}")]
    Internal(String),
}

impl DevError {
    /// Whether to mend a file or a flag, rather than to try again.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Configuration(_) | Self::Port { .. } => true,
            Self::Run(error) => error.is_configuration(),
            Self::Locked { .. }
            | Self::File { .. }
            | Self::Kafka(_)
            | Self::Build(_)
            | Self::Function(_)
            | Self::Input(_)
            | Self::Internal(_) => false,
        }
    }
}
