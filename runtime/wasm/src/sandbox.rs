//! Loading: from a file to a linked function, with every check that can be made before the first call.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::contract::{self, CONTRACT};
use crate::engine::Pool;
use crate::error::LoadError;
use crate::exchange::Gathering;
use crate::function::{Function, Limits};
use crate::module::{Module, ModuleInfo, ModuleInner};
use crate::services::Services;
use crate::ticker::Ticker;

/// The largest module that is accepted, bytes.
const MAX_MODULE: u64 = 128 << 20;
/// Bytes of a page of linear memory.
const PAGE: u64 = 64 << 10;

/// Settings of a [`Sandbox`].
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The most memory that any function's instance may be granted, bytes, at most 4 GiB. Default 1 GiB.
    pub memory_ceiling: u64,
    /// Where compiled modules are kept (made with mode 0700). None: compile every time. Default none.
    pub cache_dir: Option<PathBuf>,
    /// Instances that live at once; further ones wait. Default 256. Large modules have an eighth of this of their own.
    pub max_instances: u32,
    /// Modules of this size and more, bytes, are not pooled: their tables and images would not fit. Default 10 MiB.
    pub large_module: u64,
    /// For `test` and replay: canonical NaNs and deterministic relaxed SIMD. Default false.
    pub deterministic: bool,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            memory_ceiling: 1 << 30,
            cache_dir: None,
            max_instances: 256,
            large_module: 10 << 20,
            deterministic: false,
        }
    }
}

/// The engines, the thread that interrupts guests, and the cache of compiled modules. Cheap to clone; one per process
/// is enough. What it made keeps it alive.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    config: SandboxConfig,
    pool: Pool,
    on_demand: Pool,
    cache: Option<Cache>,
    /// One compilation at a time: each uses all cores, and memory in proportion to its module.
    compiling: Mutex<()>,
    pub(crate) gathering: Arc<Gathering>,
    pub(crate) ticker: Ticker,
}

impl Shared {
    pub(crate) fn pool(&self, large: bool) -> &Pool {
        if large { &self.on_demand } else { &self.pool }
    }
}

impl Sandbox {
    /// Sets up the engines. A cache directory that cannot be trusted is reported in the log and not used.
    ///
    /// # Errors
    /// [`LoadError::Engine`] when the system refuses address space or a thread.
    pub fn new(config: SandboxConfig) -> Result<Self, LoadError> {
        let pool = Pool::pooling(&config)?;
        let on_demand = Pool::on_demand(&config)?;
        let engines = [pool.engine.clone(), on_demand.engine.clone()];
        let gathering = Arc::<Gathering>::default();
        let gathered = Arc::clone(&gathering);
        let ticker = Ticker::start(move || {
            engines.iter().for_each(Engine::increment_epoch);
            gathered.end();
        })?;
        let cache = config.cache_dir.as_deref().and_then(Cache::open);
        let compiling = Mutex::new(());
        let shared = Shared { config, pool, on_demand, cache, compiling, gathering, ticker };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Reads, checks and compiles a `.wasm` or `.wat` file, or finds it in the cache. Works on a blocking thread.
    ///
    /// # Errors
    /// What is wrong with the module and what to do about it.
    pub async fn load(&self, path: &Path) -> Result<Module, LoadError> {
        let path = path.to_owned();
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let read = |source| LoadError::Read { path: path.clone(), source };
            let size = std::fs::metadata(&path).map_err(read)?.len();
            check_size(size)?;
            let bytes = std::fs::read(&path).map_err(read)?;
            load(&shared, &bytes)
        })
        .await
    }

    /// The same for bytes: Wasm or WebAssembly text.
    ///
    /// # Errors
    /// What is wrong with the module and what to do about it.
    pub async fn load_bytes(&self, bytes: Vec<u8>) -> Result<Module, LoadError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || load(&shared, &bytes)).await
    }

    /// A module with its limits and services.
    ///
    /// # Errors
    /// [`LoadError::Ceiling`] and [`LoadError::Memory`] when its memory limit is too high or too low.
    pub fn function(
        &self,
        module: &Module,
        limits: Limits,
        services: Arc<dyn Services>,
    ) -> Result<Function, LoadError> {
        let ceiling = self.shared.config.memory_ceiling;
        if limits.memory > ceiling {
            return Err(LoadError::Ceiling { limit: limits.memory, ceiling });
        }
        let needs = module.info().initial_memory;
        if needs > limits.memory {
            return Err(LoadError::Memory { needs, limit: limits.memory });
        }
        Ok(Function::new(module.clone(), limits, services))
    }

    /// Tasks that wait for an instance.
    pub fn waiting(&self) -> usize {
        self.shared.pool.waiting() + self.shared.on_demand.waiting()
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sandbox").field(&self.shared.config).finish()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(LoadError::Engine { doing: "compile the module", message: error.to_string() }),
    }
}

