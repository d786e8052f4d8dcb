//! One instance and its calls: one at a time, within a budget, and dropped after anything unusual.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::Func;

use crate::engine::Slot;
use crate::error::{CallError, CallErrorKind};
use crate::function::Function;
use crate::meter::Meter;
use crate::quiet;
use crate::services::{Call, WHOLE_BATCH};
use crate::state::{Current, State};
use crate::stop;

/// Calls after which an instance is replaced: bounds what leaks and drifts in a guest can do.
const MAX_CALLS: u32 = 10_000;
/// Age at which it is replaced.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Events in the batch: multiplies [`Limits::cpu`](crate::Limits::cpu) (at least 1) and the log allowance.
    pub events: u32,
    /// Isolate mode: `mark` is heeded.
    pub isolate: bool,
    /// Hard limit on the call's wall clock.
    pub wall: Duration,
}

/// One instance: memory of its own, one call at a time. Dropping it frees its place in the pool.
pub struct Instance {
    // Declared in the order in which they have to be dropped.
    store: Store<State>,
    _slot: Slot,
    handle: Func,
    meter: Arc<Meter>,
    function: Function,
    made: Instant,
    calls: u32,
    /// Between calls, after nothing but success.
    sound: bool,
}

impl Instance {
    pub(crate) fn new(function: Function, store: Store<State>, handle: Func, meter: Arc<Meter>, slot: Slot) -> Self {
        Self { store, _slot: slot, handle, meter, function, made: Instant::now(), calls: 0, sound: true }
    }

    /// Hands a batch frame to the guest and gives back its outcome frame; neither is looked into here. Executes the
    /// guest on the Tokio runtime that polls it, and gives the thread up at least every 2 ms. A batch that is lent, not
    /// given, can be written anew into the same memory.
    ///
    /// Dropping the future leaves the guest where it was: the instance is dead then, as it is after any error.
    ///
    /// # Errors
    /// How the guest ended. What it settled before stays settled.
    pub async fn call(
        &mut self,
        batch: impl AsRef<[u8]> + Send,
        budget: Budget,
        call: Arc<dyn Call>,
    ) -> Result<Vec<u8>, CallError> {
        if !self.sound {
            return Err(CallError::new(CallErrorKind::Trap, "the instance ended in an earlier call"));
        }
        self.sound = false;
        self.calls += 1;
        self.begin(budget, Arc::clone(&call));
        let Self { store, handle, meter, function, .. } = self;
        let running = function.ticker().running();
        let open = Arc::clone(&store.data().open);
        let guest = meter.run(async {
            let handle = handle.typed::<(&[u8],), (Vec<u8>,)>(&mut *store)?;
            let (outcome,) = handle.call_async(&mut *store, (batch.as_ref(),)).await?;
            // The result is here, but the guest's task may go on behind it.
            let idle = store
                .run_concurrent(async |accessor| {
                    poll_fn(|context| Poll::Ready(accessor.poll_no_interesting_tasks(context).is_ready())).await
                })
                .await?;
            Ok((outcome, idle))
        });
        let outcome = tokio::time::timeout(budget.wall, quiet::watch(guest, meter, &open, &*call)).await;
        drop(running);
        let state = self.store.data_mut();
        state.logs.end();
        let current = state.current.take();
        match outcome {
            Ok(Ok((outcome, idle))) => {
                self.sound = idle && state.open.is_empty() && state.inbox.is_empty();
                Ok(outcome)
            }
            Ok(Err(error)) => {
                let (kind, message) = stop::classify(&error);
                Err(CallError::new(kind, message).of(current))
            }
            Err(_elapsed) => {
                let message = format!("the call did not end within {} ms", budget.wall.as_millis());
                Err(CallError::new(CallErrorKind::Deadline, message).of(current))
            }
        }
    }

    fn begin(&mut self, budget: Budget, call: Arc<dyn Call>) {
        let cpu = self.function.limits().cpu.saturating_mul(budget.events.max(1));
        self.meter.reset(cpu);
        let state = self.store.data_mut();
        state.logs.begin(Arc::clone(&call), budget.events);
        state.current =
            Some(Current { call, isolate: budget.isolate, marked: None, panicked: None, misconfigured: None });
    }

    /// Whether it may take another call: the last one ended well and left nothing open, and it has used less than half
    /// its memory limit, 10,000 calls and 10 minutes.
    pub fn reusable(&self) -> bool {
        self.sound && !is_worn(self.calls, self.made.elapsed()) && self.memory() < self.function.limits().memory / 2
    }

    /// Bytes of its linear memories.
    pub fn memory(&self) -> u64 {
        self.store.data().limiter.memory
    }

    /// What the last call executed, without its waits.
    pub fn cpu(&self) -> Duration {
        self.meter.spent()
    }
}

/// Whether it has served for long enough.
fn is_worn(calls: u32, age: Duration) -> bool {
    calls >= MAX_CALLS || age >= MAX_AGE
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut f = f.debug_struct("Instance");
        f.field("function", &self.function.info().sha256).field("calls", &self.calls);
        f.field("memory", &self.memory()).field("reusable", &self.reusable()).finish()
    }
}

impl CallError {
    pub(crate) fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), panicked_event: None, marked: None }
    }

    /// Adds what the guest said of itself before it ended.
    fn of(mut self, current: Option<Current>) -> Self {
        let Some(Current { marked, panicked, misconfigured, .. }) = current else { return self };
        self.marked = marked;
        if self.kind == CallErrorKind::Trap
            && let Some(message) = misconfigured
        {
            return Self::new(CallErrorKind::Instantiate, message);
        }
        if let Some((event, message)) = panicked {
            self.panicked_event = (event != WHOLE_BATCH).then_some(event);
            if self.kind == CallErrorKind::Trap {
                self.message = format!("panicked: {message}");
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_replaced_after_ten_thousand_calls_or_ten_minutes() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert!(!is_worn(9_999, minutes(10) - Duration::from_millis(1)));
        assert!(is_worn(10_000, Duration::ZERO));
        assert!(is_worn(0, minutes(10)));
    }
}
