//! The engines: one that pools instances, and one on demand for large modules.

use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::error::LoadError;
use crate::sandbox::SandboxConfig;
use crate::state::{MAX_TABLE_ELEMENTS, State};

/// Stack of a guest, bytes; deeper recursion traps.
const GUEST_STACK: usize = 512 << 10;
/// Stack of the guest and of the host functions that it calls, bytes.
const FIBER_STACK: usize = 1 << 20;
/// Per instance of a component: its module, and what adapts its imports.
const CORE_INSTANCES: u32 = 4;
const TABLES: u32 = 2;
/// A call runs on one stack; a guest that blocks in a host call while others of its tasks go on holds another.
const STACKS: u32 = 2;
/// Slots that keep the image of the module they last had.
const WARM_SLOTS: u32 = 16;
/// Bytes of a slot that are cleared rather than given back to the system.
const KEEP_RESIDENT: usize = 512 << 10;
/// On-demand instances are large; this many fewer of them are alive at once.
const ON_DEMAND_SHARE: u32 = 8;

/// Between attempts to make an instance of which some part found no place.
const PAUSE: Duration = Duration::from_millis(10);

/// An engine with all imports linked, and the right to have so many instances alive.
pub(crate) struct Pool {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    /// Tells compiled code of this engine from that of any other version, setting or CPU.
    pub(crate) compatibility: u64,
    slots: Arc<Semaphore>,
    usage: Arc<Usage>,
    waiting: AtomicUsize,
}

/// The right to have one instance. Outlives the instance's store, whose resources it stands for.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    pool: Arc<Usage>,
    /// There is an instance.
    alive: bool,
}

/// What slots tell their pool.
#[derive(Default)]
struct Usage {
    alive: AtomicUsize,
    /// An instance ended.
    ended: Notify,
}

impl Slot {
    /// An instance was made.
    pub(crate) fn filled(mut self) -> Self {
        self.alive = true;
        self.pool.alive.fetch_add(1, Ordering::Relaxed);
        self
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.alive {
            self.pool.alive.fetch_sub(1, Ordering::Relaxed);
            self.pool.ended.notify_waiters();
        }
    }
}

impl Pool {
    /// Instances with memory, tables and stacks set aside.
    pub(crate) fn pooling(config: &SandboxConfig) -> Result<Self, LoadError> {
        let instances = config.max_instances.max(1);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances)
            .total_core_instances(instances.saturating_mul(CORE_INSTANCES).max(64))
            .total_memories(instances)
            .total_tables(instances.saturating_mul(TABLES).max(16))
            .total_stacks(instances.saturating_mul(STACKS))
            .max_memory_size(usize::try_from(config.memory_ceiling).unwrap_or(usize::MAX).min(4 << 30))
            .max_tables_per_module(TABLES)
            .table_elements(MAX_TABLE_ELEMENTS)
            .max_unused_warm_slots(WARM_SLOTS)
            .linear_memory_keep_resident(KEEP_RESIDENT)
            .table_keep_resident(64 << 10)
            .async_stack_keep_resident(64 << 10);
        let strategy = InstanceAllocationStrategy::Pooling(pool);
        Self::new(config, strategy, instances)
    }

    /// Instances whose memory is mapped when they are made.
    pub(crate) fn on_demand(config: &SandboxConfig) -> Result<Self, LoadError> {
        let instances = config.max_instances.div_ceil(ON_DEMAND_SHARE).max(1);
        Self::new(config, InstanceAllocationStrategy::OnDemand, instances)
    }

    fn new(config: &SandboxConfig, strategy: InstanceAllocationStrategy, instances: u32) -> Result<Self, LoadError> {
        let failed = |error: wasmtime::Error| LoadError::Engine {
            doing: "set up the WebAssembly engine",
            message: format!("{error:#}"),
        };
        let engine = Engine::new(&engine_config(config, strategy)).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(failed)?;
        crate::imports::link(&mut linker).map_err(failed)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            compatibility: hasher.finish(),
            engine,
            linker,
            slots: Arc::new(Semaphore::new(instances as usize)),
            usage: Arc::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Waits for a slot, first come, first served; where there is none, `make_room` is told.
    pub(crate) async fn slot(&self, make_room: impl Fn()) -> Slot {
        let mut acquire = pin!(Arc::clone(&self.slots).acquire_owned());
        let permit = match poll_fn(|context| Poll::Ready(acquire.as_mut().poll(context))).await {
            Poll::Ready(permit) => permit,
            Poll::Pending => {
                // In the queue already: nobody else gets what is given up for this.
                let _waiting = Waiting::new(&self.waiting);
                make_room();
                acquire.await
            }
        };
        let permit = permit.unwrap_or_else(|_closed| unreachable!("the semaphore is never closed"));
        Slot { _permit: permit, pool: Arc::clone(&self.usage), alive: false }
    }

    /// Instances that there are.
    pub(crate) fn alive(&self) -> usize {
        self.usage.alive.load(Ordering::Relaxed)
    }

    /// Tasks that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until an instance ends, as `make_room` may see to, or for a moment.
    pub(crate) async fn pause(&self, make_room: impl Fn()) {
        let _waiting = Waiting::new(&self.waiting);
        let ended = self.usage.ended.notified();
        make_room();
        let _ = tokio::time::timeout(PAUSE, ended).await;
    }
}

/// Counts a task that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn engine_config(config: &SandboxConfig, strategy: InstanceAllocationStrategy) -> Config {
    let mut engine = Config::new();
    engine
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        // GC and threads are not even compiled in; memory64 would lift the 4 GiB bound on a memory.
        .wasm_memory64(false)
        .shared_memory(false)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .cranelift_nan_canonicalization(config.deterministic)
        .relaxed_simd_deterministic(config.deterministic)
        .allocation_strategy(strategy);
    engine
}
