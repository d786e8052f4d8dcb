//! A sandbox with the misbehaving guest, and a host that remembers what it was told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use veltrix_frame::{BatchBuilder, Control, EventIn, Outcome, Verdict};
use veltrix_wasm::{
    Ask, Budget, Call, CallError, CqlError, Function, Instance, Limits, Module, Page, Request, Sandbox, SandboxConfig,
    Services, Statement,
};

pub const MIB: u64 = 1 << 20;

pub const LIMITS: Limits =
    Limits { memory: 64 * MIB, cpu: Duration::from_millis(200), deadline: Duration::from_secs(30) };

/// The guest of `tests/guests/misbehaving`, built once.
pub fn misbehaving() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| guest("misbehaving"))
}

/// Builds a guest of `tests/guests`.
pub fn guest(package: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // target/PROFILE/deps/TEST
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("a test lies in target/PROFILE/deps").to_owned();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "-p", package])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&root)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "{package} does not build");
    target.join(format!("wasm32-wasip2/release/{package}.wasm"))
}

/// A sandbox of its own.
pub fn sandbox(config: SandboxConfig) -> Sandbox {
    Sandbox::new(config).expect("the engines start")
}

/// One that all tests share, with the guest in it: compiling takes longer than most of them.
pub async fn shared() -> (Sandbox, Module) {
    static SHARED: tokio::sync::OnceCell<(Sandbox, Module)> = tokio::sync::OnceCell::const_new();
    SHARED
        .get_or_init(|| async {
            let sandbox = sandbox(SandboxConfig::default());
            let module = sandbox.load(misbehaving()).await.expect("the guest loads");
            (sandbox, module)
        })
        .await
        .clone()
}

pub async fn function(limits: Limits) -> Function {
    let (sandbox, module) = shared().await;
    sandbox.function(&module, limits, Arc::new(Grants::default())).expect("the limits are in order")
}

pub async fn instance(limits: Limits) -> Instance {
    function(limits).await.instance().await.expect("an instance starts")
}

/// A frame whose events have these values, each in a lane of its own.
pub fn batch(values: &[&str]) -> Vec<u8> {
    frame(values, Control::default())
}

pub fn frame(values: &[&str], control: Control) -> Vec<u8> {
    let mut batch = BatchBuilder::new();
    batch.start("topic", 0, control);
    for (row, value) in values.iter().enumerate() {
        batch.push(EventIn {
            offset: row as i64,
            timestamp: -1,
            lane: row as u32,
            begun: 0,
            key: None,
            value: Some(value.as_bytes()),
        });
    }
    let mut bytes = Vec::new();
    batch.finish(&mut bytes);
    bytes
}

pub fn budget(events: usize) -> Budget {
    Budget { events: events as u32, isolate: false, wall: Duration::from_secs(20) }
}

/// Calls an instance with a fresh host.
pub async fn call(instance: &mut Instance, values: &[&str]) -> Result<Vec<u8>, CallError> {
    instance.call(batch(values), budget(values.len()), Arc::new(Host::default())).await
}

/// Calls a fresh instance with one event that has to end it.
pub async fn fails(limits: Limits, value: &str) -> CallError {
    let mut instance = instance(limits).await;
    let error = call(&mut instance, &[value]).await.expect_err("the guest ends");
    assert!(!instance.reusable());
    let again = call(&mut instance, &["ack"]).await.expect_err("a dead instance stays dead");
    assert!(again.message.contains("earlier call"), "{again}");
    error
}

/// Verdicts of an outcome, by event.
pub fn verdicts(outcome: &[u8]) -> Vec<(u32, Verdict)> {
    let outcome = Outcome::parse(outcome).expect("the outcome is a frame");
    let mut verdicts: Vec<_> = outcome.verdicts().map(|row| (row.event, row.verdict)).collect();
    verdicts.sort_by_key(|(event, _)| *event);
    verdicts
}

/// The guest's answer to a question.
pub async fn ask(instance: &mut Instance, question: &str) -> String {
    answer(&call(instance, &[question]).await.expect("the guest answers"))
}

pub fn answer(outcome: &[u8]) -> String {
    let outcome = Outcome::parse(outcome).expect("the outcome is a frame");
    let row = outcome.verdicts().next().expect("there is a verdict");
    String::from_utf8_lossy(row.message.expect("the guest answers")).into_owned()
}

#[derive(Default)]
pub struct Grants {
    pub seed: Option<u64>,
    pub now: Option<Duration>,
}

impl Services for Grants {
    fn var(&self, name: &str) -> Option<String> {
        (name == "warehouse").then(|| "eu-1".into())
    }
    fn secret(&self, name: &str) -> Option<String> {
        (name == "token").then(|| "hush".into())
    }
    fn random_seed(&self) -> Option<u64> {
        self.seed
    }
    fn now(&self) -> Option<Duration> {
        self.now
    }
}

/// Level, event and message.
pub type Line = (u8, u32, String);

#[derive(Default)]
pub struct Host {
    pub settled: Mutex<Vec<Vec<u8>>>,
    pub lines: Mutex<Vec<Line>>,
    pub marked: Mutex<Vec<u32>>,
    pub sleeping: Arc<AtomicUsize>,
}

impl Host {
    pub fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }
}

/// Counts a sleep that was begun and neither ended nor dropped.
struct Sleeping(Arc<AtomicUsize>);

impl Drop for Sleeping {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Call for Host {
    fn settle(&self, outcome: Vec<u8>) -> BoxFuture<'static, Result<(), String>> {
        let checked = Outcome::parse(&outcome).map(|_| ()).map_err(|error| error.to_string());
        self.settled.lock().unwrap().push(outcome);
        async { checked }.boxed()
    }
    fn log(&self, event: u32, level: u8, message: &str, _fields: &[(String, String)]) {
        self.lines.lock().unwrap().push((level, event, message.into()));
    }
    fn mark(&self, event: u32) {
        self.marked.lock().unwrap().push(event);
    }
    fn traceparent(&self, event: u32) -> Option<String> {
        Some(format!("00-trace-{event}-01"))
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        let sleeping = Sleeping(Arc::clone(&self.sleeping));
        async move {
            let _sleeping = sleeping;
            tokio::time::sleep(duration.min(Duration::from_secs(3600))).await;
        }
        .boxed()
    }
    fn prepare(&self, event: u32, text: String) -> BoxFuture<'static, Result<Statement, CqlError>> {
        let answer = match text.as_str() {
            "refused" => Err(CqlError { kind: 2, message: "not granted".into(), ..CqlError::default() }),
            _ => Ok(Statement { id: event + 7, ..Statement::default() }),
        };
        async { answer }.boxed()
    }
    fn submit(self: Arc<Self>, requests: Vec<Request>) {
        for Request { event, ask, values, reply, .. } in requests {
            tokio::spawn(async move {
                reply.send(match ask {
                    Ask::Batch { .. } => Ok(Page::default()),
                    Ask::Execute { statement, .. } => {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        if statement == event + 7 {
                            Ok(Page { count: 3, rows: values, ..Page::default() })
                        } else {
                            Err(CqlError { kind: 1, message: "no such statement".into(), ..CqlError::default() })
                        }
                    }
                });
            });
        }
    }
}
