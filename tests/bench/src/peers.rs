//! Peers in Java: built by Maven, each a process of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use veltrix_tests::build as tree;

/// A peer, compiled.
pub(crate) struct Built {
    /// Where its classes, its libraries and what it writes are.
    pub(crate) folder: PathBuf,
}

impl Built {
    /// For `java -cp`.
    pub(crate) fn class_path(&self) -> String {
        format!("{0}/classes:{0}/lib/*", self.folder.display())
    }
}

/// Compiles the peer of that name and gets what it needs from Maven Central.
///
/// # Errors
/// Maven is missing, or fails.
pub(crate) fn build(name: &str) -> Result<Built> {
    let folder = tree::target().join("bench-peers").join(name);
    let pom = tree::root().join("tests/bench/peers").join(name).join("pom.xml");
    let status = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(pom)
        .arg(format!("-Dfolder={}", folder.display()))
        .args(["compile", "dependency:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", folder.join("lib").display()))
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("mvn builds the peer {name}"))?;
    if !status.success() {
        bail!("mvn did not build the peer {name}");
    }
    Ok(Built { folder })
}
