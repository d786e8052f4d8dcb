//! Files that an application is made of: tells what has changed, once the writing has paused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use veltrix_manifest::Manifest;

/// Nothing more has come for so long: whoever writes is done.
const QUIET: Duration = Duration::from_millis(50);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_secs(1);
/// Folders that builds write to, and files that editors write beside what they edit.
const NOT_SOURCES: [&str; 3] = ["target", ".git", ".veltrix"];

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

/// Which file means what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Files {
    manifest: PathBuf,
    schema: Option<PathBuf>,
    modules: Vec<(PathBuf, String)>,
    sources: Vec<(PathBuf, String)>,
}

/// Watches an application's files.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<Files>,
    changes: Mutex<Changes>,
    changed: Notify,
}

impl Watch {
    /// Watches a manifest alone.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn start(manifest: &Path) -> Result<Self, String> {
        let shared = Arc::<Shared>::default();
        let told = shared.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if let Ok(event) = event {
                told.take(&event);
            }
        })
        .map_err(|error| format!("files can't be watched: {error}"))?;
        let mut watch = Self { watcher, watched: BTreeSet::new(), shared };
        watch.set(Files { manifest: real(manifest), ..Files::default() })?;
        Ok(watch)
    }

    /// Watches all that an application is made of; gives what can't be watched.
    pub(crate) fn follow(&mut self, manifest: &Path, application: &Manifest) -> Result<(), String> {
        let mut files = Files { manifest: real(manifest), ..Files::default() };
        files.schema = application.cassandra.as_ref().and_then(|c| c.schema.as_deref()).map(real);
        for binding in &application.bindings {
            let Some(function) = application.functions.get(&binding.function) else { continue };
            files.modules.push((real(&function.module), binding.function.clone()));
            for path in sources(&application.dir, &binding.function, function) {
                files.sources.push((real(&path), binding.function.clone()));
            }
        }
        self.set(files)
    }

    fn set(&mut self, files: Files) -> Result<(), String> {
        let mut wanted = BTreeSet::new();
        // A folder, as most editors put a new file in the place of the old one.
        let single = files.schema.iter().chain(files.modules.iter().map(|(path, _)| path)).chain([&files.manifest]);
        wanted.extend(single.filter_map(|file| file.parent()).map(Path::to_owned));
        wanted.extend(files.sources.iter().map(|(path, _)| path.clone()));
        let recursive: BTreeSet<&PathBuf> = files.sources.iter().map(|(path, _)| path).collect();
        let mut problems = Vec::new();
        for path in wanted.difference(&self.watched) {
            let mode = if recursive.contains(path) { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            // It may not be there yet: a target folder before the first build.
            if path.exists()
                && let Err(error) = self.watcher.watch(path, mode)
            {
                problems.push(format!("{} is not watched: {error}", path.display()));
            }
        }
        for path in self.watched.difference(&wanted) {
            let _ = self.watcher.unwatch(path);
        }
        wanted.retain(|path| path.exists());
        self.watched = wanted;
        *self.shared.files.lock().expect("no panic while held") = files;
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    /// The next changes, all that come together.
    pub(crate) async fn next(&self) -> Changes {
        self.settled(|changes| *changes != Changes::default()).await;
        std::mem::take(&mut *self.shared.changes.lock().expect("no panic while held"))
    }

    /// Ends when a build that is under way is of no use any more.
    pub(crate) async fn superseded(&self) {
        self.settled(Changes::supersedes).await;
    }

    async fn settled(&self, matters: impl Fn(&Changes) -> bool) {
        let matter = || matters(&self.shared.changes.lock().expect("no panic while held"));
        while !matter() {
            self.shared.changed.notified().await;
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && tokio::time::timeout(QUIET, self.shared.changed.notified()).await.is_ok() {}
    }
}

impl Shared {
    fn take(&self, event: &Event) {
        let written = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => false,
            EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => {
                true
            }
        };
        if !written {
            return;
        }
        let files = self.files.lock().expect("no panic while held");
        let mut found = Changes::default();
        for path in &event.paths {
            files.look(path, &mut found);
        }
        if event.need_rescan() {
            // Something was missed: anything may have changed.
            found = Changes { manifest: true, schema: files.schema.is_some(), ..Changes::default() };
            found.sources.extend(files.sources.iter().map(|(_, name)| name.clone()));
            found.modules.extend(files.modules.iter().map(|(_, name)| name.clone()));
        }
        drop(files);
        if found != Changes::default() {
            self.changes.lock().expect("no panic while held").merge(found);
            self.changed.notify_one();
        }
    }
}

impl Files {
    fn look(&self, path: &Path, found: &mut Changes) {
        found.manifest |= path == self.manifest;
        found.schema |= self.schema.as_deref() == Some(path);
        let of = |(_, name): &(PathBuf, String)| name.clone();
        found.modules.extend(self.modules.iter().filter(|(module, _)| module == path).map(of));
        let source = |(folder, _): &&(PathBuf, String)| path.strip_prefix(folder).is_ok_and(is_source);
        found.sources.extend(self.sources.iter().filter(source).map(of));
    }
}

/// Whether a path within a watched folder is one that somebody writes.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = name.starts_with(".#") || name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx");
    !scratch && !path.components().any(|part| NOT_SOURCES.iter().any(|not| part.as_os_str() == *not))
}

