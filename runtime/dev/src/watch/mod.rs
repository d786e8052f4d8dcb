//! Files that an application is made of: tells what has changed, once the writing has paused.

mod files;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher};
use tokio::sync::Notify;
use tokio::time::Instant;
use veltrix_manifest::Manifest;

use self::files::Files;
use crate::report::Report;

/// Nothing more has come for so long: whoever writes is done.
const QUIET: Duration = Duration::from_millis(50);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) manifest: bool,
    pub(crate) schema: bool,
    /// Functions whose sources have.
    pub(crate) sources: BTreeSet<String>,
    /// Functions whose modules have.
    pub(crate) modules: BTreeSet<String>,
}

impl Changes {
    pub(crate) fn merge(&mut self, more: Self) {
        self.manifest |= more.manifest;
        self.schema |= more.schema;
        self.sources.extend(more.sources);
        self.modules.extend(more.modules);
    }

    /// Whether a build that is under way is of no use any more. A module may well be what it writes.
    fn supersedes(&self) -> bool {
        self.manifest || self.schema || !self.sources.is_empty()
    }
}

/// Watches an application's files.
pub(crate) struct Watch {
    /// The last is what watches. One that it has replaced may still have something to tell.
    watchers: Mutex<Vec<RecommendedWatcher>>,
    shared: Arc<Shared>,
    report: Arc<dyn Report>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<Files>,
    told: Mutex<Told>,
    changed: Notify,
}

/// What the system has told.
#[derive(Default)]
struct Told {
    changes: Changes,
    /// Folders that came or went, so that others have to be watched.
    moved: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches a manifest alone. Who `report`s is told what can't be watched.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn start(manifest: &Path, report: Arc<dyn Report>) -> Result<Self, String> {
        let shared = Arc::<Shared>::default();
        *shared.files.lock().expect("no panic while held") = Files::of(manifest, std::iter::empty());
        let watch = Self { watchers: Mutex::default(), shared, report };
        watch.begin_anew()?;
        Ok(watch)
    }

    /// Watches all that an application is made of, in one or another version of its manifest.
    pub(crate) fn follow<'a>(&self, manifest: &Path, applications: impl Iterator<Item = &'a Manifest>) {
        let files = Files::of(manifest, applications);
        let mut known = self.shared.files.lock().expect("no panic while held");
        if *known != files {
            *known = files;
            drop(known);
            self.tell(self.begin_anew());
        }
    }

    /// Watches what is there now. What was watched before may be gone, or be another folder under its old name.
    fn begin_anew(&self) -> Result<(), String> {
        let files = self.shared.files.lock().expect("no panic while held").clone();
        let mut new = watcher(&self.shared)?;
        let whole = files.watch(&mut new);
        self.watchers.lock().expect("no panic while held").push(new);
        whole
    }

    fn tell(&self, begun: Result<(), String>) {
        if let Err(problem) = begun {
            self.report.problem(&problem);
        }
    }

    /// The next changes, all that come together.
    pub(crate) async fn next(&self) -> Changes {
        self.settled(|changes| *changes != Changes::default()).await;
        std::mem::take(&mut self.shared.told.lock().expect("no panic while held").changes)
    }

    /// Ends when a build that is under way is of no use any more.
    pub(crate) async fn superseded(&self) {
        self.settled(Changes::supersedes).await;
    }

    async fn settled(&self, matters: impl Fn(&Changes) -> bool) {
        loop {
            while !self.sees(|told| matters(&told.changes) || !told.moved.is_empty()) {
                self.shared.changed.notified().await;
            }
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end && tokio::time::timeout(QUIET, self.shared.changed.notified()).await.is_ok() {}
            self.catch_up();
            if self.sees(|told| matters(&told.changes)) {
                return;
            }
        }
    }

    fn sees(&self, matter: impl Fn(&Told) -> bool) -> bool {
        matter(&self.shared.told.lock().expect("no panic while held"))
    }

    /// Watches other folders where some came or went; what they hold may have changed unseen.
    fn catch_up(&self) {
        let mut watchers = self.watchers.lock().expect("no panic while held");
        let replaced = watchers.len().saturating_sub(1);
        watchers.drain(..replaced);
        drop(watchers);
        let moved = std::mem::take(&mut self.shared.told.lock().expect("no panic while held").moved);
        if moved.is_empty() {
            return;
        }
        self.tell(self.begin_anew());
        let files = self.shared.files.lock().expect("no panic while held");
        let mut found = Changes::default();
        moved.iter().for_each(|path| files.beyond(path, &mut found));
        self.shared.told.lock().expect("no panic while held").changes.merge(found);
    }
}

fn watcher(shared: &Arc<Shared>) -> Result<RecommendedWatcher, String> {
    let told = shared.clone();
    notify::recommended_watcher(move |event: notify::Result<Event>| {
        if let Ok(event) = event {
            told.take(&event);
        }
    })
    .map_err(|error| format!("files can't be watched: {error}"))
}

impl Shared {
    fn take(&self, event: &Event) {
        let (written, moved) = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => (true, false),
            EventKind::Access(_) => (false, false),
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => (true, true),
            EventKind::Any | EventKind::Modify(_) | EventKind::Other => (true, false),
        };
        if !written {
            return;
        }
        let files = self.files.lock().expect("no panic while held");
        let mut found = Told::default();
        for path in &event.paths {
            files.look(path, &mut found.changes);
            if moved && files.leads(path) {
                found.moved.insert(path.clone());
            }
        }
        if event.need_rescan() {
            // Something was missed: anything may have changed.
            found.changes = files.all();
            found.moved.insert(PathBuf::from("/"));
        }
        drop(files);
        if found.changes != Changes::default() || !found.moved.is_empty() {
            let mut told = self.told.lock().expect("no panic while held");
            told.changes.merge(found.changes);
            told.moved.extend(found.moved);
            drop(told);
            self.changed.notify_one();
        }
    }
}
