//! A function as its worker runs it: the linked module, what it is granted, and its idle instances.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use veltrix_manifest::Instances;
use veltrix_wasm::{CallError, Services};

use crate::cassandra::Access;
use crate::warm::{Instantiated, Kept, Warm};

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
    warm: Arc<Kept>,
    reuse: bool,
}

impl Function {
    /// A function from its linked module, whose idle instances are `warm`.
    pub fn new(
        name: &str,
        (module, warm): (veltrix_wasm::Function, &Arc<Warm>),
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
            warm: warm.keep(module),
            reuse: instances == Instances::Reuse,
        }
    }

    /// A warm instance if there is one and `fresh` does not ask for another, else a new one.
    ///
    /// # Errors
    /// The instance could not be made.
    pub async fn instance(&self, fresh: bool) -> Result<Instantiated, CallError> {
        self.warm.instance(fresh || !self.reuse).await
    }

    /// Takes back an instance after a call that went well.
    pub fn put_back(&self, worker: Instantiated) {
        if self.reuse {
            self.warm.put_back(worker);
        }
    }

    /// Nothing new begins with it: idle instances go, and those at work when their call ends.
    fn retire(&self) {
        self.warm.retire();
    }

    /// Instances that wait for a call.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.warm.len()
    }

    /// Drops instances that have been idle for long.
    pub fn trim(&self) {
        self.warm.trim();
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
