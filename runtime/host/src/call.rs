//! The host's side of one call: settling, logs with coordinates, the clock, Cassandra.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::{mpsc, oneshot};
use tracing::Level;
use veltrix_wasm::{
    Ask, Budget, Call, CallError, CallErrorKind, CqlError, LEVEL_MISCONFIGURED, LEVEL_PANIC, Request, Statement,
    WHOLE_BATCH,
};

use crate::cassandra::{Access, EventTime, Outstanding, Statements};
use crate::flow::CallId;
use crate::function::Function;
use crate::metrics::RequestMetrics;
use crate::source::{Lease, TopicPartition};
use crate::stage::{Stage, Timers};

/// What a call tells its pipeline.
#[derive(Debug)]
pub(crate) enum FromCall {
    /// The guest settled some events early.
    Settled {
        /// Which call.
        call: CallId,
        /// Outcome frame.
        outcome: Vec<u8>,
        /// The answer; `Err` says what is malformed.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// The call is over.
    Ended {
        /// Which call.
        call: CallId,
        /// Outcome frame, or how it ended.
        result: Result<Vec<u8>, CallError>,
        /// From its start, the wait for an instance left out.
        took: Duration,
    },
}

/// What all calls of a binding share.
pub(crate) struct Around {
    pub function: Arc<Function>,
    pub pipeline: mpsc::Sender<FromCall>,
    pub metrics: Arc<RequestMetrics>,
    pub lease: Arc<Lease>,
    /// Where the binding is tried out; `None`: it is at work.
    pub stage: Option<Arc<Stage>>,
}

/// Coordinates of a row of the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, -1 if none.
    pub timestamp: i64,
}

/// One open call.
pub(crate) struct CallContext {
    /// Names the call in its pipeline.
    pub id: CallId,
    /// Topic and partition of the batch.
    pub source: TopicPartition,
    /// A row per event.
    pub rows: Vec<Row>,
    /// Of events that carry one.
    pub traceparents: HashMap<u32, String>,
    /// The function that runs.
    pub function: Arc<Function>,
    /// Where verdicts go.
    pub pipeline: mpsc::Sender<FromCall>,
    /// Metrics of its requests.
    pub metrics: Arc<RequestMetrics>,
    /// Cassandra requests under way.
    pub outstanding: Outstanding,
    /// Statements of the instance that runs the call; set when it begins.
    pub statements: Mutex<Arc<Statements>>,
    /// Whether the partition is ours for certain.
    lease: Arc<Lease>,
    cancelled: AtomicBool,
    starved: Arc<Starved>,
    /// The time of a trial.
    timers: Option<Timers>,
}

/// Events whose requests failed while the host's own probe of Cassandra failed too.
#[derive(Default)]
struct Starved {
    any: AtomicBool,
    events: Mutex<HashSet<u32>>,
}

impl Starved {
    fn add(&self, event: u32) {
        self.events.lock().expect("no panic while held").insert(event);
        self.any.store(true, Ordering::Release);
    }

    fn has(&self, event: u32) -> bool {
        self.any.load(Ordering::Acquire) && {
            let events = self.events.lock().expect("no panic while held");
            events.contains(&event) || events.contains(&WHOLE_BATCH)
        }
    }
}

impl CallContext {
    /// A call about to begin.
    pub(crate) fn new(
        id: CallId,
        source: TopicPartition,
        rows: Vec<Row>,
        traceparents: HashMap<u32, String>,
        around: Around,
    ) -> Self {
        let Around { function, pipeline, metrics, lease, stage } = around;
        Self {
            id,
            source,
            rows,
            traceparents,
            function,
            pipeline,
            metrics,
            lease,
            cancelled: AtomicBool::new(false),
            outstanding: Outstanding::default(),
            statements: Mutex::default(),
            starved: Arc::default(),
            timers: stage.map(Timers::new),
        }
    }

    /// The call counts no longer: what it still asks for is not done.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// Whether a request of that event (or of the batch as a whole) failed while Cassandra did not answer the host
    /// either.
    pub(crate) fn is_starved(&self, event: u32) -> bool {
        self.starved.has(event)
    }

