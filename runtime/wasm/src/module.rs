//! A compiled component and what is known of it without running it.

use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::sandbox::Shared;
use crate::state::State;

/// A compiled component, its imports found. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(crate) inner: Arc<ModuleInner>,
}

pub(crate) struct ModuleInner {
    pub(crate) info: ModuleInfo,
    pub(crate) pre: InstancePre<State>,
    pub(crate) handle: ComponentExportIndex,
    pub(crate) shared: Arc<Shared>,
    /// Too large for the pool.
    pub(crate) large: bool,
}

impl Module {
    /// What is known of it.
    pub fn info(&self) -> &ModuleInfo {
        &self.inner.info
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Module").field(&self.inner.info).finish()
    }
}

/// What is known of a module without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleInfo {
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Size of the file, bytes.
    pub size: u64,
    /// Version of `veltrix:function` that it was built for, such as `1.0.0`.
    pub contract: String,
    /// Which world it implements.
    pub world: World,
    /// Full names of its imports.
    pub imports: Vec<String>,
    /// Full names of its exports.
    pub exports: Vec<String>,
    /// It imports the Cassandra interface.
    pub uses_cassandra: bool,
    /// Bytes of memory it starts with.
    pub initial_memory: u64,
}

/// The two worlds of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// `function`: async.
    Async,
    /// `function-sync`, for toolchains without async: one host call at a time.
    Sync,
}
