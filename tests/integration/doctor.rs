//! `veltrix doctor` on machines that lack something: programs are played by scripts in a PATH of their own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use veltrix_tests::{build, servers};

/// A machine: its programs, its home, and a project.
struct Machine(TempDir);

/// A rustc of that version whose sysroot is the folder `rust`, and which links.
const RUSTC: &str = r#"case "$1" in
--version) echo "rustc VERSION (0000 2026-01-01)" ;;
--print) echo "$HOME/rust" ;;
esac"#;

impl Machine {
    /// With all that is needed.
    fn whole() -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder is made"));
        for folder in ["bin", "project", "rust/lib/rustlib/wasm32-wasip2/lib"] {
            fs::create_dir_all(machine.path(folder)).expect("a folder is made");
        }
        machine.program("cargo", "echo cargo 1.95.0");
        machine.program("rustc", &RUSTC.replace("VERSION", "1.95.0"));
        machine.program("rustup", "mkdir -p $HOME/rust/lib/rustlib/$3/lib");
        machine
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    }

    fn doctor(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(build::veltrix());
        command.arg("doctor").args(arguments).args(["--admin", "127.0.0.1:0"]).current_dir(self.path("project"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        command.output().expect("the veltrix command runs")
    }

    /// What is found of each thing, and the exit code.
    #[track_caller]
    fn found(&self, arguments: &[&str]) -> (Vec<Value>, i32) {
        let output = self.doctor(&[arguments, &["--output", "json"]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        let code = output.status.code().expect("it ends by itself");
        assert_eq!(report["ok"], code == 0, "{report}");
        (report["checks"].as_array().expect("a list").clone(), code)
    }
}

/// State, message and fix of one thing.
#[track_caller]
fn of(found: &[Value], name: &str) -> (String, String, String) {
    let check = found.iter().find(|check| check["name"] == name);
    let check = check.unwrap_or_else(|| panic!("{name} was not looked at: {found:?}"));
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("message"), text("fix"))
}

#[test]
fn a_machine_that_lacks_nothing_is_well() {
    let machine = Machine::whole();
    let (found, code) = machine.found(&[]);
    assert_eq!(code, 0, "{found:?}");
    for name in ["cargo", "rustc", "wasm", "linker", "folder", "cache", "admin-port"] {
        assert_eq!(of(&found, name).0, "good", "{found:?}");
    }
    assert!(!machine.path(".cache").exists(), "it looks only");
}

#[test]
fn what_is_missing_is_told_with_what_mends_it() {
    let machine = Machine::whole();
    machine.program(
        "rustc",
        &RUSTC
            .replace("VERSION", "1.80.1")
            .replace("esac", "*) echo 'error: linker `cc` not found' >&2; exit 1;; esac"),
    );
    fs::remove_file(machine.path("bin/cargo")).expect("it was there");
    fs::remove_dir_all(machine.path("rust")).expect("it was there");
    let output = machine.doctor(&[]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in [
        "PROBLEM  cargo           cargo is not installed, or not in PATH",
        "$ curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
        "PROBLEM  rustc           rustc 1.80.1 (0000 2026-01-01): too old, ",
        "$ rustup update stable",
        "PROBLEM  wasm            Rust's target wasm32-wasip2 is missing",
        "$ rustup target add wasm32-wasip2",
        "PROBLEM  linker          no program can be linked: rustc failed: error: linker `cc` not found",
        "4 problems, 0 warnings",
    ] {
        assert!(told.contains(line), "{line:?} is not in\n{told}");
    }
}

#[test]
fn what_can_be_mended_is_with_fix_and_looked_at_again() {
    let machine = Machine::whole();
    fs::remove_dir_all(machine.path("rust")).expect("it was there");
    let cache = machine.path(".cache/veltrix/modules");
    fs::create_dir_all(&cache).expect("it is made");
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o755)).expect("they can be set");
    fs::create_dir(machine.path("project/.veltrix")).expect("it is made");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it has an address");
    let dev = format!("{{\"kafka\": \"{nobody}\", \"cassandra\": \"{nobody}\"}}");
    fs::write(machine.path("project/.veltrix/dev.json"), dev).expect("it is written");

    let (found, code) = machine.found(&[]);
    assert_eq!(code, 1);
    assert!(of(&found, "cache").1.contains("open to others (mode 755)"), "{found:?}");
    assert!(of(&found, "dev").1.contains(&format!("stale: nobody is at {nobody}")), "{found:?}");
    let (found, code) = machine.found(&["--fix"]);
    assert_eq!(code, 0, "{found:?}");
    for (name, command) in [("wasm", "rustup target add wasm32-wasip2"), ("cache", "chmod 700 ")] {
        let (state, _, fix) = of(&found, name);
        assert_eq!(state, "mended", "{found:?}");
        assert!(fix.starts_with(command), "{found:?}");
    }
    assert_eq!(of(&found, "dev").0, "mended");
    assert_eq!(fs::metadata(&cache).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert!(!machine.path("project/.veltrix/dev.json").exists());
    assert_eq!(machine.found(&[]).1, 0, "it is mended for good");
}

#[test]
fn a_mend_that_fails_leaves_the_problem_and_says_why() {
    let machine = Machine::whole();
    fs::remove_dir_all(machine.path("rust")).expect("it was there");
    machine.program("rustup", "[ \"$1\" = --version ] || { echo 'error: no network' >&2; exit 1; }");
    let (found, code) = machine.found(&["--fix"]);
    let (state, message, _) = of(&found, "wasm");
    assert_eq!((code, &*state), (1, "problem"));
    assert!(message.ends_with("--fix did not help: rustup failed: error: no network"), "{message}");
    assert!(machine.doctor(&["--fix"]).status.code() == Some(1));
}

#[test]
fn programs_that_hang_and_ports_that_are_taken_are_told_in_time() {
    let machine = Machine::whole();
    machine.program("rustc", "exec sleep 30");
    machine.program("cargo", "sleep 30 & wait");
    // Somebody who listens, takes what is sent and says nothing of use.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = listener.local_addr().expect("it has an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello");
        }
    });
    let started = Instant::now();
    let mut command = Command::new(build::veltrix());
    command.args(["doctor", "--output", "json", "--admin", &taken]).current_dir(machine.path("project"));
    command.env_clear().env("HOME", machine.0.path()).env("PATH", format!("{}:/bin", machine.path("bin").display()));
    let output = command.output().expect("the veltrix command runs");
    assert!(started.elapsed() < Duration::from_secs(50), "it took {:?}", started.elapsed());
    let report: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let found = report["checks"].as_array().expect("a list");
    assert!(of(found, "cargo").1.contains("gave no answer within 10s"), "{report}");
    assert!(of(found, "rustc").1.contains("gave no answer within 10s"), "{report}");
    let (state, message, fix) = of(found, "admin-port");
    assert_eq!((&*state, &*fix), ("problem", "veltrix run --admin 127.0.0.1:0"), "{message}");
    assert!(message.contains("in use, and not by a worker"), "{message}");
}

