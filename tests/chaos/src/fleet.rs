//! The workers: started, hit, started again; who ends unasked is told on.

use std::path::Path;
use std::time::{Duration, Instant};

use veltrix_tests::{App, Worker};

use crate::check::{Kind, Violation};
use crate::cluster::Cluster;
use crate::settings::{END, WORKERS};

/// The application's workers.
#[derive(Debug)]
pub(crate) struct Fleet {
    app: App,
    /// Arguments of each worker: its links.
    arguments: Vec<[String; 4]>,
    workers: Vec<Option<Worker>>,
    /// What must not be.
    pub(crate) violations: Vec<Violation>,
}

impl Fleet {
    pub(crate) fn start(app: App, cluster: &Cluster) -> Self {
        let links = cluster.kafka.iter().zip(&cluster.cassandra);
        let arguments = links.map(|(kafka, cassandra)| {
            ["--kafka".to_owned(), kafka.address(), "--cassandra".to_owned(), cassandra.address()]
        });
        let mut fleet = Self { app, arguments: arguments.collect(), workers: Vec::new(), violations: Vec::new() };
        for index in 0..WORKERS {
            fleet.workers.push(None);
            fleet.start_again(index);
        }
        fleet
    }

    /// Where manifest and logs are.
    pub(crate) fn directory(&self) -> &Path {
        self.app.directory()
    }

    /// A worker that isn't kept track of, on the links of another.
    pub(crate) fn one_more(&self, links: usize) -> Worker {
        let arguments: Vec<&str> = self.arguments[links].iter().map(String::as_str).collect();
        self.app.start_with(&arguments)
    }

    pub(crate) fn start_again(&mut self, index: usize) {
        let mut arguments: Vec<&str> = self.arguments[index].iter().map(String::as_str).collect();
        // One is a static member of its groups, the others are not.
        if index == 0 {
            arguments.extend(["--worker-id", "named"]);
        }
        self.workers[index] = Some(self.app.start_with(&arguments));
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, index: usize) {
        if let Some(worker) = self.workers[index].take() {
            worker.kill9();
        }
    }

    pub(crate) fn freeze(&self, index: usize) {
        if let Some(worker) = &self.workers[index] {
            worker.freeze();
        }
    }

    pub(crate) fn thaw(&self, index: usize) {
        if let Some(worker) = &self.workers[index] {
            worker.thaw();
        }
    }

    /// SIGTERM; it has to end with 0.
    pub(crate) fn terminate(&mut self, index: usize) {
        if let Some(worker) = self.workers[index].take() {
            ask_to_end(&worker);
            self.ends(worker);
        }
    }

    /// All of them.
    pub(crate) fn terminate_all(&mut self) {
        let workers: Vec<Worker> = self.workers.iter_mut().filter_map(Option::take).collect();
        workers.iter().for_each(ask_to_end);
        for worker in workers {
            self.ends(worker);
        }
    }

    /// Waits for the end of a worker that was told to.
    pub(crate) fn ends(&mut self, mut worker: Worker) {
        let deadline = Instant::now() + END;
        while worker.is_running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        if worker.is_running() {
            self.accuse(format!("process {} did not end within {END:?} of SIGTERM", worker.pid()), &worker.log());
            return worker.kill9();
        }
        let pid = worker.pid();
        let exit = worker.wait_exit(END);
        if exit.code != Some(0) {
            self.accuse(format!("process {pid} ended with {:?} after SIGTERM", exit.code), &exit.log);
        }
    }

    /// Finds those that ended by themselves, and starts them again, as a supervisor would.
    pub(crate) fn look(&mut self) {
        for index in 0..self.workers.len() {
            let Some(worker) = &mut self.workers[index] else { continue };
            if worker.is_running() {
                continue;
            }
            let (pid, worker) = (worker.pid(), self.workers[index].take().expect("it is there"));
            let exit = worker.wait_exit(END);
            self.accuse(format!("worker {index}, process {pid}, ended by itself with {:?}", exit.code), &exit.log);
            self.start_again(index);
        }
    }

    /// Panics of the host, in all logs. Those of guests are log lines like others.
    pub(crate) fn find_panics(&mut self) {
        let Ok(files) = std::fs::read_dir(self.directory()) else { return };
        let mut found = Vec::new();
        for path in
            files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"))
        {
            let log = std::fs::read(&path).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let mut lines = log.lines();
            while let Some(line) = lines.next() {
                if line.starts_with("thread '") && line.contains("panicked at") {
                    found.push(format!("{}: {line} {}", path.display(), lines.next().unwrap_or_default()));
                }
            }
        }
        for panic in found {
            self.accuse(panic, "");
        }
    }

    fn accuse(&mut self, what: String, log: &str) {
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(8)..].join("\n    ");
        let text = if tail.is_empty() { what } else { format!("{what}; the end of its log:\n    {tail}") };
        self.violations.push(Violation { kind: Kind::Ended, binding: None, place: None, text });
    }
}

/// SIGTERM, once the worker listens to it: before, it ends any process.
pub(crate) fn ask_to_end(worker: &Worker) {
    let deadline = Instant::now() + END;
    while worker.logged("\"starting\"") == 0 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    worker.ask_to_end();
}
