//! The Java driver: `java/Client.java` in every version and compression it can speak.

use std::path::PathBuf;
use std::process::Command;

use crate::server::Running;
use crate::tools::{installed, output, sources};

/// The driver and what it needs.
fn libraries() -> PathBuf {
    let pom = sources("java").join("pom.xml");
    installed("java", &pom, |folder| {
        let mut maven = Command::new("mvn");
        maven.args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"]).arg(&pom);
        output(maven.arg(format!("-DoutputDirectory={}", folder.display())));
    })
}

fn run(version: &str, compression: &str) {
    let server = Running::start();
    let mut java = Command::new("java");
    java.arg("-cp").arg(libraries().join("*")).arg(sources("java").join("Client.java"));
    assert_eq!(output(java.args([server.address(), version, compression])), "done\n");
}

#[test]
fn java_driver_finds_a_version() {
    run("any", "none");
}

#[test]
fn java_driver_version_4_lz4() {
    run("4", "lz4");
}

#[test]
fn java_driver_version_4_snappy() {
    run("4", "snappy");
}

#[test]
fn java_driver_version_5_lz4() {
    run("5", "lz4");
}
