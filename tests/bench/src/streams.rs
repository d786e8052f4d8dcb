//! Kafka Streams with the same filter: built by Maven, a process of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use veltrix_tests::unique;

use crate::peers::Built;

/// A running Kafka Streams application; killed when dropped.
pub(crate) struct Streams {
    child: Child,
    folder: PathBuf,
}

impl Streams {
    /// Starts to forward from one topic to another, as the group of that name.
    ///
    /// # Errors
    /// Java is missing.
    pub(crate) fn start(
        built: &Built,
        kafka: &str,
        group: &str,
        (input, output): (&str, &str),
        interval: Duration,
    ) -> Result<Self> {
        let folder = built.folder.join(unique("state"));
        let child = Command::new("java")
            .args(["-Xmx1g", "-cp", &built.class_path(), "FilterForward", kafka, group, input, output, "2"])
            .arg(interval.as_millis().to_string())
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("java runs the Kafka Streams peer")?;
        Ok(Self { child, folder })
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn look(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("Kafka Streams ended: {status}"),
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
