//! Keeps a task going: when it fails or panics it is started anew, after a pause that grows while it keeps failing.

use std::any::Any;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info};

use crate::metrics::SupervisionMetrics;

/// When a task that failed is started anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    /// Before the first restart; doubles from there.
    pub(crate) first: Duration,
    /// The longest.
    pub(crate) most: Duration,
    /// A task that ran for so long has begun well: its next failure is a new one.
    pub(crate) well: Duration,
}

/// For bindings.
pub(crate) const PAUSES: Pauses =
    Pauses { first: Duration::from_secs(1), most: Duration::from_secs(60), well: Duration::from_secs(120) };

impl Pauses {
    /// The pause after so many failures in a row.
    fn after(&self, failures: u32) -> Duration {
        self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.most)
    }
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not begun yet.
    Starting,
    /// At work.
    Running,
    /// It failed, and is started anew after a pause.
    Restarting,
}

impl Phase {
    /// For people and machines.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
        }
    }
}

/// What is told of a supervised task; shared with the admin interface.
#[derive(Debug)]
pub(crate) struct Supervised {
    name: String,
    metrics: SupervisionMetrics,
    state: Mutex<(Phase, Option<String>)>,
}

impl Supervised {
    /// A task that has not begun.
    pub(crate) fn new(name: &str, metrics: SupervisionMetrics) -> Self {
        Self { name: name.to_owned(), metrics, state: Mutex::new((Phase::Starting, None)) }
    }

    /// What it is doing, and why it failed last; that stays until it has run for some time.
    pub(crate) fn state(&self) -> (Phase, Option<String>) {
        self.state.lock().expect("no panic while held").clone()
    }

    fn set(&self, phase: Phase, error: Option<String>) {
        self.metrics.up.set((phase == Phase::Running).into());
        *self.state.lock().expect("no panic while held") = (phase, error);
    }
}

/// Runs what `start` gives, and again when that ends before `stop` says so.
pub(crate) async fn supervise<F>(
    task: &Supervised,
    pauses: Pauses,
    mut stop: watch::Receiver<bool>,
    mut start: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    let (mut failures, mut last) = (0, None);
    loop {
        task.set(Phase::Running, last.clone());
        let since = Instant::now();
        let mut running = Owned(tokio::spawn(start()));
        let ended = tokio::select! {
            ended = &mut running.0 => ended,
            () = well(last.is_some().then_some(since + pauses.well)) => {
                task.set(Phase::Running, None);
                (&mut running.0).await
            }
        };
        let problem = match ended {
            Ok(Ok(())) if *stop.borrow() => return,
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(problem)) => problem,
            Err(ended) if ended.is_panic() => format!("panicked: {}", words(&*ended.into_panic())),
            Err(_) => "it was cancelled".to_owned(),
        };
        if *stop.borrow() {
            error!(group = task.name, error = problem, "failed while it stopped");
            return;
        }
        failures = if since.elapsed() >= pauses.well { 1 } else { failures + 1 };
        let pause = pauses.after(failures);
        task.metrics.restarts.inc();
        error!(
            group = task.name,
            error = problem,
            restart_in_ms = pause.as_millis() as u64,
            "failed: started anew soon; the other bindings go on"
        );
        task.set(Phase::Restarting, Some(problem.clone()));
        last = Some(problem);
        if tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
        info!(group = task.name, "starting anew");
    }
}

/// Until then a failure is told of.
async fn well(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words")
}

/// A task that goes with its owner.
struct Owned(tokio::task::JoinHandle<Result<(), String>>);

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::metrics::Metrics;

    const QUICK: Pauses =
        Pauses { first: Duration::from_millis(20), most: Duration::from_millis(80), well: Duration::from_millis(300) };

    fn task(metrics: &Metrics, name: &str) -> Arc<Supervised> {
        Arc::new(Supervised::new(name, metrics.supervision(name, "f")))
    }

    async fn until(what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !holds() {
            assert!(Instant::now() < end, "{what}: not in time");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds: Vec<u64> = (1..9).map(|n| PAUSES.after(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(PAUSES.after(u32::MAX), PAUSES.most);
    }

    #[tokio::test]
    async fn a_panic_restarts_its_task_and_leaves_the_others_running() {
        let metrics = Metrics::default();
        let (tell, stop) = watch::channel(false);
        let (bad, good) = (task(&metrics, "bad"), task(&metrics, "good"));
        let (starts, beats) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let panics = {
            let (task, stop, starts) = (bad.clone(), stop.clone(), starts.clone());
            tokio::spawn(async move {
                let start = || {
                    let (starts, mut stop) = (starts.clone(), stop.clone());
                    async move {
                        if starts.fetch_add(1, Ordering::Relaxed) < 3 {
                            panic!("of {}", "its own");
                        }
                        let _ = stop.wait_for(|stop| *stop).await;
                        Ok(())
                    }
                };
                supervise(&task, QUICK, stop.clone(), start).await;
            })
        };
        let works = {
            let (task, stop, beats) = (good.clone(), stop.clone(), beats.clone());
            tokio::spawn(async move {
                let start = || {
                    let (beats, mut stop) = (beats.clone(), stop.clone());
                    async move {
                        while tokio::time::timeout(Duration::from_millis(1), stop.wait_for(|s| *s)).await.is_err() {
                            beats.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(())
                    }
                };
                supervise(&task, QUICK, stop.clone(), start).await;
            })
        };
        let failed = (Phase::Restarting, Some("panicked: of its own".to_owned()));
        until("its failure is told", || bad.state() == failed).await;
        assert!(metrics.text().contains("veltrix_binding_up{group=\"bad\",function=\"f\"} 0"));
        until("it runs the fourth time", || starts.load(Ordering::Relaxed) == 4).await;
        let before = beats.load(Ordering::Relaxed);
        until("the other goes on", || beats.load(Ordering::Relaxed) > before + 10).await;
        assert_eq!(good.state(), (Phase::Running, None));
        until("its failure is forgotten", || bad.state() == (Phase::Running, None)).await;
        let text = metrics.text();
        assert!(text.contains("veltrix_binding_restarts_total{group=\"bad\",function=\"f\"} 3"), "{text}");
        assert!(text.contains("veltrix_binding_restarts_total{group=\"good\",function=\"f\"} 0"), "{text}");
        assert_eq!(starts.load(Ordering::Relaxed), 4, "it is not started again while it runs");
        tell.send(true).expect("somebody listens");
        panics.await.expect("it ends when told to");
        works.await.expect("it ends when told to");
    }

    #[tokio::test]
    async fn an_error_and_an_early_end_are_failures_and_a_stop_ends_the_pause() {
        let metrics = Metrics::default();
        let (tell, stop) = watch::channel(false);
        let task = task(&metrics, "fails");
        let running = tokio::spawn({
            let (task, mut begun) = (task.clone(), 0);
            let long = Pauses { most: Duration::from_secs(3600), ..QUICK };
            async move {
                let start = || {
                    begun += 1;
                    let early = begun == 1;
                    async move { if early { Ok(()) } else { Err("broken".to_owned()) } }
                };
                supervise(&task, long, stop, start).await;
            }
        });
        until("an early end is told", || task.state().1.as_deref() == Some("it ended by itself")).await;
        until("an error is told", || task.state() == (Phase::Restarting, Some("broken".to_owned()))).await;
        // The pauses are long by now.
        tokio::time::sleep(Duration::from_millis(200)).await;
        tell.send(true).expect("somebody listens");
        tokio::time::timeout(Duration::from_secs(20), running).await.expect("it ends").expect("without a panic");
    }
}
