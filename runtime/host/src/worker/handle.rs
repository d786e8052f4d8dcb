//! A hand on a running worker: looks, and orders that hold for this process alone.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use veltrix_manifest::Manifest;

use super::status::{BindingState, WorkerStatus};
use super::{Functions, Loader, RunError, Snapshot};
use crate::admin::{Readiness, Status};
use crate::control::{Desk, Seek};

/// Looks at a worker and gives it orders; cheap to clone. Once the worker has stopped, looks show its last state and orders
/// do nothing.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    admin: SocketAddr,
    status: Arc<WorkerStatus>,
    manifest: Manifest,
    functions: Functions,
    loader: Loader,
    desk: Desk,
}

/// What came of [`Handle::swap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// SHA-256 of the module that is there now.
    pub revision: Arc<str>,
    /// Whether it is another than before.
    pub changed: bool,
}

impl Handle {
    pub(super) fn new(
        admin: SocketAddr,
        status: Arc<WorkerStatus>,
        manifest: Manifest,
        functions: Functions,
        loader: Loader,
        desk: Desk,
    ) -> Self {
        Self(Arc::new(Inner { admin, status, manifest, functions, loader, desk }))
    }

    /// Where the admin interface is.
    pub fn admin(&self) -> SocketAddr {
        self.0.admin
    }

    /// What `/readyz` tells.
    pub fn readiness(&self) -> Readiness {
        self.0.status.readiness()
    }

    /// A snapshot of each binding, in the order of the manifest. Counters are as of now; what belongs to partitions is as
    /// of the last second, or of the last [`refresh`](Self::refresh).
    pub fn snapshots(&self) -> Vec<Snapshot> {
        self.0.status.bindings.iter().map(|binding| binding.snapshot()).collect()
    }

    /// Asks every binding to bring its snapshot up to date, which takes it a few milliseconds.
    pub fn refresh(&self) {
        for binding in &self.0.status.bindings {
            self.0.desk.order(&binding.group, |local| local.looks += 1);
        }
    }

    /// Loads a module and puts it in the place of a function's: what begins from now on runs in it, calls under way end in
    /// the old one. If the module can't be used the old one stays. Grants, limits and variables stay those of the manifest.
    ///
    /// # Errors
    /// There is no such function, or the module can't be used.
    pub async fn swap(&self, function: &str, module: &Path) -> Result<Swapped, RunError> {
        let inner = &*self.0;
        let (Some(current), Some(settings)) = (inner.functions.get(function), inner.manifest.functions.get(function))
        else {
            return Err(RunError::Configuration(format!("no binding has a function {function}")));
        };
        let loaded = inner.loader.one(function, settings, module).await?;
        let revision = loaded.revision.clone();
        if current.get().revision == revision {
            return Ok(Swapped { revision, changed: false });
        }
        current.replace(loaded);
        for binding in inner.status.bindings.iter().filter(|binding| binding.function == function) {
            inner.desk.order(&binding.group, |local| local.looks += 1);
        }
        Ok(Swapped { revision, changed: true })
    }

    /// Applies the manifest's schema once more: what is absent is created. Nothing without a Cassandra.
    ///
    /// # Errors
    /// It can't be read, or is refused.
    pub async fn apply_schema(&self) -> Result<(), RunError> {
        if let (Some(cassandra), Some(settings)) = (self.0.loader.cassandra(), &self.0.manifest.cassandra) {
            crate::schema::apply(cassandra, settings).await?;
        }
        Ok(())
    }

    /// Runs a file of CQL statements, in the application's keyspace unless they name another. Nothing without a Cassandra.
    ///
    /// # Errors
    /// It can't be read, or is refused.
    pub async fn apply(&self, statements: &Path) -> Result<(), RunError> {
        if let (Some(cassandra), Some(settings)) = (self.0.loader.cassandra(), &self.0.manifest.cassandra) {
            let settings = veltrix_manifest::Cassandra { schema: Some(statements.to_owned()), ..settings.clone() };
            crate::schema::apply(cassandra, &settings).await?;
        }
        Ok(())
    }

    /// Pauses a binding: open calls end and are committed, nothing begins, nothing is fetched. False: there is none of that
    /// group.
    pub fn pause(&self, group: &str) -> bool {
        self.order(group, |local| local.paused = true)
    }

    /// Lets a binding go on that [`pause`](Self::pause) has paused, and with it lanes that have stopped by now. What
    /// operators have paused in all workers stays paused.
    pub fn resume(&self, group: &str) -> bool {
        self.order(group, |local| {
            local.paused = false;
            local.resumed_at = Some(now());
        })
    }

    /// Lets lanes go on that have stopped by now, of a binding that may stay paused.
    pub fn resume_stopped(&self, group: &str) -> bool {
        self.order(group, |local| local.resumed_at = Some(now()))
    }

    /// Has a binding handle one event again; those after it that are done stay done. Waits until Kafka has the order, so it is
    /// not for async threads.
    ///
    /// # Errors
    /// Kafka does not take the order in time.
    pub fn replay(&self, group: &str, topic: &str, partition: i32, offset: i64) -> Result<(), String> {
        let id = format!("{:x}", now());
        self.0.desk.seek(group, Seek { id, topic: topic.to_owned(), partition, offset, until: Some(offset + 1) })
    }

    /// Holds a binding back, or no longer: nothing begins, and it goes on fetching within its bounds. Says nothing of it.
    pub fn hold(&self, group: &str, held: bool) -> bool {
        self.order(group, |local| local.held = held)
    }

    /// What calls of a function begin with.
    #[cfg(test)]
    pub(super) fn running(&self, function: &str) -> Arc<crate::function::Function> {
        self.0.functions[function].get()
    }

    fn order(&self, group: &str, change: impl FnOnce(&mut crate::control::Local)) -> bool {
        let known = self.find(group).is_some();
        if known {
            self.0.desk.order(group, change);
        }
        known
    }

    fn find(&self, group: &str) -> Option<&Arc<BindingState>> {
        self.0.status.bindings.iter().find(|binding| binding.group == group)
    }
}

/// Milliseconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
