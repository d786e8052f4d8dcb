//! A module with limits and services: makes instances.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{PoolConcurrencyLimitError, Store};

use crate::engine::{Pool, Slot};
use crate::error::{CallError, CallErrorKind};
use crate::exchange::Inbox;
use crate::instance::Instance;
use crate::logs::Logs;
use crate::module::{Module, ModuleInfo};
use crate::services::Services;
use crate::state::State;
use crate::ticker::Ticker;
use crate::{stop, wasi};

/// Bytes that a guest may hand to one host call, or give back from a call.
const MAX_HANDED: usize = 64 << 20;
/// Handles (host calls under way, streams) that one instance may hold.
const MAX_HANDLES: usize = 32_768;
/// Making an instance may execute this long even where an event may not.
const MIN_START_CPU: Duration = Duration::from_secs(1);

/// Attempts that find no place in an empty pool before a module counts as too large for it.
const ATTEMPTS_ALONE: u32 = 5;

/// Limits of one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory per instance.
    pub memory: u64,
    /// Execution (not waiting) per event. A call has this times its events.
    pub cpu: Duration,
    /// Wall clock per event. Only making an instance uses it; that of a call is [`Budget::wall`](crate::Budget::wall).
    pub deadline: Duration,
}

/// A module with limits and services, ready to make instances. Cheap to clone.
#[derive(Clone)]
pub struct Function {
    inner: Arc<Inner>,
}

struct Inner {
    module: Module,
    limits: Limits,
    services: Arc<dyn Services>,
}

impl Function {
    pub(crate) fn new(module: Module, limits: Limits, services: Arc<dyn Services>) -> Self {
        Self { inner: Arc::new(Inner { module, limits, services }) }
    }

    /// What is known of its module.
    pub fn info(&self) -> &ModuleInfo {
        self.inner.module.info()
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.inner.module.inner.shared.ticker
    }

    /// Its limits.
    pub fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// Makes an instance. Waits, without limit, while as many as the sandbox may have are alive. Has to be polled on a
    /// Tokio runtime meant for guests: their start-up code runs here.
    ///
    /// # Errors
    /// Kind `Instantiate`; kind `Memory` when the start itself exceeds the memory limit.
    pub async fn instance(&self) -> Result<Instance, CallError> {
        self.instance_or(|| ()).await
    }

    /// The same; calls `make_room` when it begins to wait, and perhaps again, so that somebody drops an idle instance of
    /// a function that [competes](Self::competes_with) with it.
    ///
    /// # Errors
    /// As [`instance`](Self::instance).
    pub async fn instance_or(&self, make_room: impl Fn()) -> Result<Instance, CallError> {
        let pool = self.pool();
        let mut slot = pool.slot(&make_room).await;
        let mut alone = 0;
        loop {
            // Some need more tables or stacks than their share of the pool: these wait for others to end.
            match self.instantiate(pool, slot).await {
                Ok(instance) => return Ok(instance),
                Err(Failed::Start(error)) => return Err(error),
                Err(Failed::Full(_, error)) if alone == ATTEMPTS_ALONE => return Err(error),
                Err(Failed::Full(again, _)) => {
                    // Two that start at once may be in each other's way.
                    alone = if pool.alive() == 0 { alone + 1 } else { 0 };
                    slot = again;
                    pool.pause(&make_room).await;
                }
            }
        }
    }

    /// Tasks that wait for an instance of this function, or of one that competes with it.
    pub fn waiting(&self) -> usize {
        self.pool().waiting()
    }

    /// Whether their instances take each other's places: they are of one sandbox, and both large or both not.
    pub fn competes_with(&self, other: &Self) -> bool {
        std::ptr::eq(self.pool(), other.pool())
    }

    fn pool(&self) -> &Pool {
        let module = &self.inner.module.inner;
        module.shared.pool(module.large)
    }

    async fn instantiate(&self, pool: &Pool, slot: Slot) -> Result<Instance, Failed> {
        let Inner { module, limits, services } = &*self.inner;
        let logs = Arc::new(Logs::default());
        let wasi = wasi::context(services, &logs);
        let inbox = Inbox::new(Arc::clone(&module.inner.shared.gathering));
        let state = State::new(wasi, Arc::clone(services), logs, inbox, limits.memory);
        let meter = Arc::clone(&state.meter);
        let mut store = Store::new(&pool.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(MAX_HANDED);
        store.set_max_component_handles(MAX_HANDLES);
        store.set_epoch_deadline(1);
        let ticked = Arc::clone(&meter);
        store.epoch_deadline_callback(move |_| Ok(ticked.tick()?));

        let _running = self.ticker().running();
        meter.reset(limits.cpu.max(MIN_START_CPU));
        let started = tokio::time::timeout(
            limits.deadline,
            meter.run(async {
                let instance = module.inner.pre.instantiate_async(&mut store).await?;
                // Its type was checked when the module was loaded.
                let handle = instance.get_func(&mut store, &module.inner.handle);
                handle.ok_or_else(|| wasmtime::Error::msg("the handler is gone"))
            }),
        )
        .await;
        store.data().logs.end();
        match started {
            Ok(Ok(handle)) => Ok(Instance::new(self.clone(), store, handle, meter, slot.filled())),
            Ok(Err(error)) => {
                let full = error.is::<PoolConcurrencyLimitError>();
                let (kind, message) = stop::classify(&error);
                let kind = if kind == CallErrorKind::Memory { kind } else { CallErrorKind::Instantiate };
                let error = CallError::new(kind, format!("the instance could not be started: {message}"));
                drop(store);
                Err(if full { Failed::Full(slot, error) } else { Failed::Start(error) })
            }
            Err(_elapsed) => {
                let message = format!("the instance did not start within {} ms", limits.deadline.as_millis());
                Err(Failed::Start(CallError::new(CallErrorKind::Instantiate, message)))
            }
        }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("module", self.info()).field("limits", &self.limits()).finish()
    }
}

enum Failed {
    /// The pool had no place for some part of it.
    Full(Slot, CallError),
    Start(CallError),
}
