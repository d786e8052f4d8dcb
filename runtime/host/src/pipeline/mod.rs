//! A binding at work: the one place that joins source, flow, calls, outbox and commits.
//!
//! One task per binding. It never waits for Kafka, Cassandra or a guest; these report to it.

mod answers;
mod assigned;
mod breakers;
mod careful;
mod commit;
mod dispatch;
mod end;
mod look;
mod names;
mod operator;
mod outcome;
mod rebalance;
mod recall;
mod silence;
mod stuck;
mod transaction;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::Consumer;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;
use veltrix_frame::BatchBuilder;

use crate::bounded::Range;
use crate::call::{CallContext, FromCall};
use crate::cassandra::Access;
use crate::control::{self, Orders, Shown};
use crate::flow::{BatchSize, Bounds, CallId, Millis, Mode, RetryPolicy};
use crate::function::{Current, Function};
use crate::kafka::Commits;
use crate::metrics::{BindingMetrics, RequestMetrics};
use crate::outbox::{Outbox, Ticket};
use crate::rate::{Limit, Rate};
use crate::source::{Input, Lease, SharedConsumer, SourceContext, TopicPartition};
use crate::stage::Stage;

use answers::Asked;
use assigned::Assigned;
pub(crate) use breakers::BreakerStates;
use breakers::{Admission, Breakers};
use careful::OpenHere;
use names::Names;
use rebalance::Revocation;
pub(crate) use recall::DedupeConfig;
use recall::Recalls;
use transaction::Exact;
pub(crate) use transaction::ExactlyOnce;

/// A binding's settings.
#[derive(Debug, Clone)]
pub(crate) struct BindingConfig {
    /// Consumer group.
    pub group: String,
    /// Lanes in flight.
    pub concurrency: usize,
    /// Bounds of a batch.
    pub batch: Bounds,
    /// Longest wait for a batch to fill while another is under way.
    pub wait: Duration,
    /// Retries.
    pub retry: RetryPolicy,
    /// Where events go that can't be handled; `None`: their lanes stop.
    pub dead_letter: Option<String>,
    /// When the share of dead letters pauses the binding.
    pub dead_letter_limit: Limit,
    /// Largest record that the producer takes, bytes.
    pub max_record: usize,
    /// The command that resumes the binding.
    pub resume: String,
    /// Which events are copies of earlier ones; `None`: none is.
    pub dedupe: Option<DedupeConfig>,
    /// Effects and offsets go into transactions; `None`: at least once.
    pub exactly_once: Option<ExactlyOnce>,
}

/// What a pipeline works with.
pub(crate) struct Parts {
    /// Settings.
    pub config: BindingConfig,
    /// The function, which may be replaced while it runs.
    pub function: Arc<Current>,
    /// The consumer, shared with its source.
    pub consumer: SharedConsumer,
    /// From the source.
    pub inputs: mpsc::Receiver<Input>,
    /// Where emits go.
    pub outbox: Arc<Outbox>,
    /// Where the states of breakers are told.
    pub breakers: BreakerStates,
    /// Metrics of the binding.
    pub metrics: Arc<BindingMetrics>,
    /// Metrics of the function's Cassandra requests.
    pub request_metrics: Arc<RequestMetrics>,
    /// The runtime that guests run on.
    pub wasm: Handle,
    /// Threads of that runtime.
    pub wasm_threads: usize,
    /// What to handle, if not all that comes.
    pub range: Option<Arc<Range>>,
    /// What operators want; `None`: nobody asks.
    pub control: Option<control::Handle>,
    /// What they are shown.
    pub shown: Arc<Shown>,
    /// Where the binding is tried out; `None`: it is at work.
    pub stage: Option<Arc<Stage>>,
}

/// Received and not closed, over all partitions of the binding: beyond it the source is not read.
const MOST_EVENTS: usize = 100_000;
const MOST_BYTES: usize = 64 << 20;
/// The source is left unread for so long before partitions are paused.
const PATIENCE: Millis = 100;
/// Calls open at once.
const MOST_CALLS: usize = 16;
/// Time between commits.
const COMMIT_EVERY: Millis = 1_000;
/// The same while something waits for its note.
const COMMIT_SOON: Millis = 20;
/// How long a stop waits for what is under way.
const DRAIN: Duration = Duration::from_secs(15);
/// How long it then waits for the last commit; with the time to leave the group, 20 s at most.
const LAST_COMMIT: Duration = Duration::from_secs(2);

/// Why a pipeline ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// The consumer can't go on.
    #[error("{0}")]
    Source(String),
    /// The producer can't go on.
    #[error("the producer failed for good")]
    Producer,
    /// Events wait for no reason.
    #[error("partition {partition} of {topic} is stuck: {what}")]
    Stuck {
        /// Its topic.
        topic: String,
        /// Its number.
        partition: i32,
        /// What does not move.
        what: &'static str,
    },
    /// The client is out of memory.
    #[error("kafka: {0}")]
    Kafka(#[from] rdkafka::error::KafkaError),
    /// An effect of events that the ledger has closed can't be had: what is in memory does not tell what may be committed.
    #[error("an emit of {topic}/{partition} is refused after its transaction was aborted: {reason}")]
    Effect {
        /// Source of the events.
        topic: String,
        /// Their partition.
        partition: i32,
        /// What the broker said.
        reason: String,
    },
}

