//! Looks at the bindings many times a second: how far they are, whether all is handled, who has to wait for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use veltrix_host::{Handle, Snapshot};
use veltrix_manifest::{Manifest, Start, is_pattern};

use crate::error::DevError;
use crate::feed::Counters;
use crate::graph;
use crate::plan;
use crate::report::{Progress, Report};
use crate::servers::{Ends, Marks};
use crate::totals::Totals;
use crate::window::Window;

/// Between looks.
const TICK: Duration = Duration::from_millis(25);
/// Between reports of progress.
const TELL: Duration = Duration::from_millis(100);
/// Bytes that wait in a topic from which on its writers are held back, and below which they go on.
const FULL: u64 = 2 << 20;
const ROOM: u64 = 1 << 20;
/// Nothing has moved for so long while lanes are stopped: nothing will.
const STALLED: Duration = Duration::from_secs(2);

/// A function that could not be started so often in a row will not be by itself.
const MOST_STARTS: u32 = 3;

/// A worker that runs, and what it runs.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) handle: Handle,
    pub(crate) manifest: Arc<Manifest>,
}

/// How the inputs ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finished {
    /// All of them is handled.
    Handled,
    /// Lanes are stopped, and nothing else moves.
    Stopped,
}

/// What a look needs.
pub(crate) struct Monitor {
    pub(crate) running: watch::Receiver<Option<Running>>,
    pub(crate) totals: Arc<Mutex<Totals>>,
    /// Bytes of inputs, and of what functions emit for each other; none with a real Kafka.
    pub(crate) window: Option<Arc<Mutex<Window>>>,
    pub(crate) counters: Arc<Counters>,
    /// Size of the inputs; `Some(0)` without any.
    pub(crate) size: Option<u64>,
    pub(crate) inputs: Vec<String>,
    pub(crate) ends: Arc<Ends>,
    pub(crate) report: Arc<dyn Report>,
    /// Whether anybody waits for the end.
    pub(crate) exit: bool,
}

/// What changes in a binding that gets anywhere: events received, events finished, whether it rests.
type Moves = (u64, u64, bool);

/// What is remembered from look to look.
#[derive(Default)]
struct Seen {
    held: BTreeSet<String>,
    lost: BTreeMap<String, u64>,
    told: Option<Instant>,
    /// Since when nothing has moved, and how things were.
    still: Option<(Instant, Vec<Moves>)>,
}

impl Monitor {
    /// Looks until the inputs have ended and all is handled, if anybody waits for that; else for ever.
    ///
    /// # Errors
    /// Kafka does not tell where its topics end.
    pub(crate) async fn run(mut self) -> Result<Finished, DevError> {
        let mut seen = Seen::default();
        loop {
            tokio::time::sleep(TICK).await;
            let running = self.running.borrow_and_update().clone();
            let Some(running) = running else {
                seen.still = None;
                continue;
            };
            let snapshots = running.handle.snapshots();
            running.handle.refresh();
            self.totals.lock().expect("no panic while held").note(&snapshots);
            self.tell_lost(&snapshots, &mut seen);
            if let Some(window) = &self.window {
                self.clear(window, &running.manifest, &snapshots);
                self.hold(window, &running, &mut seen);
            }
            let told = seen.told.is_none_or(|at| at.elapsed() >= TELL);
            if told && self.size != Some(0) {
                seen.told = Some(Instant::now());
                self.report.progress(&self.progress(&snapshots));
            }
            if self.exit
                && let Some(finished) = self.finished(&running.manifest, &snapshots, &mut seen).await?
            {
                self.report.progress(&Progress { lag: Some(0), ..self.progress(&snapshots) });
                return Ok(finished);
            }
        }
    }

    fn progress(&self, snapshots: &[Snapshot]) -> Progress {
        let all = self.totals.lock().expect("no panic while held").with(snapshots);
        let lag: Option<i64> = snapshots.iter().map(Snapshot::lag).sum();
        Progress {
            read: self.counters.read.load(Ordering::Relaxed),
            size: self.size,
            fed: self.counters.fed.load(Ordering::Relaxed),
            handled: all.iter().map(|binding| binding.handled()).sum(),
            lag,
            ended: self.counters.ended.load(Ordering::Relaxed),
        }
    }

    /// Says what was overrun. The worker has logged where.
    fn tell_lost(&self, snapshots: &[Snapshot], seen: &mut Seen) {
        for binding in self.totals.lock().expect("no panic while held").with(snapshots) {
            let told = seen.lost.entry(binding.group.clone()).or_default();
            if binding.lost > *told {
                self.report.problem(&format!(
                    "error: {} events are lost for {} (group {}): they were overrun before they were handled. The embedded Kafka keeps 5 MiB of each partition; publish no faster than it is handled, feed it with --input, which waits, or use a real one with --kafka",
                    binding.lost - *told,
                    binding.function,
                    binding.group
                ));
                *told = binding.lost;
            }
        }
    }

