//! What `dev` says while it runs, and to whom.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use veltrix_host::Handle;

use crate::folder::Addresses;

/// Whoever shows what happens. Called from any thread; must not wait.
pub trait Report: Send + Sync {
    /// Something happened; one line.
    fn say(&self, line: &str);

    /// Something is wrong and the rest goes on: a compiler's error, the problems of a manifest. May have many lines.
    fn problem(&self, text: &str);

    /// How far the inputs are.
    fn progress(&self, progress: &Progress);

    /// The bindings run from now on: at the start, and again after the manifest has changed.
    fn running(&self, worker: &Handle, addresses: &Addresses);

    /// Nothing comes any more but the summary.
    fn ended(&self);
}

/// How far the inputs are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the inputs read so far.
    pub read: u64,
    /// Their size; none if one of them has none, such as a pipe.
    pub size: Option<u64>,
    /// Events given to Kafka.
    pub fed: u64,
    /// Verdicts of all bindings that are final.
    pub handled: u64,
    /// Events that wait, of all bindings; none while that is not known.
    pub lag: Option<i64>,
    /// All inputs have ended.
    pub ended: bool,
}

/// Lines on stderr; on a terminal a bar while inputs are fed.
#[derive(Debug, Default)]
pub struct Lines {
    bar: Mutex<Option<ProgressBar>>,
    /// Changed only by who holds the bar.
    over: AtomicBool,
    told: Mutex<Option<(Instant, Progress)>>,
}

/// Between lines of progress where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

impl Lines {
    fn write(&self, text: &str) {
        let write = || {
            // If nobody reads it any more, there is nowhere left to say so.
            let _ = writeln!(stderr(), "{text}");
        };
        match &*self.bar.lock().expect("no panic while held") {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn bar(&self, progress: &Progress) {
        let mut bar = self.bar.lock().expect("no panic while held");
        // Somebody may still look while the end is told.
        if self.over.load(Ordering::Relaxed) {
            return;
        }
        if progress.ended && progress.lag == Some(0) {
            return clear(&mut bar);
        }
        let shown = bar.get_or_insert_with(|| match progress.size {
            Some(size) => ProgressBar::new(size).with_style(style("{bar:30} {bytes}/{total_bytes} {msg}")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes} {msg}")),
        });
        shown.set_position(progress.read);
        shown.set_message(text(progress));
    }
}

impl Report for Lines {
    fn say(&self, line: &str) {
        self.write(line);
    }

    fn problem(&self, text: &str) {
        self.write(text.trim_end());
    }

    fn progress(&self, progress: &Progress) {
        if stderr().is_terminal() {
            return self.bar(progress);
        }
        let mut told = self.told.lock().expect("no panic while held");
        let due = match &*told {
            None => true,
            Some((at, last)) => last != progress && (at.elapsed() >= EVERY || (progress.ended && !last.ended)),
        };
        // Nothing is worth a line before anything was fed.
        if due && progress.fed > 0 {
            *told = Some((Instant::now(), progress.clone()));
            drop(told);
            self.write(&text(progress));
        }
    }

    fn running(&self, _worker: &Handle, _addresses: &Addresses) {}

    fn ended(&self) {
        let mut bar = self.bar.lock().expect("no panic while held");
        self.over.store(true, Ordering::Relaxed);
        clear(&mut bar);
    }
}

fn clear(bar: &mut Option<ProgressBar>) {
    if let Some(bar) = bar.take() {
        bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn text(progress: &Progress) -> String {
    let lag = progress.lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string());
    let ended = if progress.ended { ", input ended" } else { "" };
    format!("fed {}, handled {}, waiting {lag}{ended}", progress.fed, progress.handled)
}
