//! The worker: `veltrix run` or `veltrix dev` as a child, its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::metrics::get;
use crate::{Arguments, Servers};

/// `run` starts this program in the repository's root.
const EXAMPLE: &str = "examples/fulfilment";

/// Compiling the modules is the longest part of it; `veltrix dev` builds them too.
const START: Duration = Duration::from_secs(300);
/// Draining takes at most 20 s.
const END: Duration = Duration::from_secs(40);

/// A running worker. Dropped, it is killed.
pub(crate) struct Worker {
    child: Child,
    /// `host:port` of its admin interface.
    pub(crate) admin: String,
    log: PathBuf,
}

/// Where the servers within `veltrix dev` are.
#[derive(Deserialize)]
pub(crate) struct Addresses {
    pub(crate) kafka: String,
    pub(crate) cassandra: String,
    admin: String,
    pid: u32,
}

impl Worker {
    /// Starts `veltrix run` and waits until it is ready.
    pub(crate) fn start(arguments: &Arguments, servers: &Servers, log: &Path) -> Result<Self> {
        let mut command = Command::new(&arguments.veltrix);
        command
            .args(["run", EXAMPLE, "--apply-schema", "--admin", "127.0.0.1:0", "--log", "json"])
            .args(["--kafka", &servers.kafka, "--cassandra", &servers.cassandra])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut worker = Self::spawn(command, log)?;
        worker.wait(|worker| {
            if worker.admin.is_empty() {
                worker.admin = admin_address(&worker.log())?;
            }
            get(&worker.admin, "/readyz").map(drop)
        })?;
        Ok(worker)
    }

    /// Starts `veltrix dev`, whose summary goes to `said`, and waits until it says where its servers are. What goes into
    /// the pipe are orders.
    pub(crate) fn dev(arguments: &Arguments, log: &Path, said: &Path) -> Result<(Self, ChildStdin, Addresses)> {
        let mut command = Command::new(&arguments.veltrix);
        command
            .args(["dev", EXAMPLE, "--input", "orders=-", "--admin", "127.0.0.1:0", "--log", "json"])
            .stdin(Stdio::piped());
        command.stdout(File::create(said).with_context(|| format!("making {}", said.display()))?);
        let mut worker = Self::spawn(command, log)?;
        let input = worker.child.stdin.take().context("veltrix dev has no input")?;
        let addresses = worker.wait(|worker| {
            let told = std::fs::read(Path::new(EXAMPLE).join(".veltrix/dev.json")).ok()?;
            // Not those of one that was here before.
            serde_json::from_slice::<Addresses>(&told).ok().filter(|found| found.pid == worker.child.id())
        })?;
        worker.admin.clone_from(&addresses.admin);
        Ok((worker, input, addresses))
    }

    fn spawn(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("making {}", log.display()))?;
        command.stderr(file);
        let child = command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child, admin: String::new(), log: log.to_owned() })
    }

    fn wait<T>(&mut self, mut ready: impl FnMut(&mut Self) -> Option<T>) -> Result<T> {
        let until = Instant::now() + START;
        loop {
            if let Some(ready) = ready(self) {
                return Ok(ready);
            }
            let log = self.log.display();
            if let Some(status) = self.child.try_wait()? {
                bail!("the worker ended at its start, {status}; its log, {log}, ends with\n{}", self.log_end());
            }
            ensure!(Instant::now() < until, "the worker is not ready; its log, {log}, ends with\n{}", self.log_end());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(mut self) -> Result<ExitStatus> {
        // The shell's own kill: not every system has it as a program.
        let line = format!("kill -TERM {}", self.child.id());
        ensure!(Command::new("sh").args(["-c", &line]).status()?.success(), "{line} failed");
        let until = Instant::now() + END;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "the worker does not end; its log ends with\n{}", self.log_end());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Gone already is as good.
            let _ = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

/// The worker takes a free port and says which.
fn admin_address(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("admin") && line.contains("127.0.0.1:"))?;
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("127.0.0.1:{port}"))
}