/// What a function is built from: as the manifest says, or where Cargo has it.
pub(crate) fn sources(dir: &Path, name: &str, function: &veltrix_manifest::Function) -> Vec<PathBuf> {
    let mut paths = function.watch.clone();
    if paths.is_empty() && function.build.is_some() {
        paths.extend([dir.join(name).join("src"), dir.join("src")].into_iter().find(|path| path.is_dir()));
    }
    let packages = paths.iter().filter(|path| path.ends_with("src")).filter_map(|path| path.parent());
    let manifests: Vec<PathBuf> = packages.map(|package| package.join("Cargo.toml")).filter(|p| p.is_file()).collect();
    paths.extend(manifests);
    paths
}

/// As the system tells of it: without links, and absolute, as far as it is there.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => real(parent).join(name),
        (_, Some(name)) => std::env::current_dir().unwrap_or_default().join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "name = 'n'\n[kafka]\nbrokers = ['b:1']\n[cassandra]\nnodes = ['c:1']\nkeyspace = 'k'\nschema = 's.cql'\n\
        [[binding]]\ntopics = ['t']\nfunction = 'f'\n[function.f]\nmodule = 'out/f.wasm'\nbuild = 'true'\nwatch = ['f/src']\n";

    #[tokio::test]
    async fn tells_what_a_written_file_means_and_nothing_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["out", "f/src/target"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("veltrix.toml"), MANIFEST).unwrap();
        let manifest = veltrix_manifest::parse(MANIFEST, dir.path()).unwrap();
        let mut watch = Watch::start(&at("veltrix.toml")).unwrap();
        watch.follow(&at("veltrix.toml"), &manifest).unwrap();
        let function = || BTreeSet::from(["f".to_owned()]);
        for (name, expected) in [
            ("f/src/lib.rs", Changes { sources: function(), ..Changes::default() }),
            ("out/f.wasm", Changes { modules: function(), ..Changes::default() }),
            ("s.cql", Changes { schema: true, ..Changes::default() }),
            ("veltrix.toml", Changes { manifest: true, ..Changes::default() }),
        ] {
            // Scratch files come first: were they told of, they would be what comes next.
            for other in ["out/other.wasm", "f/src/.lib.rs.swp", "f/src/target/x", "f/note"] {
                std::fs::write(at(other), "x").unwrap();
            }
            let new = at("new");
            std::fs::write(&new, name).unwrap();
            std::fs::rename(&new, at(name)).unwrap();
            let changes = tokio::time::timeout(Duration::from_secs(30), watch.next()).await.expect(name);
            assert_eq!(changes, expected, "{name}");
        }
    }

    #[tokio::test]
    async fn a_module_that_a_build_writes_does_not_supersede_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("out")).unwrap();
        std::fs::create_dir_all(dir.path().join("f/src")).unwrap();
        let file = dir.path().join("veltrix.toml");
        std::fs::write(&file, MANIFEST).unwrap();
        let mut watch = Watch::start(&file).unwrap();
        watch.follow(&file, &veltrix_manifest::parse(MANIFEST, dir.path()).unwrap()).unwrap();
        std::fs::write(dir.path().join("out/f.wasm"), "x").unwrap();
        let short = Duration::from_millis(300);
        assert!(tokio::time::timeout(short, watch.superseded()).await.is_err());
        std::fs::write(dir.path().join("f/src/lib.rs"), "x").unwrap();
        tokio::time::timeout(Duration::from_secs(30), watch.superseded()).await.expect("a source does");
    }
}