/// State of a binding's task.
pub(crate) struct Pipeline {
    config: BindingConfig,
    current: Arc<Current>,
    /// What calls begin with; changes only where [`heed`](Self::heed) takes another from `current`.
    function: Arc<Function>,
    // Before the consumer, which has to outlive it.
    commits: Commits<SourceContext>,
    consumer: SharedConsumer,
    lease: Arc<Lease>,
    asked: Asked,
    outbox: Arc<Outbox>,
    metrics: Arc<BindingMetrics>,
    request_metrics: Arc<RequestMetrics>,
    wasm: Handle,
    wasm_threads: usize,
    control: Option<control::Handle>,
    orders: Orders,
    shown: Arc<Shown>,
    stage: Option<Arc<Stage>>,
    range: Option<Arc<Range>>,
    /// All of the range was received.
    ended: bool,

    partitions: HashMap<TopicPartition, Assigned>,
    /// Round robin over them.
    turns: Vec<TopicPartition>,
    turn: usize,
    revocations: Vec<Revocation>,
    epochs: u64,
    recalls: Option<Recalls>,
    names: Names,

    calls: HashMap<CallId, OpenCall>,
    next_call: CallId,
    batch_size: BatchSize,
    from_calls: mpsc::Sender<FromCall>,
    tickets: mpsc::UnboundedSender<Arc<Ticket>>,
    /// Guests that wait in `settle` until the outbox has room.
    held: Vec<oneshot::Sender<Result<(), String>>>,
    /// No call begins before then: the function could not be started.
    hold_until: Millis,
    start_failures: u32,

    builder: BatchBuilder,
    scratch: Vec<u8>,
    clock: Instant,
    /// Wall clock at the start of `clock`: times in notes mean the same to the next owner.
    started: Duration,
    unread_since: Option<Millis>,
    last_commit: Millis,
    last_look: Millis,
    breakers: Breakers,
    /// Exactly-once: the transactions that take the place of the outbox and of commits.
    exact: Option<Exact>,
    /// No call can begin before something else happens than time passing.
    held_back: bool,
}

struct OpenCall {
    source: TopicPartition,
    epoch: u64,
    mode: Mode,
    events: usize,
    lanes: usize,
    context: Arc<CallContext>,
    task: AbortHandle,
    _here: OpenHere,
}

impl Drop for OpenCall {
    /// A call goes with its pipeline; of one that has ended nothing is left to cut short.
    fn drop(&mut self) {
        self.context.cancel();
        self.task.abort();
    }
}

impl Pipeline {
    /// Runs until told to stop, then drains, commits and lets go of the consumer.
    ///
    /// # Errors
    /// It can't go on: a client failed for good. Nothing is lost, it has to be begun anew.
    pub(crate) async fn run(parts: Parts, stop: watch::Receiver<bool>) -> Result<(), PipelineError> {
        let (from_calls, mut calls) = mpsc::channel(256);
        let (tickets, mut done) = mpsc::unbounded_channel();
        let (scanned, mut recalled) = mpsc::unbounded_channel();
        let mut inputs = parts.inputs;
        let function = parts.function.get();
        parts.shown.run(&function.revision);
        let breakers = Breakers::new(
            function.cassandra.as_ref().is_some_and(Access::is_needed),
            !function.emits.is_empty(),
            parts.config.dead_letter.is_some(),
            Rate::new(parts.config.dead_letter_limit),
            parts.breakers,
        );
        let start = |settings| Exact::start(settings, &parts.consumer);
        let exact = parts.config.exactly_once.as_ref().map(start).transpose()?;
        let mut this = Self {
            breakers,
            batch_size: BatchSize::new(parts.config.batch.events),
            names: Names::default(),
            recalls: Recalls::start(&parts.config, &parts.metrics, scanned),
            config: parts.config,
            current: parts.function,
            function,
            commits: Commits::new(parts.consumer.clone())?,
            lease: parts.consumer.context().lease().clone(),
            asked: Asked::default(),
            consumer: parts.consumer,
            outbox: parts.outbox,
            metrics: parts.metrics,
            request_metrics: parts.request_metrics,
            wasm: parts.wasm,
            wasm_threads: parts.wasm_threads,
            // Who asks nobody knows all there is to know.
            orders: Orders { known: parts.control.is_none(), ..Orders::default() },
            control: parts.control,
            shown: parts.shown,
            stage: parts.stage,
            range: parts.range,
            ended: false,
            partitions: HashMap::new(),
            turns: Vec::new(),
            turn: 0,
            revocations: Vec::new(),
            epochs: 0,
            calls: HashMap::new(),
            next_call: 0,
            from_calls,
            tickets,
            held: Vec::new(),
            hold_until: 0,
            start_failures: 0,
            builder: BatchBuilder::new(),
            scratch: Vec::new(),
            clock: Instant::now(),
            started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            unread_since: None,
            last_commit: 0,
            last_look: 0,
            exact,
            held_back: false,
        };
        let ended = this.work(&mut inputs, &mut calls, &mut done, &mut recalled, stop).await;
        this.close().await;
        ended
    }

    fn now(&self) -> Millis {
        (self.started + self.clock.elapsed()).as_millis() as Millis
    }

    /// Lets guests go on that wait in `settle`, once there is room.
    fn release_held(&mut self) {
        if !self.held.is_empty() && self.has_room() {
            for reply in self.held.drain(..) {
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// Most that is received and not closed.
    fn most(&self) -> (usize, usize) {
        match self.exact {
            None => (MOST_EVENTS, MOST_BYTES),
            // What a transaction holds is not closed before it is over, and calls go on meanwhile.
            Some(_) => (3 * MOST_EVENTS, 2 * MOST_BYTES),
        }
    }

    /// Whether more outcomes may come.
    fn has_room(&self) -> bool {
        self.exact.as_ref().map_or_else(|| self.outbox.has_room(), Exact::has_room)
    }
}
