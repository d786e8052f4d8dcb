//! The Python driver: `python/driver.py` in every version and compression it can speak.

use std::path::PathBuf;
use std::process::Command;

use crate::server::Running;
use crate::tools::{installed, output, sources};

/// The programs of a virtual environment that has driver and shell.
pub(crate) fn programs() -> PathBuf {
    let requirements = sources("python").join("requirements.txt");
    let environment = installed("python", &requirements, |folder| {
        output(Command::new("python3").args(["-m", "venv"]).arg(folder));
        output(Command::new(folder.join("bin/pip")).args(["install", "--quiet", "--requirement"]).arg(&requirements));
    });
    environment.join("bin")
}

fn run(version: &str, compression: &str) {
    let server = Running::start();
    let mut command = Command::new(programs().join("python"));
    command.arg(sources("python").join("driver.py")).args([server.address(), version, compression]);
    assert_eq!(output(&mut command), "done\n");
}

#[test]
fn python_driver_version_4() {
    run("4", "none");
}

#[test]
fn python_driver_version_4_lz4() {
    run("4", "lz4");
}

#[test]
fn python_driver_version_4_snappy() {
    run("4", "snappy");
}

#[test]
fn python_driver_version_5() {
    run("5", "none");
}

#[test]
fn python_driver_version_5_lz4() {
    run("5", "lz4");
}

/// By itself the driver begins with a version that no Cassandra speaks, and goes down.
#[test]
fn python_driver_finds_a_version() {
    let server = Running::start();
    let script = "import sys; from cassandra.cluster import Cluster; host, port = sys.argv[1].split(':'); \
        cluster = Cluster([host], port=int(port)); cluster.connect(); print(cluster.protocol_version); cluster.shutdown()";
    assert_eq!(output(Command::new(programs().join("python")).args(["-c", script, server.address()])), "5\n");
}
