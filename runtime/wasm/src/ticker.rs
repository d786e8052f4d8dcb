//! The thread that interrupts guests, and ends the gathering of answers: every [`TICK`] while any runs, not at all once
//! none has for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::LoadError;
use crate::meter::TICK;

/// How long it goes on without a guest: waking the thread costs a call more than a look at a flag.
const LINGER: Duration = Duration::from_secs(1);

/// Ends when dropped.
pub(crate) struct Ticker {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stop: AtomicBool,
    /// Guests under way, waiting ones included.
    running: AtomicUsize,
    /// The thread sleeps, or is about to look at `running` for the last time before it does.
    parked: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(tick: impl Fn() + Send + 'static) -> Result<Self, LoadError> {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("wasm-ticker".into())
            .spawn(move || shared.run(&tick))
            .map_err(|error| LoadError::Engine { doing: "start the ticker thread", message: error.to_string() })?;
        Ok(Self { state, thread: Some(thread) })
    }

    /// Ticks as long as the guard lives.
    pub(crate) fn running(&self) -> Running<'_> {
        self.state.running.fetch_add(1, SeqCst);
        if self.state.parked.load(SeqCst) {
            self.wake();
        }
        Running(&self.state)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stop.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It ends within a tick, and panics never.
            let _ = thread.join();
        }
    }
}

/// A guest under way.
pub(crate) struct Running<'a>(&'a State);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl State {
    fn run(&self, tick: &impl Fn()) {
        let mut next = Instant::now();
        let mut last_seen = next;
        while !self.stop.load(SeqCst) {
            next += TICK;
            let now = Instant::now();
            match next.checked_duration_since(now) {
                Some(left) => std::thread::sleep(left),
                // Behind, because the system was busy or it slept: ticks are not made up for.
                None => next = now,
            }
            tick();
            if self.running.load(SeqCst) > 0 {
                last_seen = now;
            } else if now.duration_since(last_seen) > LINGER {
                self.park();
                last_seen = Instant::now();
            }
        }
    }

    /// Sleeps until a guest runs. Either that guest sees `parked`, or this sees it `running`.
    fn park(&self) {
        self.parked.store(true, SeqCst);
        while self.running.load(SeqCst) == 0 && !self.stop.load(SeqCst) {
            std::thread::park();
        }
        self.parked.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_without_guests_and_wakes_for_the_next() {
        let ticks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&ticks);
        let ticker = Ticker::start(move || {
            counted.fetch_add(1, SeqCst);
        })
        .unwrap();
        let eventually = |what: &str, condition: &dyn Fn() -> bool| {
            let since = Instant::now();
            while !condition() {
                assert!(since.elapsed() < Duration::from_secs(20), "{what}");
                std::thread::sleep(TICK);
            }
        };
        for _ in 0..2 {
            let running = ticker.running();
            let before = ticks.load(SeqCst);
            eventually("it does not tick", &|| ticks.load(SeqCst) > before + 20);
            drop(running);
            eventually("it does not rest", &|| ticker.state.parked.load(SeqCst));
            let before = ticks.load(SeqCst);
            std::thread::sleep(TICK * 20);
            assert_eq!(ticks.load(SeqCst), before);
        }
    }
}
