//! The command that starts real servers: `deploy/local/servers`.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use veltrix_tests::{Kafka, Record, build::root};

/// An instance in a directory of its own, taken down when dropped.
struct Instance(tempfile::TempDir);

impl Instance {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(root().join("deploy/local/servers"));
        command.args(arguments).arg("--dir").arg(self.0.path().join("servers"));
        command.stdin(Stdio::null()).output().expect("the script runs")
    }

    /// Starts Kafka; its address.
    fn up(&self, more: &[&str]) -> String {
        let output = self.run(&[&["up", "--only", "kafka", "--output", "env"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let line = String::from_utf8(output.stdout).unwrap();
        line.trim().strip_prefix("VELTRIX_KAFKA=").expect("one line for the environment").to_owned()
    }

    fn status(&self) -> Option<i32> {
        self.run(&["status", "--only", "kafka"]).status.code()
    }

    fn state(&self) -> std::path::PathBuf {
        self.0.path().join("servers/kafka/state.json")
    }

    fn process(&self) -> u64 {
        let state: Value = serde_json::from_slice(&std::fs::read(self.state()).unwrap()).unwrap();
        state["process"]["pid"].as_u64().unwrap()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.run(&["down", "--wipe"]);
    }
}

fn sleeper() -> Child {
    Command::new("sleep").arg("600").spawn().unwrap()
}

#[test]
fn two_instances_run_side_by_side_and_each_comes_back_as_it_was() {
    let (one, other) = (Instance::new(), Instance::new());
    assert_eq!(one.status(), Some(1), "not started yet");
    let (address, beside) = (one.up(&[]), other.up(&[]));
    assert_ne!(address, beside);
    let process = one.process();
    assert_eq!(one.up(&[]), address, "up again changes nothing");
    assert_eq!(one.process(), process);
    Kafka::new(&address).create("kept", 1, &[]);
    Kafka::new(&address).produce("kept", [Record::new("k", "v")]);

    assert!(one.run(&["kill", "kafka"]).status.success());
    assert_eq!((one.status(), other.status()), (Some(1), Some(0)));
    assert_eq!(one.up(&[]), address);
    assert_eq!(Kafka::new(&address).read("kept").len(), 1);
    assert_eq!(Kafka::new(&beside).partitions("kept"), None);

    let port = beside.rsplit_once(':').unwrap().1;
    let taken = Instance::new().run(&["up", "--only", "kafka", "--kafka-port", port]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&taken.stderr).contains(&format!("port {port} for kafka is taken")));

    assert!(one.run(&["down", "--wipe"]).status.success());
    assert!(!one.state().exists());
    assert_eq!(other.status(), Some(0), "the other runs on");
}

#[test]
fn a_stale_state_file_never_ends_a_stranger() {
    let instance = Instance::new();
    let mut stranger = sleeper();
    std::fs::create_dir_all(instance.state().parent().unwrap()).unwrap();
    // The process id was given to somebody else since.
    let stale = format!(
        r#"{{"ports": {{"port": 1, "controller_port": 2}}, "process": {{"pid": {}, "started": "earlier"}}}}"#,
        stranger.id()
    );
    std::fs::write(instance.state(), stale).unwrap();
    assert_eq!(instance.status(), Some(1));
    for arguments in [&["stop", "kafka"][..], &["kill", "kafka"], &["down"], &["down", "--wipe"]] {
        assert!(instance.run(arguments).status.success());
    }
    assert_eq!(stranger.try_wait().unwrap(), None, "it still runs");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_broken_state_file_and_wrong_usage_are_told_apart() {
    let instance = Instance::new();
    std::fs::create_dir_all(instance.state().parent().unwrap()).unwrap();
    std::fs::write(instance.state(), "{ half").unwrap();
    assert_eq!(instance.status(), Some(1));
    assert_eq!(instance.run(&["up", "--kafka-port", "70000"]).status.code(), Some(2));
    assert_eq!(instance.run(&["fly"]).status.code(), Some(2));
    assert_eq!(instance.run(&["stop", "zookeeper"]).status.code(), Some(2));
}

#[test]
fn a_download_that_broke_off_is_not_used() {
    // A Maven that leaves a jar behind and fails, in a cache of its own.
    let (instance, fake) = (Instance::new(), tempfile::tempdir().unwrap());
    let maven = fake.path().join("mvn");
    let script = "#!/bin/sh\nfor a in \"$@\"; do case $a in -DoutputDirectory=*) : > \"${a#*=}/half.jar\";; esac; done\nexit 1\n";
    std::fs::write(&maven, script).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&maven).status().unwrap().success());
    let path = format!("{}:{}", fake.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(root().join("deploy/local/servers"))
        .args(["up", "--only", "kafka", "--dir"])
        .arg(instance.0.path().join("servers"))
        .env("PATH", path)
        .env("XDG_CACHE_HOME", fake.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("fetching kafka failed"));
    let left = std::fs::read_dir(fake.path().join("veltrix/servers")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().path()).filter(|path| Path::is_dir(path)).collect();
    assert!(left.is_empty(), "{left:?}");
}