fn check_size(size: u64) -> Result<(), LoadError> {
    if size > MAX_MODULE { Err(LoadError::TooLarge { size, limit: MAX_MODULE }) } else { Ok(()) }
}

fn load(shared: &Arc<Shared>, file: &[u8]) -> Result<Module, LoadError> {
    let size = file.len() as u64;
    check_size(size)?;
    let sha256: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    let wasm = component_bytes(file)?;
    let large = size >= shared.config.large_module;
    let pool = shared.pool(large);
    let component = compile(shared, pool, &sha256, &wasm)?;

    let ty = component.component_type();
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let imports = names(ty.imports(&pool.engine).map(|(name, _)| name).collect());
    let exports = names(ty.exports(&pool.engine).map(|(name, _)| name).collect());
    contract::check_versions(exports.iter().chain(&imports).map(String::as_str))?;
    let contract = contract::handler(&component, &exports)?;
    let pre = pool.linker.instantiate_pre(&component).map_err(|error| import_error(&error, &imports))?;
    let pages = component.resources_required().and_then(|needs| needs.max_initial_memory_size);
    let uses_cassandra = imports
        .iter()
        .filter_map(|name| contract::interface(name))
        .any(|(interface, _)| matches!(interface, "cassandra" | "cassandra-sync"));
    let info = ModuleInfo {
        sha256,
        size,
        contract: contract.version,
        world: contract.world,
        imports,
        exports,
        uses_cassandra,
        initial_memory: pages.unwrap_or(0).saturating_mul(PAGE),
    };
    let inner = ModuleInner { info, pre, handle: contract.handle, shared: Arc::clone(shared), large };
    Ok(Module { inner: Arc::new(inner) })
}

/// The binary component in a file's bytes; text is translated.
fn component_bytes(file: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>, LoadError> {
    const MAGIC: &[u8] = b"\0asm";
    const CORE: &[u8] = &[1, 0, 0, 0];
    let wasm = if file.starts_with(MAGIC) {
        file.into()
    } else if Engine::detect_precompiled(file).is_some() {
        return Err(LoadError::Precompiled);
    } else {
        match std::str::from_utf8(file).map(str::trim_start) {
            Ok(text) if text.starts_with('(') || text.starts_with(";;") => {
                wat::parse_bytes(file).map_err(|error| LoadError::Invalid { message: error.to_string() })?
            }
            _ => return Err(LoadError::NotWasm { begins: begins(file) }),
        }
    };
    if wasm.get(4..8) == Some(CORE) {
        return Err(LoadError::CoreModule);
    }
    Ok(wasm)
}

fn begins(file: &[u8]) -> String {
    match file {
        [] => "nothing: it is empty".into(),
        file => format!("\"{}\"", file[..file.len().min(8)].escape_ascii()),
    }
}

fn compile(shared: &Shared, pool: &Pool, sha256: &str, wasm: &[u8]) -> Result<Component, LoadError> {
    let invalid = |error: wasmtime::Error| LoadError::Invalid { message: format!("{error:#}") };
    let Some(cache) = &shared.cache else {
        let _one = shared.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        return Component::from_binary(&pool.engine, wasm).map_err(invalid);
    };
    let key = cache.key(sha256, pool.compatibility);
    if let Some(component) = cache.get(&key, &pool.engine) {
        return Ok(component);
    }
    let _one = shared.compiling.lock().unwrap_or_else(PoisonError::into_inner);
    let component = Component::from_binary(&pool.engine, wasm).map_err(invalid)?;
    match component.serialize() {
        Ok(compiled) => cache.put(&key, &compiled),
        Err(error) => tracing::warn!("compiled module is not cached: {error:#}"),
    }
    Ok(component)
}

/// Which import it was that could not be linked. The engine says it in words only: the import, then what within it.
fn import_error(error: &wasmtime::Error, imports: &[String]) -> LoadError {
    let summary = error.to_string();
    let Some(import) = imports.iter().find(|name| summary.contains(&format!("`{name}`"))).cloned() else {
        return LoadError::Invalid { message: format!("{error:#}") };
    };
    let within: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    // An interface that is not there is said as the first of its functions that is not there.
    if within.last().is_none_or(|cause| cause.ends_with("implementation is missing")) {
        let item = within.iter().rev().nth(1).and_then(|place| place.split('`').nth(1)).map(str::to_owned);
        return LoadError::UnknownImport { import, item: item.unwrap_or_else(|| "all of it".into()), ours: CONTRACT };
    }
    LoadError::ImportMismatch { import, message: within.join(": ") }
}
