//! `cqlsh`: what it prints for `cqlsh/in.cql` is what it printed against Cassandra 5.0.5.

use std::process::Command;

use crate::python::programs;
use crate::server::Running;
use crate::tools::{output, sources};

#[test]
fn cqlsh_prints_what_it_prints_of_cassandra() {
    let server = Running::start();
    let (host, port) = server.address().rsplit_once(':').unwrap();
    let mut command = Command::new(programs().join("cqlsh"));
    command.args(["--no-color", host, port, "-f"]).arg(sources("cqlsh").join("in.cql"));
    let expected = std::fs::read_to_string(sources("cqlsh").join("out.txt")).unwrap();
    let printed = output(&mut command);
    for (line, (got, wanted)) in printed.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, wanted, "line {} of\n{printed}", line + 1);
    }
    assert_eq!(printed, expected);
}

#[test]
fn cqlsh_shows_errors() {
    let server = Running::start();
    let (host, port) = server.address().rsplit_once(':').unwrap();
    let mut command = Command::new(programs().join("cqlsh"));
    let failed = command.args(["--no-color", host, port, "-e", "SELECT * FROM nowhere.t"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(2));
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(told.contains("InvalidRequest: Error from server: code=2200"), "{told}");
}