#[test]
fn the_servers_of_a_manifest_and_the_manifest_itself_are_looked_at() {
    let machine = Machine::whole();
    let write = |text: &str| fs::write(machine.path("project/veltrix.toml"), text).expect("it is written");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it has an address");
    let manifest = |kafka: &str, cassandra: &str| {
        format!(
            "name = 'shop'\n[kafka]\nbrokers = ['{kafka}']\n[cassandra]\nnodes = ['{cassandra}']\nkeyspace = 'shop'\n\
             [[binding]]\ntopics = ['orders']\nfunction = 'stock'\n[function.stock]\nmodule = 'stock.wasm'\n"
        )
    };
    write(&manifest(&nobody.to_string(), &nobody.to_string()));
    let (found, code) = machine.found(&[]);
    assert_eq!(code, 1);
    assert!(of(&found, "kafka").1.contains(&format!("no Kafka broker answers at {nobody}")), "{found:?}");
    assert!(of(&found, "cassandra").1.contains(&format!("no Cassandra node answers at {nobody}")), "{found:?}");
    assert_eq!(of(&found, "toolchain").1, "no function here is built by cargo");
    assert!(of(&found, "kafka").2.contains("deploy/local/servers up --output env"), "{found:?}");

    let (kafka, cassandra) = (servers().kafka_address(), servers().cassandra_address());
    write(&manifest(kafka, cassandra));
    let (found, code) = machine.found(&["."]);
    assert_eq!(code, 0, "{found:?}");
    assert!(of(&found, "kafka").1.starts_with(&format!("answers at {kafka}: 1 brokers")), "{found:?}");
    assert_eq!(of(&found, "cassandra").1, format!("answers at {cassandra}"));

    write("name = 'shop'\n[kafka]\nbrokers = []\n");
    let (found, code) = machine.found(&[]);
    assert_eq!(code, 1);
    assert!(of(&found, "manifest").1.contains("veltrix.toml:3:11: `brokers` is empty"), "{found:?}");
    assert!(of(&machine.found(&["nowhere"]).0, "manifest").1.contains("nowhere: can't be read"));
}
