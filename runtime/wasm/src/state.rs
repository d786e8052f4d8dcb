//! What belongs to one instance on the host's side: its memory account, open host calls, logs, and the current call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::exchange::Inbox;
use crate::logs::Logs;
use crate::meter::Meter;
use crate::services::{Call, Services};
use crate::stop::Stop;

/// Host calls of one kind that one instance may have open.
pub(crate) const MAX_OPEN: usize = 4096;
/// Likewise for those that hold nothing but a timer; each event may have one beside its work.
pub(crate) const MAX_SLEEPS: usize = 4 * MAX_OPEN;
/// Bytes of their arguments.
pub(crate) const MAX_OPEN_BYTES: usize = 64 << 20;
/// Elements of all tables; 64 Ki functions is more than any sensible module has.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 65_536;
/// WASI resources (streams, pollables) that one instance may hold.
const MAX_RESOURCES: usize = 1024;

/// Data of the instance's store.
pub(crate) struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) services: Arc<dyn Services>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) logs: Arc<Logs>,
    pub(crate) limiter: Limiter,
    pub(crate) open: Arc<Open>,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) current: Option<Current>,
}

/// The call under way.
pub(crate) struct Current {
    pub(crate) call: Arc<dyn Call>,
    pub(crate) isolate: bool,
    pub(crate) marked: Option<u32>,
    /// Event and message of the panic hook.
    pub(crate) panicked: Option<(u32, String)>,
    /// Why the function can't work as it is configured, in its own words.
    pub(crate) misconfigured: Option<String>,
}

impl State {
    pub(crate) fn new(wasi: WasiCtx, services: Arc<dyn Services>, logs: Arc<Logs>, inbox: Inbox, memory: u64) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            wasi,
            table,
            services,
            meter: Arc::new(Meter::new()),
            logs,
            limiter: Limiter { limit: memory, memory: 0, elements: 0, growing: 0, stretching: 0 },
            open: Arc::default(),
            inbox: Arc::new(inbox),
            current: None,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Memory account of the instance: the sum over its linear memories. An error is a trap at the place that asked,
/// where a refusal would be a null pointer to a guest that rarely looks.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u64,
    pub(crate) memory: u64,
    elements: usize,
    /// Part of `memory` and of `elements` that was allowed last, and is taken back if the engine cannot do it.
    growing: u64,
    stretching: usize,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.growing = desired.saturating_sub(current) as u64;
        let wanted = self.memory + self.growing;
        if wanted > self.limit {
            return Err(Stop::Memory { wanted, limit: self.limit }.into());
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.stretching = desired.saturating_sub(current);
        let wanted = self.elements + self.stretching;
        if wanted > MAX_TABLE_ELEMENTS {
            return Err(Stop::Table { wanted: wanted as u64, limit: MAX_TABLE_ELEMENTS as u64 }.into());
        }
        self.elements = wanted;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory -= std::mem::take(&mut self.growing);
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements -= std::mem::take(&mut self.stretching);
        Ok(())
    }
}

/// Host calls that the guest has open.
#[derive(Debug, Default)]
pub(crate) struct Open {
    calls: AtomicUsize,
    sleeps: AtomicUsize,
    bytes: AtomicUsize,
}

impl Open {
    /// Whether none is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.load(Relaxed) == 0 && self.sleeps.load(Relaxed) == 0
    }

    /// Whether some are open, and these are sleeps.
    pub(crate) fn only_sleeps(&self) -> bool {
        self.calls.load(Relaxed) == 0 && self.sleeps.load(Relaxed) > 0
    }

    /// Counts a call with arguments of `bytes` until the guard is dropped.
    pub(crate) fn call(self: &Arc<Self>, bytes: usize) -> Result<OpenCall, Stop> {
        let open = self.calls.load(Relaxed) + 1;
        if open > MAX_OPEN {
            return Err(Stop::TooManyCalls { open, limit: MAX_OPEN });
        }
        let held = self.bytes.load(Relaxed) + bytes;
        if held > MAX_OPEN_BYTES {
            return Err(Stop::TooManyBytes { bytes: held, limit: MAX_OPEN_BYTES });
        }
        self.calls.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        Ok(OpenCall { open: Arc::clone(self), kind: Kind::Call { bytes } })
    }

    /// Counts a sleep until the guard is dropped.
    pub(crate) fn sleep(self: &Arc<Self>) -> Result<OpenCall, Stop> {
        let open = self.sleeps.load(Relaxed) + 1;
        if open > MAX_SLEEPS {
            return Err(Stop::TooManyCalls { open, limit: MAX_SLEEPS });
        }
        self.sleeps.fetch_add(1, Relaxed);
        Ok(OpenCall { open: Arc::clone(self), kind: Kind::Sleep })
    }
}

/// A host call under way.
#[derive(Debug)]
pub(crate) struct OpenCall {
    open: Arc<Open>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Call { bytes: usize },
    Sleep,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        match self.kind {
            Kind::Call { bytes } => {
                self.open.calls.fetch_sub(1, Relaxed);
                self.open.bytes.fetch_sub(bytes, Relaxed);
            }
            Kind::Sleep => {
                self.open.sleeps.fetch_sub(1, Relaxed);
            }
        }
    }
}