    /// Runs the call and reports its end. `fresh` asks for a new instance that serves this call only.
    pub(crate) async fn run(self: Arc<Self>, batch: Vec<u8>, budget: Budget, fresh: bool) {
        let call = self.id;
        let pipeline = self.pipeline.clone();
        // A panic of the host's own code must not leave the pipeline waiting.
        let ended = std::panic::AssertUnwindSafe(self.clone().run_inner(batch, budget, fresh)).catch_unwind().await;
        let (result, took) = ended.unwrap_or_else(|_| {
            let error = CallError {
                kind: CallErrorKind::Trap,
                message: "the host panicked while it ran the call".into(),
                panicked_event: None,
                marked: None,
            };
            (Err(error), Duration::ZERO)
        });
        // A lane goes on only when nothing of it is under way any more.
        self.outstanding.settled().await;
        let _ = pipeline.send(FromCall::Ended { call, result, took }).await;
    }

    async fn run_inner(
        self: Arc<Self>,
        batch: Vec<u8>,
        budget: Budget,
        fresh: bool,
    ) -> (Result<Vec<u8>, CallError>, Duration) {
        let mut worker = match self.function.instance(fresh).await {
            Ok(worker) => worker,
            Err(error) => return (Err(error), Duration::ZERO),
        };
        *self.statements.lock().expect("no panic while held") = worker.statements.clone();
        let started = Instant::now();
        let result = worker.instance.call(batch, budget, self.clone()).await;
        let took = started.elapsed();
        if result.is_ok() && !fresh {
            self.function.put_back(worker);
        }
        (result, took)
    }

    /// Runs a request that came while the lease was not certain: once it is renewed, and the call was not cancelled
    /// meanwhile. Otherwise the event is not to blame.
    async fn late(self: Arc<Self>, access: Access, request: Request) {
        let renewed = self.lease.wait(access.patience()).await;
        if renewed && !self.cancelled.load(Ordering::Acquire) {
            return self.request(&access, request).await;
        }
        self.starved.add(request.event);
        request.reply.send(Err(CqlError {
            kind: crate::cassandra::Kind::Unavailable as u16,
            message: "the worker's consumer group has not taken a commit for too long: it may have given the partition to another worker".into(),
            ..CqlError::default()
        }));
    }

    fn statements(&self) -> Arc<Statements> {
        self.statements.lock().expect("no panic while held").clone()
    }

    fn access(&self) -> Result<&Access, CqlError> {
        self.function.cassandra.as_ref().ok_or_else(|| CqlError {
            kind: 2,
            message: format!(
                "cassandra is not granted: veltrix.toml has no [cassandra] (function {})",
                self.function.name
            ),
            ..CqlError::default()
        })
    }

    fn event_time(&self, event: u32) -> Option<EventTime> {
        let row = self.rows.get(event as usize)?;
        (row.timestamp >= 0).then_some(EventTime { timestamp_ms: row.timestamp, offset: row.offset })
    }

    /// Watches a Cassandra request: it is counted, timed, and remembered if Cassandra is down.
    fn watched<T, F>(&self, event: u32, request: F) -> impl Future<Output = Result<T, CqlError>> + Send + use<T, F>
    where
        F: Future<Output = Result<T, CqlError>> + Send + 'static,
        T: Send + 'static,
    {
        let (metrics, function) = (self.metrics.clone(), self.function.clone());
        let started = Instant::now();
        let starved = self.starved.clone();
        async move {
            let result = request.await;
            let outcome = match &result {
                Ok(_) => Ok(()),
                Err(error) => {
                    let suspect = crate::cassandra::Kind::from_number(error.kind).is_suspect();
                    // Boxed: rarely needed, and it would make every request's future several times as large.
                    if suspect
                        && let Some(access) = &function.cassandra
                        && !Box::pin(access.confirm()).await
                    {
                        starved.add(event);
                    }
                    Err(crate::cassandra::kind_name(error.kind))
                }
            };
            metrics.observe(outcome, started.elapsed());
            result
        }
    }

