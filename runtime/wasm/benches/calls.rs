//! What a call costs, per call and per event: `cargo bench -p veltrix-wasm [-- MODULE…]`. Modules given are measured
//! too, with events of 200 bytes; without any, only the copies of an echo are.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use veltrix_frame::{BatchBuilder, Control, EventIn, Outcome, Verdict};
use veltrix_wasm::{
    Budget, Call, CqlError, Instance, Limits, Module, Page, Request, Sandbox, SandboxConfig, Services, Statement,
};

const LIMITS: Limits = Limits { memory: 256 << 20, cpu: Duration::from_secs(10), deadline: Duration::from_secs(30) };
const BUDGET: Budget = Budget { events: 500, isolate: false, wall: Duration::from_secs(30) };
/// Calls timed together.
const GROUP: u32 = 10;
/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(1);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("runtime");
    let modules: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    runtime.block_on(async move { tokio::spawn(run(modules)).await.expect("it runs") });
}

async fn run(modules: Vec<String>) {
    let sandbox = Sandbox::new(SandboxConfig::default()).expect("the engines start");
    let echo = include_str!("../tests/sandbox/small.wat").into();
    let echo = sandbox.load_bytes(echo).await.expect("the echo loads");
    println!("echo: one copy in, one out");
    for bytes in [0, 64, 20 << 10, 100 << 10, 1 << 20] {
        let mut instance = instance(&sandbox, &echo).await;
        let batch = vec![7; bytes];
        let took = best(&mut instance, || batch.clone()).await;
        let throughput = (2 * bytes) as f64 / took.as_secs_f64() / 1e9;
        println!("  {bytes:>8} bytes  {:>8.2} µs/call  {throughput:>6.2} GB/s", micros(took));
    }
    println!("a new instance of it: {:.1} µs", fresh(&sandbox, &echo).await);
    for path in modules {
        let module = sandbox.load(path.as_ref()).await.expect("the module loads");
        println!("{path}");
        for events in [0, 1, 10, 100, 500] {
            let mut instance = instance(&sandbox, &module).await;
            let mut builder = BatchBuilder::new();
            let took = best(&mut instance, || frame(&mut builder, events)).await;
            let codec = codec(&mut instance, &mut builder, events).await;
            let each = |took: Duration| took.as_nanos() as f64 / events.max(1) as f64;
            println!(
                "  {events:>8} events {:>8.2} µs/call  {:>8.1} ns/event, {:>5.1} of them the host's frames",
                micros(took),
                each(took),
                each(codec)
            );
        }
        println!("  a new instance: {:.1} µs", fresh(&sandbox, &module).await);
    }
}

async fn instance(sandbox: &Sandbox, module: &Module) -> Instance {
    let function = sandbox.function(module, LIMITS, Arc::new(Host)).expect("the limits fit");
    function.instance().await.expect("an instance starts")
}

/// Mean of the best group of calls: a busy machine takes the thread away now and then, but not from all groups. Building
/// the frame and reading the outcome are part of it.
async fn best(instance: &mut Instance, mut batch: impl FnMut() -> Vec<u8>) -> Duration {
    let host: Arc<dyn Call> = Arc::new(Host);
    let mut best = Duration::MAX;
    let begun = Instant::now();
    while begun.elapsed() < MEASURED {
        let since = Instant::now();
        for _ in 0..GROUP {
            let outcome = instance.call(batch(), BUDGET, Arc::clone(&host)).await.expect("the call succeeds");
            let _ = black_box(Outcome::parse(&outcome).map(|outcome| outcome.verdicts().count()));
        }
        best = best.min(since.elapsed() / GROUP);
    }
    best
}

/// What of `best` is the host's building and reading of frames.
async fn codec(instance: &mut Instance, builder: &mut BatchBuilder, events: usize) -> Duration {
    let outcome = instance.call(frame(builder, events), BUDGET, Arc::new(Host)).await.expect("the call succeeds");
    // A handler that fails takes another path through the SDK.
    let acked = Outcome::parse(&outcome).map(|outcome| outcome.verdicts().all(|row| row.verdict == Verdict::Ack));
    assert!(matches!(acked, Ok(true)), "the handler does not ack all events");
    let mut best = Duration::MAX;
    let begun = Instant::now();
    while begun.elapsed() < MEASURED / 4 {
        let since = Instant::now();
        for _ in 0..GROUP {
            black_box(frame(builder, events));
            let _ = black_box(Outcome::parse(&outcome).map(|outcome| outcome.verdicts().count()));
        }
        best = best.min(since.elapsed() / GROUP);
    }
    best
}

async fn fresh(sandbox: &Sandbox, module: &Module) -> f64 {
    let function = sandbox.function(module, LIMITS, Arc::new(Host)).expect("the limits fit");
    drop(function.instance().await.expect("an instance starts"));
    let since = Instant::now();
    for _ in 0..200 {
        drop(function.instance().await.expect("an instance starts"));
    }
    micros(since.elapsed() / 200)
}

fn frame(batch: &mut BatchBuilder, events: usize) -> Vec<u8> {
    let value = [b'v'; 200];
    batch.start("events", 3, Control { lanes: 256, ..Control::default() });
    for row in 0..events {
        let key = (row as u64 + 10_000_000).to_le_bytes();
        batch.push(EventIn {
            offset: row as i64,
            timestamp: 1_700_000_000_000,
            lane: row as u32,
            begun: 0,
            key: Some(&key),
            value: Some(&value),
        });
    }
    let mut bytes = Vec::with_capacity(batch.bytes());
    batch.finish(&mut bytes);
    bytes
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

struct Host;

impl Services for Host {
    fn var(&self, name: &str) -> Option<String> {
        Some(name.into())
    }
    fn secret(&self, _name: &str) -> Option<String> {
        None
    }
}

impl Call for Host {
    fn settle(&self, _outcome: Vec<u8>) -> BoxFuture<'static, Result<(), String>> {
        async { Ok(()) }.boxed()
    }
    fn log(&self, event: u32, level: u8, message: &str, _fields: &[(String, String)]) {
        eprintln!("{level} {event} {message}");
    }
    fn mark(&self, _event: u32) {}
    fn traceparent(&self, _event: u32) -> Option<String> {
        None
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
    fn prepare(&self, _event: u32, text: String) -> BoxFuture<'static, Result<Statement, CqlError>> {
        // Whatever it is, it has these columns: `[string]` name and `[option]` type.
        let (key, value) = (b"\0\x01k\0\x0d", b"\0\x01v\0\x03");
        let reads = text.starts_with("SELECT");
        let params = if reads { key.to_vec() } else { [&key[..], value].concat() };
        let results = if reads { value.to_vec() } else { Vec::new() };
        let statement = Statement { params, results, traits: u32::from(!reads), ..Statement::default() };
        async { Ok(statement) }.boxed()
    }
    fn submit(self: Arc<Self>, requests: Vec<Request>) {
        requests.into_iter().for_each(|request| request.reply.send(Ok(Page::default())));
    }
}
