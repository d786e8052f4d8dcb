//! Takes changes of files into the running application: builds, swaps, restarts; what fails leaves the old as it is.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use veltrix_manifest::Manifest;
use veltrix_wasm::{Sandbox, SandboxConfig};

use crate::monitor::Running;
use crate::session::{Session, builds};
use crate::watch::{Changes, Watch};

/// A module that can't be read may be half written: it is looked at again if it changes within this time.
const SETTLE: Duration = Duration::from_millis(300);

/// What came of a change.
enum Taken {
    /// All that could be done is done.
    Done,
    /// It came to nothing, as files changed again meanwhile.
    Superseded,
}

/// Takes changes until told to stop; gives the session back, whose worker may still run.
pub(crate) async fn run(mut session: Session, watch: Option<Watch>, mut stop: watch::Receiver<bool>) -> Session {
    let Some(watch) = watch else {
        let _ = stop.wait_for(|stop| *stop).await;
        return session;
    };
    let mut changes = Changes::default();
    loop {
        session.follow(&watch);
        tokio::select! {
            more = watch.next() => changes.merge(more),
            _ = stop.wait_for(|stop| *stop) => return session,
        }
        // Before anything is built: what is written from now on is told.
        session.follow(&watch);
        if session.running().is_none() {
            tokio::select! {
                begun = session.begin() => match begun {
                    Ok(()) => session.announce(),
                    Err(error) => session.report().problem(&error.to_string()),
                },
                _ = stop.wait_for(|stop| *stop) => return session,
            }
            changes = Changes::default();
            continue;
        }
        let mut work = Work { session: &mut session, watch: &watch, changes: changes.clone() };
        // What is under way is given up at a stop, but for the exchange of a worker, which ends by itself.
        let prepared = tokio::select! {
            prepared = work.prepare() => prepared,
            _ = stop.wait_for(|stop| *stop) => return session,
        };
        match prepared {
            (Taken::Superseded, _) => continue,
            (Taken::Done, Some(next)) => work.exchange(next).await,
            (Taken::Done, None) => {}
        }
        changes = Changes::default();
    }
}

struct Work<'a> {
    session: &'a mut Session,
    watch: &'a Watch,
    changes: Changes,
}

