//! The stand-in for the host when not on Wasm: a world in memory, installed for the time of a call.
//!
//! Its clock stands still while anything can go on and jumps to the next timer when nothing can, so that handlers that
//! sleep finish at once and always in the same order.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Cassandra, CqlError, Options, Page, Statement};

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// What the stand-in host knows and has seen.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) vars: BTreeMap<String, String>,
    /// That may be emitted to; none: not told.
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) traceparents: BTreeMap<u32, String>,
    pub(crate) logs: RefCell<Vec<Line>>,
    pub(crate) marks: RefCell<Vec<u32>>,
    pub(crate) settled: RefCell<Vec<Vec<u8>>>,
    pub(crate) cassandra: RefCell<Option<Box<dyn Cassandra>>>,
    pub(crate) now: Cell<Duration>,
    pub(crate) timers: RefCell<Vec<(Duration, Waker)>>,
}

/// A log line as the host gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) event: u32,
    pub(crate) level: u8,
    pub(crate) message: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl World {
    /// Runs a future to its end in this world.
    ///
    /// # Panics
    /// When the future waits for something that never comes.
    pub(crate) fn run<F: Future>(self: &Rc<Self>, future: F) -> F::Output {
        let _installed = Installed(WORLD.replace(Some(self.clone())));
        let mut future = std::pin::pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            self.next_timer();
        }
    }

    fn next_timer(&self) {
        let mut timers = self.timers.borrow_mut();
        let next = timers.iter().map(|(due, _)| *due).min();
        let next =
            next.expect("the handler waits for something that never comes: only the SDK's own calls can be awaited");
        self.now.set(self.now.get().max(next));
        let (due, later): (Vec<_>, Vec<_>) = timers.drain(..).partition(|(due, _)| *due <= next);
        *timers = later;
        drop(timers);
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

struct Installed(Option<Rc<World>>);

impl Drop for Installed {
    fn drop(&mut self) {
        WORLD.set(self.0.take());
    }
}

fn world() -> Option<Rc<World>> {
    WORLD.with_borrow(Clone::clone)
}

pub(crate) fn var(name: &str) -> Option<String> {
    let world = world()?;
    match name {
        "*vars" => Some(world.vars.keys().map(String::as_str).collect::<Vec<_>>().join("\n")),
        "*emits" => world.topics.as_ref().map(|topics| topics.join("\n")),
        _ => world.vars.get(name).cloned(),
    }
}

pub(crate) fn secret(name: &str) -> Option<String> {
    world()?.secrets.get(name).cloned()
}

pub(crate) fn traceparent(event: u32) -> Option<String> {
    world()?.traceparents.get(&event).cloned()
}

pub(crate) fn log(event: u32, level: u8, message: &str, fields: &[(String, String)]) {
    if let Some(world) = world() {
        let line = Line { event, level, message: message.to_owned(), fields: fields.to_vec() };
        world.logs.borrow_mut().push(line);
    }
}

pub(crate) fn mark(event: u32) {
    if let Some(world) = world() {
        world.marks.borrow_mut().push(event);
    }
}

/// Time since the world began; stands still outside of one.
pub(crate) fn now() -> Duration {
    world().map_or(Duration::ZERO, |world| world.now.get())
}

/// The time now: here the clock is at hand.
pub(crate) fn look() -> Duration {
    now()
}

pub(crate) async fn settle(outcome: Vec<u8>) {
    if let Some(world) = world() {
        world.settled.borrow_mut().push(outcome);
    }
}

pub(crate) async fn sleep(ms: u64) {
    if let Some(world) = world() {
        let due = world.now.get() + Duration::from_millis(ms);
        Sleep { world, due }.await;
    }
}

struct Sleep {
    world: Rc<World>,
    due: Duration,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.now.get() >= self.due {
            return Poll::Ready(());
        }
        self.world.timers.borrow_mut().push((self.due, context.waker().clone()));
        Poll::Pending
    }
}

pub(crate) async fn prepare(event: u32, text: &str) -> Result<Statement, CqlError> {
    with_cassandra(|cassandra| cassandra.prepare(event, text))
}

pub(crate) async fn execute(
    event: u32,
    statement: u32,
    values: &[u8],
    next: &[u8],
    options: &Options,
) -> Result<Page, CqlError> {
    with_cassandra(|cassandra| cassandra.execute(event, statement, values, next, options))
}

pub(crate) async fn batch(
    event: u32,
    kind: u8,
    statements: &[u32],
    values: &[u8],
    options: &Options,
) -> Result<Page, CqlError> {
    with_cassandra(|cassandra| cassandra.batch(event, kind, statements, values, options))
}

/// Runs a call: here each request is answered at once.
pub(crate) async fn run<F: Future>(call: F) -> F::Output {
    call.await
}

fn with_cassandra<T>(call: impl FnOnce(&mut dyn Cassandra) -> Result<T, CqlError>) -> Result<T, CqlError> {
    let refused = |message: &str| CqlError { kind: 2, message: message.to_owned(), ..CqlError::default() };
    let Some(world) = world() else {
        return Err(refused("no stand-in host: run the handler through veltrix_sdk::testing"));
    };
    match world.cassandra.borrow_mut().as_deref_mut() {
        Some(cassandra) => call(cassandra),
        None => Err(refused("no rows were scripted for this test")),
    }
}
