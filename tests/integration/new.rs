//! `veltrix new`: what it makes builds, tests, runs and is clean; what it refuses leaves nothing behind.

use std::path::Path;
use std::process::{Command, Output};

use veltrix_tests::build;

/// `veltrix` in a folder, told nothing by the shell around.
fn veltrix(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(build::veltrix());
    command.args(arguments).current_dir(folder).env_remove("VELTRIX_KAFKA").env_remove("VELTRIX_CASSANDRA");
    command.env_remove("CARGO_TARGET_DIR").env("CARGO_NET_OFFLINE", "true");
    command.output().expect("the veltrix command runs")
}

#[track_caller]
fn succeeds(what: &str, output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}

/// Makes a project and does with it what its README says. The dependencies are those of this workspace, and built once.
fn is_sound(template: &str) {
    let here = tempfile::tempdir().expect("a folder is made");
    let name = format!("made-of-{template}");
    let told = succeeds("new", &veltrix(here.path(), &["new", &name, "--template", template]));
    assert!(told.contains(&format!("cd {name}")), "{told}");
    let project = here.path().join(&name);
    std::os::unix::fs::symlink(build::target(), project.join("target")).expect("a link is made");
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        // The workspace's settings are not the project's.
        command.args(arguments).env("CARGO_NET_OFFLINE", "true").env_remove("CARGO_TARGET_DIR").current_dir(&project);
        succeeds(&format!("cargo {}", arguments.join(" ")), &command.output().expect("cargo runs"))
    };
    succeeds(
        "cargo fmt",
        &Command::new("cargo").args(["fmt", "--check"]).current_dir(&project).output().expect("it runs"),
    );
    let tested = cargo(&["test"]);
    assert!(tested.contains("test result: ok. 2 passed"), "{tested}");
    cargo(&["clippy", "--all-targets", "--", "-D", "warnings"]);
    let input = if template == "handler" { "visitors" } else { "readings" };
    let ran =
        veltrix(&project, &["dev", "--input", &format!("{input}={input}.jsonl"), "--exit", "--cassandra-port", "0"]);
    let ran = succeeds("dev", &ran);
    assert!(ran.contains("handled 3: ack 3, skip 0, dead letter 0"), "{ran}");
    let tested = succeeds("test", &veltrix(&project, &["test"]));
    assert!(tested.contains("2 of 2 cases passed"), "{tested}");
    let checked = veltrix(&project, &["check"]);
    assert_eq!(succeeds("check", &checked), format!("{name}: 1 bindings, 1 functions: good\n"));
    // The SDK imports Cassandra whether the function uses it or not.
    let warned = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(warned.lines().all(|line| line.contains("imports cassandra, but no table is granted")), "{warned}");
}

#[test]
fn a_project_of_events_alone_is_sound() {
    is_sound("handler");
}

#[test]
fn a_project_with_rows_is_sound() {
    is_sound("cassandra");
}

#[test]
fn what_is_there_stays_and_what_fails_leaves_nothing() {
    let here = tempfile::tempdir().expect("a folder is made");
    let names = || {
        let entries = std::fs::read_dir(here.path()).expect("the folder can be read");
        entries.map(|entry| entry.expect("it can be read").file_name()).collect::<Vec<_>>()
    };
    // A file, a folder, a link to nowhere.
    std::fs::write(here.path().join("file"), "mine").expect("it is written");
    std::fs::create_dir(here.path().join("folder")).expect("it is made");
    std::os::unix::fs::symlink("nowhere", here.path().join("link")).expect("it is made");
    for name in ["file", "folder", "link"] {
        let output = veltrix(here.path(), &["new", name]);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(&format!("{name} is here already")), "{told}");
    }
    assert_eq!(std::fs::read_to_string(here.path().join("file")).expect("it is there"), "mine");
    assert_eq!(names().len(), 3);
    // The disk is full after some files: small ones fit, Cargo.lock does not.
    let line = format!("trap '' XFSZ; ulimit -f 8; exec {} new half", build::veltrix().display());
    let output = Command::new("bash").args(["-c", &line]).current_dir(here.path()).output().expect("bash runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("half/Cargo.lock can't be written") && told.contains("nothing was left behind"), "{told}");
    assert_eq!(names().len(), 3, "{:?}", names());
}

#[test]
fn machines_are_told_what_was_made_and_the_sdk_may_be_named_by_its_clone() {
    let here = tempfile::tempdir().expect("a folder is made");
    let clone = build::root().to_str().expect("the path is UTF-8");
    let told = succeeds("new", &veltrix(here.path(), &["new", "a", "--sdk", clone, "--output", "json"]));
    let told: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    let files = told["files"].as_array().expect("a list of files");
    assert!(files.iter().all(|file| here.path().join("a").join(file.as_str().expect("a path")).is_file()), "{told}");
    let cargo = std::fs::read_to_string(here.path().join("a/Cargo.toml")).expect("it is there");
    assert!(cargo.contains(&format!("path = \"{clone}/sdk/rust\"")), "{cargo}");
}
