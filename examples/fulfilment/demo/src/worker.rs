//! The worker: `veltrix run` as a child, its log in a file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::Arguments;
use crate::metrics::get;

/// Compiling the modules is the longest part of it.
const START: Duration = Duration::from_secs(90);
/// Draining takes at most 20 s.
const END: Duration = Duration::from_secs(40);

/// A running worker. Dropped, it is killed.
pub(crate) struct Worker {
    child: Child,
    /// `host:port` of its admin interface.
    pub(crate) admin: String,
    log: PathBuf,
}

impl Worker {
    /// Starts a worker and waits until it is ready.
    pub(crate) fn start(arguments: &Arguments, log: &Path) -> Result<Self> {
        let child = Command::new(&arguments.veltrix)
            .args(["run", "examples/fulfilment", "--apply-schema", "--admin", "127.0.0.1:0", "--log", "json"])
            .args(["--kafka", &arguments.kafka, "--cassandra", &arguments.cassandra])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log).with_context(|| format!("making {}", log.display()))?)
            .spawn()
            .with_context(|| format!("starting {}", arguments.veltrix.display()))?;
        let mut worker = Self { child, admin: String::new(), log: log.to_owned() };
        let until = Instant::now() + START;
        while !worker.is_ready() {
            if let Some(status) = worker.child.try_wait()? {
                bail!(
                    "the worker ended at its start, {status}; its log, {}, ends with\n{}",
                    log.display(),
                    worker.log_end()
                );
            }
            ensure!(
                Instant::now() < until,
                "the worker is not ready; its log, {}, ends with\n{}",
                log.display(),
                worker.log_end()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(worker)
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

    fn is_ready(&mut self) -> bool {
        if self.admin.is_empty() {
            self.admin = admin_address(&self.log()).unwrap_or_default();
        }
        !self.admin.is_empty() && get(&self.admin, "/readyz").is_some()
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
