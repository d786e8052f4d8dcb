//! Public shape of the sandbox, being filled in.
#![allow(clippy::unimplemented, unused_variables)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{Call, CallError, LoadError, Services};

/// Settings of a [`Sandbox`].
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The most memory that any function's instance may be granted, bytes. Default 1 GiB.
    pub memory_ceiling: u64,
    /// Where compiled modules are kept (made with mode 0700). None: compile every time.
    pub cache_dir: Option<PathBuf>,
    /// Instances that live at once; further ones wait. Default 256.
    pub max_instances: u32,
    /// For `test` and replay: canonical NaNs and deterministic relaxed SIMD. Default false.
    pub deterministic: bool,
}
impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            memory_ceiling: 1 << 30,
            cache_dir: None,
            max_instances: 256,
            deterministic: false,
        }
    }
}

/// The engines, their ticker thread and the cache of compiled modules. Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct Sandbox {}
impl Sandbox {
    /// Sets up the engines. Fails only when the system refuses address space or threads.
    pub fn new(config: SandboxConfig) -> Result<Self, LoadError> {
        unimplemented!()
    }
    /// Reads, checks and compiles a `.wasm` or `.wat` file; from the cache if it is there. Compiles on a blocking thread.
    pub async fn load(&self, path: &Path) -> Result<Module, LoadError> {
        unimplemented!()
    }
    /// The same for bytes (Wasm or WebAssembly text).
    pub async fn load_bytes(&self, bytes: Vec<u8>) -> Result<Module, LoadError> {
        unimplemented!()
    }
    /// A module with its limits and services, linked: every check that can be made before the first call is made here.
    pub fn function(
        &self,
        module: &Module,
        limits: Limits,
        services: Arc<dyn Services>,
    ) -> Result<Function, LoadError> {
        unimplemented!()
    }
    /// Tasks that wait for a free instance: when above 0, drop idle instances.
    pub fn waiting(&self) -> usize {
        unimplemented!()
    }
}

/// A compiled component. Cheap to clone.
#[derive(Clone)]
pub struct Module {}
impl Module {
    /// What is known of it.
    pub fn info(&self) -> &ModuleInfo {
        unimplemented!()
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
    /// `function-sync`: one host call at a time.
    Sync,
}

/// Limits of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory per instance.
    pub memory: u64,
    /// Execution (not waiting) per event. A call has this times its events.
    pub cpu: Duration,
    /// Wall clock per event. Only making an instance uses it; a call's is in [`Budget::wall`].
    pub deadline: Duration,
}

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Events in the batch: multiplies [`Limits::cpu`] (at least 1) and the log allowance.
    pub events: u32,
    /// Isolate mode: `mark` is heeded.
    pub isolate: bool,
    /// Hard limit on the call's wall clock; at its end the instance is dropped.
    pub wall: Duration,
}

/// A module with limits and services, ready to make instances. Cheap to clone.
#[derive(Clone)]
pub struct Function {}
impl Function {
    /// Makes an instance; waits while `max_instances` are alive. Errors have kind Instantiate (or Memory).
    pub async fn instance(&self) -> Result<Instance, CallError> {
        unimplemented!()
    }
    /// What is known of its module.
    pub fn info(&self) -> &ModuleInfo {
        unimplemented!()
    }
}

/// One instance: memory of its own, one call at a time.
pub struct Instance {}
impl Instance {
    /// Hands a batch frame to the guest and gives back its outcome frame (neither is looked into here). Must be polled
    /// on a Tokio runtime meant for guests: it executes them. Dropping the future ends the instance. After any error
    /// the instance is dead.
    pub async fn call(
        &mut self,
        batch: Vec<u8>,
        budget: Budget,
        call: Arc<dyn Call>,
    ) -> Result<Vec<u8>, CallError> {
        unimplemented!()
    }
    /// Whether it may take another call: no error so far, no host call left open, below half its memory, 10,000 calls
    /// and 10 minutes.
    pub fn reusable(&self) -> bool {
        unimplemented!()
    }
    /// Bytes of its linear memories.
    pub fn memory(&self) -> u64 {
        unimplemented!()
    }
}
