//! Hosts that keep time: they are told when their guest waits for nothing but sleeps, and only then.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use veltrix_frame::Verdict;
use veltrix_wasm::{Call, CqlError, Page, Request, Statement};

use crate::support::*;

/// Ends one sleep each time that the guest is idle, and notes when that was.
struct Still {
    begun: Instant,
    sleeps: Mutex<Vec<oneshot::Sender<()>>>,
    answered: Arc<AtomicUsize>,
    /// Time, and requests answered by then.
    idle: Mutex<Vec<(Duration, usize)>>,
}

impl Still {
    fn new() -> Arc<Self> {
        let (sleeps, answered, idle) = (Mutex::default(), Arc::default(), Mutex::default());
        Arc::new(Self { begun: Instant::now(), sleeps, answered, idle })
    }
}

impl Call for Still {
    fn settle(&self, _outcome: Vec<u8>) -> BoxFuture<'static, Result<(), String>> {
        async { Ok(()) }.boxed()
    }
    fn log(&self, _event: u32, _level: u8, _message: &str, _fields: &[(String, String)]) {}
    fn mark(&self, _event: u32) {}
    fn traceparent(&self, _event: u32) -> Option<String> {
        None
    }
    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        let (end, ended) = oneshot::channel();
        self.sleeps.lock().unwrap().push(end);
        async { _ = ended.await }.boxed()
    }
    fn keeps_time(&self) -> bool {
        true
    }
    fn idle(&self) {
        self.idle.lock().unwrap().push((self.begun.elapsed(), self.answered.load(Ordering::SeqCst)));
        if let Some(end) = self.sleeps.lock().unwrap().pop() {
            let _ = end.send(());
        }
    }
    fn prepare(&self, event: u32, _text: String) -> BoxFuture<'static, Result<Statement, CqlError>> {
        async move { Ok(Statement { id: event + 7, ..Statement::default() }) }.boxed()
    }
    fn submit(self: Arc<Self>, requests: Vec<Request>) {
        for request in requests {
            let answered = self.answered.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                answered.fetch_add(1, Ordering::SeqCst);
                request.reply.send(Ok(Page::default()));
            });
        }
    }
}

async fn idle_in(values: &[&str]) -> Vec<(Duration, usize)> {
    let (mut instance, host) = (instance(LIMITS).await, Still::new());
    let (batch, budget, called) = (batch(values), budget(values.len()), host.clone());
    // As guests run in a worker: there, whoever gives up its thread is woken later.
    let ended = tokio::spawn(async move { (instance.call(batch, budget, called).await, instance) }).await.unwrap();
    let (outcome, instance) = (ended.0.unwrap(), ended.1);
    assert!(verdicts(&outcome).iter().all(|(_, verdict)| matches!(verdict, Verdict::Ack | Verdict::DeadLetter)));
    assert!(instance.reusable());
    std::mem::take(&mut *host.idle.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_of_sleep_takes_no_time() {
    let since = Instant::now();
    assert_eq!(idle_in(&["sleep:3600000", "sleep:3600000"]).await.len(), 2, "each sleep is ended by itself");
    assert!(since.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_works_is_not_idle_though_it_gives_up_its_thread() {
    let idle = idle_in(&["sleep:3600000", "spin-ms:40"]).await;
    assert!(idle.len() == 1 && idle[0].0 >= Duration::from_millis(40), "{idle:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_waits_for_answers_is_not_idle() {
    // More than are handed out one by one: the last ones wait for a tick.
    for requests in [3, 100] {
        let idle = idle_in(&["sleep:3600000", &format!("submit:{requests}")]).await;
        assert!(idle.len() == 1 && idle[0].1 == requests, "{requests}: {idle:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_no_time_is_told_nothing() {
    let mut instance = instance(LIMITS).await;
    let since = Instant::now();
    call(&mut instance, &["sleep:60"]).await.unwrap();
    assert!(since.elapsed() >= Duration::from_millis(60));
}
