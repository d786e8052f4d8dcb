//! The README's first command: the example from a clone, with its audit; and its orders by hand.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use veltrix_tests::{build, copy_application};

/// What a clone has for the example, with the command and the modules as the tests have built them.
struct Clone(tempfile::TempDir);

impl Clone {
    fn new() -> Self {
        let clone = Self(tempfile::tempdir().unwrap());
        copy_application("examples/fulfilment", &clone.path().join("examples/fulfilment"));
        std::fs::create_dir_all(clone.path().join("target/debug")).unwrap();
        for program in [build::veltrix().to_owned(), build::demo()] {
            symlink(&program, clone.path().join("target/debug").join(program.file_name().unwrap())).unwrap();
        }
        // These have done their work.
        clone.stub("deploy/local/setup");
        clone.stub("bin/cargo");
        clone
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program that notes what it was called with.
    fn stub(&self, name: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "#!/bin/sh\necho \"${0##*/} $*\" >>called\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn shell(&self, line: &str) -> Output {
        let path = format!("{}:{}", self.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-c", line]).current_dir(self.path()).env("PATH", path).stdin(Stdio::null());
        // Not even these lead it elsewhere.
        command.env("VELTRIX_KAFKA", "127.0.0.1:1").env("VELTRIX_CASSANDRA", "127.0.0.1:1");
        command.output().unwrap()
    }
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{errors}");
    out.into_owned()
}

#[track_caller]
fn tells(out: &str, lines: &[&str]) {
    for told in lines {
        assert!(out.lines().any(|line| line.trim_end().contains(told)), "{told:?} is not in\n{out}");
    }
}

#[test]
fn the_first_command_handles_the_orders_and_ends_with_0_only_if_the_books_balance() {
    let clone = Clone::new();
    let out = ended(&clone.shell("cd / && \"$OLDPWD\"/examples/fulfilment/run --orders 1000"), 0);
    let called = std::fs::read_to_string(clone.path().join("called")).unwrap();
    assert_eq!(called, "setup --build-only\ncargo build --locked -p veltrix -p fulfilment-demo\n");
    tells(
        &out,
        &[
            "==> starting Kafka, Cassandra and a worker in one process: veltrix dev examples/fulfilment --input orders=-",
            "==> sending 1,000 orders to its standard input",
            "records in the topic         1,000",
            "All 18 checks add up.",
            // What `veltrix dev` says itself.
            "fed to orders: 1000 of -",
            "billing (group fulfilment.billing): handled 1000: ack ",
        ],
    );
    assert!(!out.contains("  NO "), "{out}");

    // A function that leaves orders out, and says that all is well.
    let manifest = clone.path().join("examples/fulfilment/veltrix.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let lossy = text.replace(
        "function = \"billing\"\n",
        "function = \"billing\"\ndedupe = { by = \"key\", window = \"5000 offsets\" }\n",
    );
    assert_ne!(lossy, text);
    std::fs::write(&manifest, lossy).unwrap();
    let out = ended(&clone.shell("examples/fulfilment/run --orders 1000"), 1);
    tells(&out, &["NO  ", "invoices, one for each order", "checks DO NOT add up.", "yes no stock is negative"]);
}

#[test]
fn the_orders_by_hand_end_with_the_summary() {
    let clone = Clone::new();
    let readme = std::fs::read_to_string(build::root().join("examples/fulfilment/README.md")).unwrap();
    let by_hand = readme.split_once("### By hand\n").expect("the section is there").1;
    let line = by_hand.split("```").nth(1).expect("its block is there");
    let programs = [
        ("cargo run -p fulfilment-demo -- orders", "target/debug/fulfilment-demo orders --orders 1000"),
        ("cargo run -- dev", "target/debug/veltrix dev"),
    ];
    let line = programs.iter().fold(line.to_owned(), |line, (from, to)| {
        assert!(line.contains(from), "{from:?} is not in {line}");
        line.replace(from, to)
    });
    let out = ended(&clone.shell(&format!("set -o pipefail\n{line}")), 0);
    let handled = ["inventory", "billing", "notification"]
        .map(|name| format!("{name} (group fulfilment.{name}): handled 1000: ack "));
    tells(&out, &handled.each_ref().map(String::as_str));
    tells(&out, &["fed to orders: 1000 of -", "decode "]);
    // Without rows nothing is sold: the orders are dead letters, which are a failure unless they are allowed.
    let line = line.replace("--rows examples/fulfilment/stock.cql ", "").replace(" --allow-dead-letters", "");
    ended(&clone.shell(&line), 1);
}
