//! `veltrix run` as a process of its own, with a manifest in a temporary directory.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{build, eventually};

/// How long a worker may take to start; compiling a module in a debug build is the longest part.
const START: Duration = Duration::from_secs(60);

/// An application: a directory with a `veltrix.toml`, which workers are started from.
#[derive(Debug)]
pub struct App {
    directory: TempDir,
    workers: AtomicU32,
}

/// How a worker ended, and all that it printed on stderr.
#[derive(Debug)]
pub struct Exit {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it logged.
    pub log: String,
}

impl App {
    /// An application with this manifest.
    pub fn new(manifest: &str) -> Self {
        let app = Self { directory: tempfile::tempdir().expect("a directory is made"), workers: AtomicU32::new(0) };
        app.write("veltrix.toml", manifest);
        app
    }

    /// Writes a file beside the manifest.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.directory.path().join(name), content).expect("a file is written");
    }

    /// Where the manifest lies.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts a worker; does not wait for it.
    pub fn start(&self) -> Worker {
        self.start_with(&[])
    }

    /// Starts a worker with more arguments, such as `--apply-schema`.
    pub fn start_with(&self, arguments: &[&str]) -> Worker {
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        let log = self.directory.path().join(format!("worker-{number}.log"));
        let child = Command::new(build::veltrix())
            .arg("run")
            .arg(self.directory.path())
            .args(["--admin", "127.0.0.1:0", "--log", "json"])
            .args(arguments)
            // What the shell around the tests sets must not reach the worker.
            .env_remove("VELTRIX_KAFKA")
            .env_remove("VELTRIX_CASSANDRA")
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a log file is made"))
            .spawn()
            .expect("the veltrix command runs");
        Worker { child, log, reaped: None }
    }

    /// Starts a worker and waits until it says that it is ready.
    pub fn ready(&self) -> Worker {
        let mut worker = self.start();
        worker.wait_ready();
        worker
    }

    /// Runs `veltrix` to its end with these arguments, in the application's directory.
    pub fn veltrix(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(build::veltrix());
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env_remove("VELTRIX_KAFKA").env_remove("VELTRIX_CASSANDRA").output().expect("the veltrix command runs")
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.directory.disable_cleanup(true);
            eprintln!("--- the manifest and the logs are kept in {}", self.directory.path().display());
        }
    }
}

/// A running worker; killed when dropped. A failing test prints the end of its log.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    log: PathBuf,
    reaped: Option<ExitStatus>,
}

impl Worker {
    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far, a JSON object a line.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("the log file is there");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many log lines hold `text`.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// `host:port` of its admin interface.
    #[track_caller]
    pub fn admin(&mut self) -> String {
        let deadline = Instant::now() + START;
        loop {
            if let Some(address) = admin_address(&self.log()) {
                return address;
            }
            self.still_running("printing its admin address");
            assert!(Instant::now() < deadline, "no admin address within {START:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The status of a GET and its body; none if nothing answers.
    pub fn get(&mut self, path: &str) -> Option<(u16, String)> {
        http_get(&self.admin(), path)
    }

    /// Waits until `/readyz` answers 200.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let deadline = Instant::now() + START;
        while !self.is_ready() {
            self.still_running("getting ready");
            assert!(Instant::now() < deadline, "not ready within {START:?}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether `/readyz` answers 200.
    pub fn is_ready(&mut self) -> bool {
        self.get("/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// Its metrics.
    #[track_caller]
    pub fn metrics(&mut self) -> Metrics {
        let (status, body) = self.get("/metrics").expect("/metrics answers");
        assert_eq!(status, 200, "/metrics: {body}");
        Metrics(body)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.poll_exit().is_none()
    }

    /// Asks it to end (SIGTERM) without waiting.
    pub fn ask_to_end(&self) {
        self.signal("TERM");
    }

    /// Freezes it (SIGSTOP): it neither works nor answers.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen one go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// SIGTERM, then waits for its end, at most 40 s.
    #[track_caller]
    pub fn terminate(self) -> Exit {
        self.ask_to_end();
        self.wait_exit(Duration::from_secs(40))
    }

    /// Waits until it ends by itself.
    #[track_caller]
    pub fn wait_exit(mut self, timeout: Duration) -> Exit {
        let status = eventually("the worker ends", timeout, || self.poll_exit());
        Exit { code: status.code(), log: self.log() }
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill9(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if self.poll_exit().is_none() {
            self.child.kill().expect("a child can be killed");
            self.reaped = Some(self.child.wait().expect("a child can be waited for"));
        }
    }

    fn poll_exit(&mut self) -> Option<ExitStatus> {
        if self.reaped.is_none() {
            self.reaped = self.child.try_wait().expect("a child can be waited for");
        }
        self.reaped
    }

    #[track_caller]
    fn still_running(&mut self, doing: &str) {
        if let Some(status) = self.poll_exit() {
            panic!("the worker ended ({status}) before {doing}:\n{}", self.log());
        }
    }

    fn signal(&self, name: &str) {
        // The shell's own kill: the workspace has no unsafe code, and not every system has kill as a program.
        let line = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &line]).status().expect("sh runs");
        assert!(status.success(), "{line} failed");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let metrics = match admin_address(&self.log()) {
            Some(address) if std::thread::panicking() && self.is_running() => http_get(&address, "/metrics"),
            _ => None,
        };
        self.end();
        if std::thread::panicking() {
            for line in metrics.iter().flat_map(|(_, body)| body.lines()) {
                // Counters and gauges; the buckets of histograms would hide them.
                if !line.starts_with('#') && !line.contains("_bucket{") {
                    eprintln!("{line}");
                }
            }
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(40)..].join("\n");
            eprintln!("--- end of the log of the worker in {}:\n{tail}", self.log.display());
        }
    }
}

/// A scrape of `/metrics` in the Prometheus text format.
#[derive(Debug)]
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all samples of `name` whose labels hold every one of `labels` (such as `function="inventory"`);
    /// none if there is no such sample.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let mut sum = None;
        for line in self.0.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            if found == name && labels.iter().all(|label| rest.contains(label)) {
                *sum.get_or_insert(0.0) += value.parse::<f64>().expect("a sample is a number");
            }
        }
        sum
    }
}

fn admin_address(log: &str) -> Option<String> {
    log.lines().filter(|line| line.contains("admin")).find_map(|line| {
        let at = line.find("127.0.0.1:")?;
        let port: String = line[at + "127.0.0.1:".len()..].chars().take_while(char::is_ascii_digit).collect();
        (port.parse::<u16>().ok()? != 0).then(|| format!("127.0.0.1:{port}"))
    })
}

fn http_get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket takes a timeout");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
