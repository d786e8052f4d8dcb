//! `veltrix dev` as a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{App, Kafka, build, eventually};

/// How long it may take to start, builds left out; compiling a module in a debug build is the longest part.
const START: Duration = Duration::from_secs(120);

/// A running `veltrix dev`; killed when dropped.
#[derive(Debug)]
pub struct Dev {
    child: Child,
    directory: PathBuf,
    out: PathBuf,
    err: PathBuf,
    ended: bool,
}

/// How it ended, and what it printed.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Results.
    pub out: String,
    /// All else.
    pub err: String,
}

impl Dev {
    /// Starts it on an application; does not wait for it.
    pub fn start(app: &App, arguments: &[&str]) -> Self {
        let name = crate::unique("dev");
        let at = |end: &str| app.directory().join(format!("{name}.{end}"));
        let file = |path: &Path| File::create(path).expect("a file for its output is made");
        let (out, err) = (at("out"), at("err"));
        let child = Command::new(build::veltrix())
            .arg("dev")
            .args(arguments)
            // In it, so that paths on the command line are the test's own.
            .current_dir(app.directory())
            // What the shell around the tests sets must not reach it.
            .env_remove("VELTRIX_KAFKA")
            .env_remove("VELTRIX_CASSANDRA")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .expect("the veltrix command runs");
        Self { child, directory: app.directory().to_owned(), out, err, ended: false }
    }

    /// What it said so far, logs of the host included.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.err).expect("the file is there")).into_owned()
    }

    /// Waits until it has said that; gives all that it said.
    #[track_caller]
    pub fn wait_said(&mut self, text: &str) -> String {
        let deadline = Instant::now() + START;
        loop {
            let said = self.said();
            if said.contains(text) {
                return said;
            }
            let ended = self.child.try_wait().expect("its state is known");
            assert!(ended.is_none(), "it ended with {ended:?} before it said {text:?}:\n{said}");
            assert!(Instant::now() < deadline, "it does not say {text:?}:\n{said}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What `.veltrix/dev.json` says of this process.
    #[track_caller]
    pub fn addresses(&self) -> serde_json::Value {
        let file = self.directory.join(".veltrix/dev.json");
        eventually("it tells its addresses", START, || {
            let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            (told["pid"] == self.child.id()).then_some(told)
        })
    }

    /// A client of its Kafka.
    #[track_caller]
    pub fn kafka(&self) -> Kafka {
        Kafka::new(self.addresses()["kafka"].as_str().expect("an address"))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state is known") {
                self.ended = true;
                let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
                return Ended { code: status.code(), out: read(&self.out), err: read(&self.err) };
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal, such as `INT`, and waits for the end.
    #[track_caller]
    pub fn signal(self, name: &str) -> Ended {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        self.wait()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- said by dev:\n{}", self.said());
        }
    }
}