    /// A submitted request, to be run: its future ends when it is answered.
    fn request(&self, access: &Access, request: Request) -> impl Future<Output = ()> + Send + use<> {
        let Request { event, ask, values, options, reply } = request;
        let (table, time) = (self.statements(), self.event_time(event));
        let execution = match ask {
            Ask::Execute { statement, next } => table
                .get(statement)
                .map(|statement| access.execute(statement, values, next, options, time, &self.outstanding)),
            Ask::Batch { kind, statements } => {
                let found: Result<Vec<_>, _> = statements.into_iter().map(|id| table.get(id)).collect();
                found.map(|found| access.batch(kind, found, values, options, time, &self.outstanding))
            }
        };
        let watched = self.watched(event, execution.unwrap_or_else(|error| ready(Err(error)).boxed()));
        async move { reply.send(watched.await) }
    }
}

impl Call for CallContext {
    fn settle(&self, outcome: Vec<u8>) -> BoxFuture<'static, Result<(), String>> {
        let (reply, answer) = oneshot::channel();
        let (pipeline, call) = (self.pipeline.clone(), self.id);
        async move {
            // A pipeline that is gone has given the partition up: what is said of it no longer counts.
            if pipeline.send(FromCall::Settled { call, outcome, reply }).await.is_err() {
                return Ok(());
            }
            answer.await.unwrap_or(Ok(()))
        }
        .boxed()
    }

    fn log(&self, event: u32, level: u8, message: &str, fields: &[(String, String)]) {
        let (topic, partition) = (&*self.source.0, self.source.1);
        let offset = self.rows.get(event as usize).map(|row| row.offset);
        if let Some(timers) = &self.timers {
            return timers.stage.log(&self.source, offset, level, message, fields);
        }
        let function = &*self.function.name;
        let fields = (!fields.is_empty()).then(|| tracing::field::display(Fields(fields)));
        // The macro needs its level at compile time.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(target: "function", $level, function, topic, partition, offset, fields, "{message}")
            };
        }
        match level {
            1 => line!(Level::TRACE),
            // The pipeline says it as an error, when the call has ended.
            2 | LEVEL_MISCONFIGURED => line!(Level::DEBUG),
            4 => line!(Level::WARN),
            5 | LEVEL_PANIC => line!(Level::ERROR),
            _ => line!(Level::INFO),
        }
    }

    fn mark(&self, _event: u32) {
        // The sandbox remembers it for the call's error.
    }

    fn traceparent(&self, event: u32) -> Option<String> {
        self.traceparents.get(&event).cloned()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        match &self.timers {
            Some(timers) => timers.sleep(duration),
            None => tokio::time::sleep(duration).boxed(),
        }
    }

    fn keeps_time(&self) -> bool {
        self.timers.is_some()
    }

    fn idle(&self) {
        if let Some(timers) = &self.timers {
            timers.go_on();
        }
    }

    fn prepare(&self, event: u32, text: String) -> BoxFuture<'static, Result<Statement, CqlError>> {
        let statements = self.statements();
        match self.access() {
            Ok(access) => {
                let preparing = access.prepare(text);
                self.watched(event, async move { statements.add(preparing.await?) }).boxed()
            }
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn submit(self: Arc<Self>, requests: Vec<Request>) {
        match self.access().cloned() {
            Ok(access) if self.lease.holds() && !self.cancelled.load(Ordering::Acquire) => {
                let call = self.clone();
                let make =
                    move |access: Access| requests.into_iter().map(move |request| call.request(&access, request));
                access.begin(make, &self.outstanding);
            }
            Ok(access) => {
                let call = self.clone();
                let make = move |access: Access| {
                    requests.into_iter().map(move |request| call.clone().late(access.clone(), request))
                };
                access.begin(make, &self.outstanding);
            }
            Err(refused) => requests.into_iter().for_each(|request| request.reply.send(Err(refused.clone()))),
        }
    }
}

/// Fields of a guest's log line, as `name=value` words.
struct Fields<'a>(&'a [(String, String)]);

impl std::fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if i > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}
