//! A function as its worker runs it: the linked module, what it is granted, and its idle instances.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use veltrix_manifest::Instances;
use veltrix_wasm::{CallError, Instance, Services};

use crate::cassandra::{Access, Statements};

/// An instance that has been idle for so long is dropped.
const IDLE: Duration = Duration::from_secs(30);
/// Most idle instances per function.
const MOST_IDLE: usize = 16;

/// One function of the application.
pub struct Function {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// Digest of the module.
    pub revision: Arc<str>,
    /// Topics that it may emit to.
    pub emits: HashSet<String>,
    /// Limits of one event.
    pub limits: veltrix_wasm::Limits,
    /// Cassandra, as far as it is granted; `None` when the application has none.
    pub cassandra: Option<Access>,
    module: veltrix_wasm::Function,
    reuse: bool,
    idle: Mutex<Vec<Idle>>,
    /// Another has taken its place.
    retired: AtomicBool,
}

struct Idle {
    worker: Instantiated,
    since: Instant,
}

/// An instance, and the statements that it has prepared: their numbers live as long as it does.
pub struct Instantiated {
    /// The instance.
    pub instance: Instance,
    /// What it has prepared.
    pub statements: Arc<Statements>,
}

impl Function {
    /// A function from its linked module.
    pub fn new(
        name: &str,
        module: veltrix_wasm::Function,
        emits: &[String],
        instances: Instances,
        cassandra: Option<Access>,
    ) -> Self {
        Self {
            name: name.into(),
            revision: module.info().sha256.as_str().into(),
            emits: emits.iter().cloned().collect(),
            limits: module.limits(),
            cassandra,
            module,
            reuse: instances == Instances::Reuse,
            idle: Mutex::default(),
            retired: AtomicBool::new(false),
        }
    }

    /// A warm instance if there is one and `fresh` does not ask for another, else a new one.
    ///
    /// # Errors
    /// The instance could not be made.
    pub async fn instance(&self, fresh: bool) -> Result<Instantiated, CallError> {
        if self.reuse && !fresh {
            let idle = self.idle.lock().expect("no panic while held").pop();
            if let Some(idle) = idle {
                return Ok(idle.worker);
            }
        }
        Ok(Instantiated { instance: self.module.instance().await?, statements: Arc::default() })
    }

    /// Takes back an instance after a call that went well.
    pub fn put_back(&self, worker: Instantiated) {
        if self.reuse && worker.instance.reusable() {
            let mut idle = self.idle.lock().expect("no panic while held");
            if idle.len() < MOST_IDLE && !self.retired.load(Ordering::Relaxed) {
                idle.push(Idle { worker, since: Instant::now() });
            }
        }
    }

    /// Nothing new begins with it: idle instances go, and those at work when their call ends.
    fn retire(&self) {
        // Before the list is emptied, or an instance could come back in between.
        let idle = self.idle.lock().expect("no panic while held");
        self.retired.store(true, Ordering::Relaxed);
        drop(idle);
        self.trim(true);
    }

    /// Instances that wait for a call.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.idle.lock().expect("no panic while held").len()
    }

    /// Drops instances that have been idle for long, or all of them when others wait for room.
    pub fn trim(&self, all: bool) {
        let mut idle = self.idle.lock().expect("no panic while held");
        // The list is a stack: the longest idle are at its front.
        let keep = if all { idle.len() } else { idle.iter().take_while(|i| i.since.elapsed() > IDLE).count() };
        let dropped: Vec<Idle> = idle.drain(..keep).collect();
        drop(idle);
        drop(dropped);
    }
}

/// What runs under a name now. Pipelines look when they are told to, not for each event.
pub struct Current(Mutex<Arc<Function>>);

impl Current {
    /// Begins with that function.
    pub fn new(function: Arc<Function>) -> Self {
        Self(Mutex::new(function))
    }

    /// What runs now.
    pub fn get(&self) -> Arc<Function> {
        self.0.lock().expect("no panic while held").clone()
    }

    /// Puts another in its place; what the old one keeps idle goes.
    pub fn replace(&self, function: Arc<Function>) {
        let old = std::mem::replace(&mut *self.0.lock().expect("no panic while held"), function);
        old.retire();
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).field("revision", &self.revision).finish_non_exhaustive()
    }
}

/// Variables and secrets of a function.
#[derive(Debug, Default)]
pub struct Config {
    /// From the manifest.
    pub vars: BTreeMap<String, String>,
    /// From where the manifest says.
    pub secrets: Secrets,
    /// Topics that it may emit to.
    pub emits: Vec<String>,
}

/// Secret values; their `Debug` shows the names alone.
#[derive(Default)]
pub struct Secrets(pub BTreeMap<String, String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Services for Config {
    fn var(&self, name: &str) -> Option<String> {
        match name {
            "*vars" => Some(self.vars.keys().map(String::as_str).collect::<Vec<_>>().join("\n")),
            "*emits" => Some(self.emits.join("\n")),
            _ => self.vars.get(name).cloned(),
        }
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.0.get(name).cloned()
    }
}
