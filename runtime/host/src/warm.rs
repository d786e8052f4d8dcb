//! Warm instances: each function keeps a few for its next call, and gives them up when another waits for their place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use tracing::debug;
use veltrix_wasm::{CallError, Instance};

use crate::cassandra::Statements;

/// An instance that has been idle for so long is dropped.
const IDLE: Duration = Duration::from_secs(30);
/// Most idle instances per function.
const MOST_IDLE: usize = 16;

/// The warm instances of all functions of a sandbox.
#[derive(Default)]
pub struct Warm {
    functions: Mutex<Vec<Weak<Kept>>>,
    /// Instances that went to make room.
    evicted: Counter,
}

/// The warm instances of one function.
pub(crate) struct Kept {
    function: veltrix_wasm::Function,
    idle: Mutex<Vec<Idle>>,
    /// Another function has taken its place.
    retired: AtomicBool,
    all: Arc<Warm>,
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

impl Warm {
    /// None yet; `evicted` counts those that go to make room.
    pub(crate) fn new(evicted: Counter) -> Self {
        Self { functions: Mutex::default(), evicted }
    }

    /// A place for those of another function.
    pub(crate) fn keep(self: &Arc<Self>, function: veltrix_wasm::Function) -> Arc<Kept> {
        let kept = Kept { function, idle: Mutex::default(), retired: AtomicBool::new(false), all: self.clone() };
        let kept = Arc::new(kept);
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        functions.retain(|function| function.strong_count() > 0);
        functions.push(Arc::downgrade(&kept));
        kept
    }

    /// Drops the instance that has been idle longest, of all that take places which `wanted` could have.
    fn make_room(&self, wanted: &veltrix_wasm::Function) {
        let functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let others: Vec<_> = functions.iter().filter_map(Weak::upgrade).collect();
        drop(functions);
        let idle = others.iter().filter(|kept| kept.function.competes_with(wanted));
        let longest = idle.filter_map(|kept| Some((kept.oldest()?, kept))).min_by_key(|(since, _)| *since);
        if let Some((since, kept)) = longest
            && let Some(evicted) = kept.take(|idle| usize::from(!idle.is_empty())).pop()
        {
            let (revision, ms) = (&kept.function.info().sha256, since.elapsed().as_millis() as u64);
            debug!(revision, idle_ms = ms, "a warm instance makes room for another function's");
            drop(evicted);
            self.evicted.inc();
        }
    }
}

impl Kept {
    /// A warm instance if there is one and `fresh` does not ask for another, else a new one. Where no more may live,
    /// others' idle ones make room; if there are none, it waits for one at work.
    ///
    /// # Errors
    /// The instance could not be made.
    pub(crate) async fn instance(&self, fresh: bool) -> Result<Instantiated, CallError> {
        if !fresh && let Some(idle) = self.lock().pop() {
            return Ok(idle.worker);
        }
        let instance = self.function.instance_or(|| self.all.make_room(&self.function)).await?;
        Ok(Instantiated { instance, statements: Arc::default() })
    }

    /// Takes back an instance after a call that went well.
    pub(crate) fn put_back(&self, worker: Instantiated) {
        if !worker.instance.reusable() {
            return;
        }
        let mut idle = self.lock();
        // Asked while the list is locked: who begins to wait later finds the instance in it.
        let wanted = self.retired.load(Ordering::Relaxed) || self.function.waiting() > 0;
        if idle.len() < MOST_IDLE && !wanted {
            idle.push(Idle { worker, since: Instant::now() });
        }
    }

    /// None is kept from now on.
    pub(crate) fn retire(&self) {
        // Before the list is emptied, or an instance could come back in between.
        let idle = self.lock();
        self.retired.store(true, Ordering::Relaxed);
        drop(idle);
        self.take(<[Idle]>::len);
    }

    /// Drops instances that have been idle for long.
    pub(crate) fn trim(&self) {
        self.take(|idle| idle.iter().take_while(|idle| idle.since.elapsed() > IDLE).count());
    }

    /// Instances that wait for a call.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Takes so many of the longest idle out of the list, which is a stack: they are at its front.
    fn take(&self, count: impl FnOnce(&[Idle]) -> usize) -> Vec<Idle> {
        let mut idle = self.lock();
        let count = count(&idle);
        idle.drain(..count).collect()
    }

    fn oldest(&self) -> Option<Instant> {
        self.lock().first().map(|idle| idle.since)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().expect("no panic while held")
    }
}

#[cfg(test)]
#[path = "warm_tests.rs"]
mod tests;