impl Work<'_> {
    /// Builds what has to be built, and swaps what can be. A manifest if the worker has to be begun anew with it.
    async fn prepare(&mut self) -> (Taken, Option<Manifest>) {
        let Some(Running { manifest: old, handle }) = self.session.running() else { return (Taken::Done, None) };
        let next = match self.next(&old) {
            Ok(next) => next,
            Err(problem) => {
                if self.changes.manifest {
                    self.problem(&format!("{problem}\nthe old version goes on"));
                }
                None
            }
        };
        let mut wanted = self.changes.sources.clone();
        if let Some(next) = &next {
            wanted.extend(rebuilt(&old, next));
        }
        let manifest = next.as_ref().unwrap_or(&old);
        let (mut built, mut failed) = (BTreeSet::new(), false);
        let mut commands: Vec<&str> = Vec::new();
        for (name, command) in builds(manifest) {
            if !wanted.contains(name) {
                continue;
            }
            if !commands.contains(&command) {
                commands.push(command);
                let ended = tokio::select! {
                    ended = self.session.build(&manifest.dir, name, command) => ended,
                    () = self.watch.superseded() => return (Taken::Superseded, None),
                };
                if let Err(problem) = ended {
                    self.problem(&format!("{problem}\nthe old version of {name} goes on"));
                    failed = true;
                    continue;
                }
            }
            built.insert(name.to_owned());
            if next.is_none() {
                self.swap(name, &manifest.functions[name].module, Instant::now()).await;
            }
        }
        if let Some(next) = next {
            if failed {
                self.problem("the manifest is taken once that builds");
                return (Taken::Done, None);
            }
            return match self.usable(&next).await {
                Ok(()) => (Taken::Done, Some(next)),
                Err(problem) => {
                    self.problem(&format!("{problem}\nthe old version goes on"));
                    (Taken::Done, None)
                }
            };
        }
        for name in self.changes.modules.difference(&built).filter(|name| !wanted.contains(*name)) {
            if let Some(function) = old.functions.get(name) {
                self.swap(name, &function.module, Instant::now()).await;
            }
        }
        if self.changes.schema {
            match handle.apply_schema().await {
                Ok(()) => self.say("schema applied: what is there stays as it is"),
                Err(error) => self.problem(&format!("{error}")),
            }
        }
        (Taken::Done, None)
    }

    /// The manifest, if the worker has to be begun anew for it.
    fn next(&self, old: &Manifest) -> Result<Option<Manifest>, crate::DevError> {
        let mut new = self.session.load(false)?;
        self.session.settle(&mut new);
        Ok((new != *old).then_some(new))
    }

    async fn swap(&self, name: &str, module: &Path, since: Instant) {
        let Some(handle) = self.session.handle() else { return };
        loop {
            let stamp = stamp(module);
            match handle.swap(name, module).await {
                Ok(swapped) if swapped.changed => {
                    let groups = handle.snapshots().into_iter().filter(|binding| binding.function == name);
                    // Lanes that the old version has stopped may well go on with the new one.
                    groups.for_each(|binding| {
                        handle.resume_stopped(&binding.group);
                    });
                    let (revision, ms) = (&swapped.revision[..12], since.elapsed().as_millis());
                    return self.say(&format!("swapped {name}: revision {revision} runs, {ms} ms after it was there"));
                }
                Ok(_) => return,
                Err(error) => {
                    let until = Instant::now() + SETTLE;
                    while Instant::now() < until && stamp_is(module, stamp) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    if stamp_is(module, stamp) {
                        return self.problem(&format!("{error}\nthe old version of {name} goes on"));
                    }
                }
            }
        }
    }

    /// Whether the modules of a manifest can be run: found out before anything is stopped for it.
    async fn usable(&self, next: &Manifest) -> Result<(), String> {
        self.session.load(true).map_err(|error| error.to_string())?;
        let config = SandboxConfig { cache_dir: self.session.options.cache.clone(), ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config).map_err(|error| error.to_string())?;
        for (name, function) in &next.functions {
            if next.bindings.iter().any(|binding| binding.function == *name) {
                let path = function.module.display();
                sandbox.load(&function.module).await.map_err(|error| format!("function {name}: {path}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Drains the worker, and begins another in its place; the old one again if that can't be.
    async fn exchange(&mut self, next: Manifest) {
        let old = self.session.running().map(|running| running.manifest);
        self.say("the manifest has changed: draining");
        if let Err(error) = self.session.stop().await {
            self.problem(&error.to_string());
        }
        let Err(error) = self.session.start(next).await else { return self.session.announce() };
        self.problem(&format!("{error}\nthe old version is begun again"));
        if let Some(old) = old
            && let Err(error) = self.session.start((*old).clone()).await
        {
            self.problem(&format!("{error}\nnothing runs until the files are mended"));
        }
    }

    fn say(&self, line: &str) {
        self.session.report().say(line);
    }

    fn problem(&self, text: &str) {
        self.session.report().problem(text);
    }
}

/// Functions that another manifest builds otherwise, or for the first time.
fn rebuilt(old: &Manifest, next: &Manifest) -> Vec<String> {
    let same = |name: &str| match (old.functions.get(name), next.functions.get(name)) {
        (Some(old), Some(new)) => old.build == new.build && old.module == new.module,
        _ => false,
    };
    let bound = |manifest: &Manifest, name: &str| manifest.bindings.iter().any(|binding| binding.function == name);
    next.functions.keys().filter(|name| !same(name) || !bound(old, name)).cloned().collect()
}

/// What tells one content of a file from the next.
fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()?))
}

fn stamp_is(path: &Path, before: Option<(u64, SystemTime)>) -> bool {
    stamp(path) == before
}