    /// Takes what is done out of the window.
    fn clear(&self, window: &Mutex<Window>, manifest: &Manifest, snapshots: &[Snapshot]) {
        let totals = self.totals.lock().expect("no panic while held");
        let mut window = window.lock().expect("no panic while held");
        for partition in snapshots.iter().flat_map(|snapshot| &snapshot.partitions) {
            let readers = manifest.bindings.iter().filter(|binding| binding.takes(&partition.topic));
            let each = readers.map(|binding| totals.done(&binding.group, &partition.topic, partition.number));
            // Whoever has begun nothing has everything to do.
            if let Some(done) = each.map(|done| done.unwrap_or(0)).min() {
                window.done(&partition.topic, partition.number, done);
            }
        }
    }

    /// Holds back those that fill a topic faster than it is handled.
    fn hold(&self, window: &Mutex<Window>, running: &Running, seen: &mut Seen) {
        let window = window.lock().expect("no panic while held");
        let mut wanted = BTreeSet::new();
        for (topic, groups) in graph::holders(&running.manifest) {
            let bytes = window.fullest(&topic);
            let stays = |group: &&String| bytes > FULL || (bytes > ROOM && seen.held.contains(*group));
            wanted.extend(groups.iter().filter(stays).cloned());
        }
        for group in wanted.symmetric_difference(&seen.held) {
            running.handle.hold(group, wanted.contains(group));
        }
        seen.held = wanted;
    }

    /// Whether the inputs have ended and nothing is left to do.
    async fn finished(
        &self,
        manifest: &Manifest,
        snapshots: &[Snapshot],
        seen: &mut Seen,
    ) -> Result<Option<Finished>, DevError> {
        if let Some(broken) = snapshots.iter().find(|snapshot| snapshot.failed_starts >= MOST_STARTS) {
            return Err(DevError::Function(broken.function.clone()));
        }
        let ended = self.counters.ended.load(Ordering::Relaxed);
        if ended && snapshots.iter().all(|snapshot| snapshot.in_flight == 0) {
            let bound = plan::bound(manifest, &self.inputs);
            let ends = self.ends.clone();
            let marks = tokio::task::spawn_blocking(move || ends.of(bound.iter().map(String::as_str))).await;
            let marks = marks.map_err(|ended| DevError::Internal(ended.to_string()))??;
            // The ends were read after the positions: an event that was at work then has emitted by now what it emits,
            // or its own position would be below it.
            if self.is_done(manifest, &marks) {
                return Ok(Some(Finished::Handled));
            }
        }
        let now: Vec<_> = snapshots.iter().map(|s| (s.consumed, s.ack + s.skip + s.dead_lettered, s.idle)).collect();
        let rests = snapshots.iter().all(|s| s.idle) && snapshots.iter().any(|s| s.lanes_stopped > 0);
        match &seen.still {
            Some((since, before)) if rests && *before == now => {
                if since.elapsed() >= STALLED {
                    return Ok(Some(Finished::Stopped));
                }
            }
            _ => seen.still = Some((Instant::now(), now)),
        }
        Ok(None)
    }

    fn is_done(&self, manifest: &Manifest, marks: &Marks) -> bool {
        let totals = self.totals.lock().expect("no panic while held");
        marks.iter().all(|((topic, partition), (low, end))| {
            let readers = manifest.bindings.iter().filter(|binding| binding.takes(topic));
            let mut each = readers.map(|binding| totals.done(&binding.group, topic, *partition));
            low == end || each.all(|done| done.is_some_and(|done| done >= *end))
        })
    }
}

/// Waits until bindings that begin at the end know where that is: what is fed before would not be theirs.
pub(crate) async fn until_begun(running: &Running) {
    let late = running.manifest.bindings.iter().filter(|binding| binding.start == Start::Latest);
    let late: Vec<_> = late.map(|binding| (&binding.group, &binding.topics)).collect();
    loop {
        let snapshots = running.handle.snapshots();
        let begun = |(group, topics): &(&String, &Vec<String>)| {
            let snapshot = snapshots.iter().find(|snapshot| snapshot.group == **group);
            let knows = |topic: &String| {
                is_pattern(topic)
                    || snapshot.is_some_and(|s| s.partitions.iter().any(|p| p.topic == *topic && p.done.is_some()))
            };
            topics.iter().all(knows)
        };
        if late.iter().all(begun) {
            return;
        }
        tokio::time::sleep(TICK).await;
    }
}
