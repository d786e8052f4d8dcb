//! From a manifest's functions to loaded ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tracing::info;
use veltrix_manifest::{Manifest, Secret};
use veltrix_wasm::{Limits, Sandbox, SandboxConfig};

use super::RunError;
use crate::cassandra::{Access, Cassandra};
use crate::function::{Config, Function, Secrets};
use crate::metrics::Metrics;
use crate::warm::Warm;

/// Loads functions, all into one sandbox.
pub(crate) struct Loader {
    sandbox: Sandbox,
    cassandra: Option<Arc<Cassandra>>,
    warm: Arc<Warm>,
}

impl Loader {
    /// `cache`: where compiled modules are kept.
    ///
    /// # Errors
    /// The system refuses address space or threads.
    pub(crate) fn new(
        cache: Option<PathBuf>,
        cassandra: Option<Arc<Cassandra>>,
        metrics: &Metrics,
    ) -> Result<Self, RunError> {
        let sandbox = Sandbox::new(SandboxConfig { cache_dir: cache, ..SandboxConfig::default() })
            .map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(Self { sandbox, cassandra, warm: Arc::new(Warm::new(metrics.evicted())) })
    }

    /// What functions may be granted tables of.
    pub(crate) fn cassandra(&self) -> Option<&Arc<Cassandra>> {
        self.cassandra.as_ref()
    }

    /// Every function that is bound.
    ///
    /// # Errors
    /// All that can't be used.
    pub(crate) async fn all(&self, manifest: &Manifest) -> Result<BTreeMap<String, Arc<Function>>, RunError> {
        let (mut functions, mut errors) = (BTreeMap::new(), Vec::new());
        for (name, function) in &manifest.functions {
            if manifest.bindings.iter().any(|b| b.function == *name) {
                match self.one(name, function, &function.module).await {
                    Ok(loaded) => _ = functions.insert(name.clone(), loaded),
                    Err(error) => errors.push(error),
                }
            }
        }
        match errors.len() {
            0 => Ok(functions),
            1 => Err(errors.remove(0)),
            _ => Err(RunError::Functions(errors)),
        }
    }

    /// One function, from a module that may be another than the manifest's.
    ///
    /// # Errors
    /// The module can't be used, or a secret is not there.
    pub(crate) async fn one(
        &self,
        name: &str,
        function: &veltrix_manifest::Function,
        path: &Path,
    ) -> Result<Arc<Function>, RunError> {
        let failed =
            |error| RunError::Module { function: name.to_owned(), path: path.to_owned(), error: Box::new(error) };
        let started = Instant::now();
        let module = self.sandbox.load(path).await.map_err(failed)?;
        let limits =
            Limits { memory: function.limits.memory, cpu: function.limits.cpu, deadline: function.limits.deadline };
        let config = Config {
            vars: function.vars.clone(),
            secrets: secrets(name, &function.secrets)?,
            emits: function.emits.clone(),
        };
        let linked = self.sandbox.function(&module, limits, Arc::new(config)).map_err(failed)?;
        let access = self.cassandra.as_ref().map(|cassandra| {
            Access::new(cassandra.clone(), function.cassandra.clone()).named(name).within(function.limits.deadline)
        });
        info!(function = name, module = %path.display(), revision = module.info().sha256, ms = started.elapsed().as_millis() as u64, "loaded");
        Ok(Arc::new(Function::new(name, (linked, &self.warm), &function.emits, function.instances, access)))
    }
}

fn secrets(function: &str, wanted: &BTreeMap<String, Secret>) -> Result<Secrets, RunError> {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for (name, secret) in wanted {
        match value(secret) {
            Ok(value) => _ = found.insert(name.clone(), value),
            Err(why) => missing.push(format!("function {function}: secret {name}: {why}")),
        }
    }
    if missing.is_empty() { Ok(Secrets(found)) } else { Err(RunError::Configuration(missing.join("\n"))) }
}

/// Reads a secret from where the manifest says it is.
///
/// # Errors
/// Why it can't be had.
pub fn value(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::Env(variable) => {
            std::env::var(variable).map_err(|_| format!("the environment variable {variable} is not set, or not UTF-8"))
        }
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("{}: {error}", path.display())),
    }
}
