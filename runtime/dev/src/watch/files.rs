//! Which file means what, and which folders tell of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use veltrix_manifest::{Function, Manifest};

use super::Changes;

/// Folders that builds and tools write to.
const NOT_SOURCES: [&str; 3] = ["target", ".git", ".veltrix"];

/// The files of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    manifest: PathBuf,
    schemas: BTreeSet<PathBuf>,
    modules: BTreeSet<(PathBuf, String)>,
    /// Files and folders, each with the function that is built from it.
    sources: BTreeSet<(PathBuf, String)>,
}

impl Files {
    /// Of a manifest, and of what it has said and says.
    pub(super) fn of<'a>(manifest: &Path, applications: impl Iterator<Item = &'a Manifest>) -> Self {
        let mut files = Self { manifest: real(manifest), ..Self::default() };
        for application in applications {
            files.schemas.extend(application.cassandra.as_ref().and_then(|c| c.schema.as_deref()).map(real));
            for binding in &application.bindings {
                let Some(function) = application.functions.get(&binding.function) else { continue };
                files.modules.insert((real(&function.module), binding.function.clone()));
                let paths = sources(&application.dir, &binding.function, function);
                files.sources.extend(paths.iter().map(|path| (real(path), binding.function.clone())));
            }
        }
        files
    }

    /// What it means that something happened to a path.
    pub(super) fn look(&self, path: &Path, found: &mut Changes) {
        let is_module = |(module, _): &&(PathBuf, String)| module == path;
        found.manifest |= path == self.manifest;
        found.schema |= self.schemas.contains(path);
        found.modules.extend(self.modules.iter().filter(is_module).map(name));
        // They may lie among the sources, and a build that writes one must not lead to the next.
        if path != self.manifest && !self.modules.iter().any(|module| is_module(&module)) {
            let source = |(folder, _): &&(PathBuf, String)| path.strip_prefix(folder).is_ok_and(is_source);
            found.sources.extend(self.sources.iter().filter(source).map(name));
        }
    }

    /// Whether folders have to be watched otherwise after a path came or went: one that leads to a file, or one of sources.
    pub(super) fn leads(&self, path: &Path) -> bool {
        let above = |file: &Path| file.starts_with(path) && file != path;
        self.singles().any(above)
            || self.sources.iter().any(|(source, _)| {
                (source.starts_with(path) && !path.is_file())
                    || (path.strip_prefix(source).is_ok_and(is_source) && path.is_dir())
            })
    }

    /// What is there now, or is not, beyond a path that came or went.
    pub(super) fn beyond(&self, path: &Path, found: &mut Changes) {
        let there = |file: &Path| file.starts_with(path) && file != path && file.exists();
        found.manifest |= there(&self.manifest);
        found.schema |= self.schemas.iter().any(|schema| there(schema));
        found.modules.extend(self.modules.iter().filter(|(module, _)| there(module)).map(name));
        found.sources.extend(self.sources.iter().filter(|(source, _)| source.starts_with(path)).map(name));
    }

    /// As if everything had changed.
    pub(super) fn all(&self) -> Changes {
        Changes {
            manifest: true,
            schema: !self.schemas.is_empty(),
            sources: self.sources.iter().map(name).collect(),
            modules: self.modules.iter().map(name).collect(),
        }
    }

    /// Has all folders watched that tell of these files; gives what can't be watched.
    ///
    /// Folders, as most editors put a new file in the place of the old one; and those above, up to the manifest's or the
    /// one that they share with it, as a folder may be replaced as well.
    pub(super) fn watch(&self, watcher: &mut RecommendedWatcher) -> Result<(), String> {
        let mut tree = Tree { watcher, seen: HashSet::new(), problems: Vec::new() };
        let dir = self.manifest.parent().unwrap_or(Path::new("/"));
        let mut folders: BTreeMap<&Path, bool> = BTreeMap::new();
        for file in self.singles().chain(self.sources.iter().map(|(source, _)| source.as_path())) {
            for (steps, folder) in file.ancestors().enumerate().filter(|(_, folder)| folder.is_dir()) {
                *folders.entry(folder).or_default() |= steps < 2;
                if dir.starts_with(folder) {
                    break;
                }
            }
        }
        for (folder, needed) in folders {
            tree.one(folder, needed);
        }
        tree.seen.clear();
        for (source, _) in self.sources.iter().filter(|(source, _)| source.is_dir()) {
            tree.all(source);
        }
        match &tree.problems[..] {
            [] => Ok(()),
            [only] => Err(only.clone()),
            [first, rest @ ..] => Err(format!("{first}, nor are {} other folders", rest.len())),
        }
    }

    /// Files that are watched one by one.
    fn singles(&self) -> impl Iterator<Item = &Path> {
        let modules = self.modules.iter().map(|(module, _)| module.as_path());
        std::iter::once(self.manifest.as_path()).chain(self.schemas.iter().map(PathBuf::as_path)).chain(modules)
    }
}

fn name((_, name): &(PathBuf, String)) -> String {
    name.clone()
}

/// Folders on their way to be watched, one by one: what builds write to is left out, however much there is in it.
struct Tree<'a> {
    watcher: &'a mut RecommendedWatcher,
    /// By device and inode, as links may lead in circles.
    seen: HashSet<(u64, u64)>,
    problems: Vec<String>,
}

impl Tree<'_> {
    fn one(&mut self, folder: &Path, needed: bool) {
        if let Err(error) = self.watcher.watch(folder, RecursiveMode::NonRecursive)
            // It may have gone meanwhile, which the folder above it tells.
            && needed
            && folder.is_dir()
        {
            self.problems.push(format!("{} is not watched: {error}", folder.display()));
        }
    }

    fn all(&mut self, folder: &Path) {
        let Ok(about) = folder.metadata() else { return };
        if !about.is_dir() || !self.seen.insert((about.dev(), about.ino())) {
            return;
        }
        // Watched before it is read: what comes into it meanwhile is either read or told.
        self.one(folder, true);
        let Ok(entries) = folder.read_dir() else { return };
        for entry in entries.flatten().filter(|entry| is_source(Path::new(&entry.file_name()))) {
            self.all(&entry.path());
        }
    }
}

/// Whether a path within a watched folder is one that somebody writes.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = name.starts_with(".#") || name.ends_with('~') || name.ends_with(".swp") || name.ends_with(".swx");
    !scratch && !path.components().any(|part| NOT_SOURCES.iter().any(|not| part.as_os_str() == *not))
}

/// What a function is built from: as the manifest says, or where Cargo has it.
fn sources(dir: &Path, name: &str, function: &Function) -> Vec<PathBuf> {
    let mut paths = function.watch.clone();
    if paths.is_empty() && function.build.is_some() {
        let usual = [dir.join(name).join("src"), dir.join("src")];
        let there = usual.iter().find(|path| path.is_dir()).cloned();
        // None may be there for now: another state of the sources is being checked out.
        paths.extend(there.map_or_else(|| usual.to_vec(), |path| vec![path]));
    }
    let packages = paths.iter().filter(|path| path.ends_with("src")).filter_map(|path| path.parent());
    let manifests: Vec<PathBuf> = packages.map(|package| package.join("Cargo.toml")).collect();
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
