//! Kafka Streams with the same filter: built by Maven, a process of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use veltrix_tests::{build, unique};

/// A running Kafka Streams application; killed when dropped.
pub(crate) struct Streams {
    child: Child,
    folder: PathBuf,
}

/// The peer, compiled.
pub(crate) struct Built {
    folder: PathBuf,
}

/// Compiles the peer and gets what it needs from Maven Central.
///
/// # Errors
/// Maven is missing, or fails.
pub(crate) fn build() -> Result<Built> {
    let folder = build::target().join("bench-streams");
    let pom = build::root().join("tests/bench/peers/streams/pom.xml");
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(pom)
        .arg(format!("-Dfolder={}", folder.display()))
        .args(["compile", "dependency:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", folder.join("lib").display()))
        .stdin(Stdio::null())
        .status()
        .context("mvn builds the Kafka Streams peer")?;
    if !status.success() {
        bail!("mvn did not build the Kafka Streams peer");
    }
    Ok(Built { folder })
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
        let class_path = format!("{0}/classes:{0}/lib/*", built.folder.display());
        let child = Command::new("java")
            .args(["-Xmx1g", "-cp", &class_path, "FilterForward", kafka, group, input, output, "2"])
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
