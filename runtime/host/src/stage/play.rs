//! A trial without Kafka: one call at a time, back-offs take no time.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use veltrix_frame::{BatchBuilder, Outcome, Verdict};
use veltrix_manifest::{Binding, Manifest};
use veltrix_wasm::{CallError, CallErrorKind};

use super::{Emit, Stage};
use crate::batch;
use crate::call::{Around, CallContext, FromCall, Row};
use crate::event::Chunk;
use crate::flow::{CallId, Dedupe, Fate, Millis, Mode, Partition, Ruling, Seen};
use crate::function::Function;
use crate::metrics::{Metrics, RequestMetrics};
use crate::outbox::Send;
use crate::pipeline::BindingConfig;
use crate::source::{Lease, TopicPartition};
use crate::verdicts::{self, Batch, EMITS, REFUSED};
use crate::worker;

/// A trial that takes more calls does not come to an end.
const MOST_CALLS: u64 = 10_000;
/// Back-offs are in the middle of what chance makes of them.
const JITTER: f64 = 0.5;

/// What to try out.
#[derive(Debug)]
pub struct Play<'a> {
    /// The application.
    pub manifest: &'a Manifest,
    /// Which of its bindings.
    pub binding: &'a Binding,
    /// Its function, on the stage.
    pub function: Arc<Function>,
    /// Where it is told what happens.
    pub stage: Arc<Stage>,
    /// The events, a chunk for each partition.
    pub events: Vec<Chunk>,
}

/// Why a trial has no result.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The function can't be started; why is told.
    #[error("the function can't be started")]
    Refused,
    /// Events come back for ever.
    #[error("it does not come to an end: {MOST_CALLS} calls, and events still want to run")]
    Endless,
    /// The host's own fault.
    #[error("the call was lost")]
    Lost,
}

/// Handles the events until nothing is left to run. Has to run on a Tokio runtime with more than one thread.
///
/// # Errors
/// See [`PlayError`]; what happened until then is told all the same.
pub async fn play(play: Play<'_>) -> Result<(), PlayError> {
    let Play { manifest, binding, function, stage, events } = play;
    let config = worker::binding_config(binding, manifest);
    let now = stage.clock.as_millis() as Millis;
    let partitions = events.into_iter().map(|chunk| Assigned::new(chunk, &config, &stage)).collect();
    let (from_calls, calls) = mpsc::channel(16);
    let metrics = Arc::new(Metrics::default().requests(&function.name));
    let lease = Arc::new(Lease::off());
    let (builder, states) = (BatchBuilder::new(), Vec::new());
    let mut player = Player {
        config,
        function,
        stage,
        partitions,
        calls,
        from_calls,
        metrics,
        lease,
        builder,
        states,
        now,
        next: 0,
    };
    player.run().await
}

struct Player {
    config: BindingConfig,
    function: Arc<Function>,
    stage: Arc<Stage>,
    partitions: Vec<Assigned>,
    calls: mpsc::Receiver<FromCall>,
    from_calls: mpsc::Sender<FromCall>,
    metrics: Arc<RequestMetrics>,
    lease: Arc<Lease>,
    builder: BatchBuilder,
    states: Vec<u8>,
    now: Millis,
    next: CallId,
}

struct Assigned {
    name: TopicPartition,
    flow: Partition,
}

impl Assigned {
    fn new(chunk: Chunk, config: &BindingConfig, stage: &Stage) -> Self {
        let name = (chunk.topic.clone(), chunk.partition);
        let dedupe = config.dedupe.as_ref();
        let mut flow = Partition::new(config.retry.clone(), config.dead_letter.is_some())
            .with_dedupe(dedupe.map(|dedupe| Dedupe::new(dedupe.identify.clone(), dedupe.rule)));
        flow.receive(Arc::new(chunk));
        if let (Some(_), Some(dedupe)) = (flow.asked(), dedupe) {
            // Nothing was there before.
            flow.recall(Seen::new(dedupe.rule));
        }
        let copies = flow.dedupe().map(|dedupe| dedupe.take_tally().copies).unwrap_or_default();
        copies.iter().for_each(|(offset, _)| stage.told().copied(&name, *offset));
        Self { name, flow }
    }
}

/// A call at work.
struct Open {
    id: CallId,
    events: usize,
    context: Arc<CallContext>,
}

impl Player {
    async fn run(&mut self) -> Result<(), PlayError> {
        loop {
            let mut ran = false;
            for place in 0..self.partitions.len() {
                let flow = &mut self.partitions[place].flow;
                if let Some(note) = flow.note(self.now) {
                    flow.accepted(&note);
                }
                flow.wake(self.now);
                if let Some(open) = self.start(place) {
                    self.finish(place, open).await?;
                    ran = true;
                }
            }
            if ran {
                continue;
            }
            match self.partitions.iter().filter_map(|assigned| assigned.flow.next_due()).min() {
                Some(due) => self.now = self.now.max(due),
                None => return Ok(()),
            }
        }
    }

    fn start(&mut self, place: usize) -> Option<Open> {
        let id = self.next;
        let Assigned { name, flow } = &mut self.partitions[place];
        let mode = flow.next_mode()?;
        let builder = &mut self.builder;
        let control = batch::control(mode, self.config.concurrency, self.function.limits);
        builder.start(&name.0, name.1, control);
        builder.source(&self.stage.source(&name.0));
        let (mut rows, mut traceparents) = (Vec::new(), HashMap::new());
        let events = flow.take(id, self.now, self.config.batch, |event, begun| {
            batch::push(builder, event, event.offset(), begun, rows.len(), &mut traceparents);
            rows.push(Row { offset: event.offset(), timestamp: event.timestamp() });
        })?;
        self.next += 1;
        let mut frame = Vec::with_capacity(builder.bytes());
        builder.finish(&mut frame);
        let around = Around {
            function: self.function.clone(),
            pipeline: self.from_calls.clone(),
            metrics: self.metrics.clone(),
            lease: self.lease.clone(),
            stage: Some(self.stage.clone()),
        };
        let context = Arc::new(CallContext::new(id, name.clone(), rows, traceparents, around));
        let budget = batch::budget(mode, events, self.function.limits);
        tokio::spawn(context.clone().run(frame, budget, mode != Mode::Batch));
        Some(Open { id, events, context })
    }

    async fn finish(&mut self, place: usize, open: Open) -> Result<(), PlayError> {
        loop {
            match self.calls.recv().await.ok_or(PlayError::Lost)? {
                FromCall::Settled { outcome, reply, .. } => {
                    let _ = reply.send(self.apply(place, &open, &outcome));
                }
                FromCall::Ended { result, .. } => {
                    let result = result.and_then(|frame| {
                        self.apply(place, &open, &frame).map_err(|message| CallError {
                            kind: CallErrorKind::Malformed,
                            message,
                            panicked_event: None,
                            marked: None,
                        })
                    });
                    self.ended(place, &open, result)?;
                    self.partitions[place].flow.close(open.id);
                    return if self.next > MOST_CALLS { Err(PlayError::Endless) } else { Ok(()) };
                }
            }
        }
    }

    /// Takes the verdicts and emits of a frame; all of it or none.
    fn apply(&mut self, place: usize, open: &Open, frame: &[u8]) -> Result<(), String> {
        let outcome = Outcome::parse(frame).map_err(|error| format!("malformed outcome: {error}"))?;
        let Assigned { name, flow } = &mut self.partitions[place];
        let batch = Batch { flow, call: open.id, events: open.events };
        let refusal = verdicts::check(batch, &outcome, &self.function, self.config.max_record, &mut self.states)?;
        for emit in outcome.emits().filter(|emit| self.states[emit.cause as usize] == EMITS) {
            let cause = if emit.forward { flow.event_at(open.id, emit.cause) } else { None };
            let parent = open.context.traceparents.get(&emit.cause).map(String::as_str);
            self.stage.told().emits.push(Emit::of(&Send::of(&emit, cause, parent)));
        }
        let offset = |row: u32| open.context.rows[row as usize].offset;
        for row in outcome.verdicts() {
            let skipped = row.verdict == Verdict::Skip;
            if skipped || row.verdict == Verdict::Ack && self.states[row.event as usize] != REFUSED {
                if let Some(Fate::Finished(seq)) = flow.rule(open.id, row.event, &Ruling::Done, self.now, JITTER) {
                    self.stage.told().done(name, offset(row.event), skipped);
                    flow.done(seq);
                }
                continue;
            }
            let starved = row.verdict == Verdict::Retry && open.context.is_starved(row.event);
            let ruling = verdicts::ruling(&row, starved);
            let (reason, message) = verdicts::failure_of(&row, refusal.as_deref());
            if let Some(fate) = flow.rule(open.id, row.event, &ruling, self.now, JITTER) {
                self.stage.told().failed(name, offset(row.event), &fate, &reason, &message);
                bury(flow, &fate);
            }
        }
        Ok(())
    }

    fn ended(&mut self, place: usize, open: &Open, result: Result<(), CallError>) -> Result<(), PlayError> {
        let flow = &mut self.partitions[place].flow;
        let Err(error) = result else {
            self.fail_rows(place, open, false, "no-verdict", "the function gave no verdict on the event");
            return Ok(());
        };
        if error.kind == CallErrorKind::Instantiate {
            self.stage.refuse(&error.message);
            return Err(PlayError::Refused);
        }
        let charged = flow.blame(open.id, error.panicked_event, error.marked);
        if charged.is_some() {
            self.fail_rows(place, open, true, error.kind.as_str(), &error.message);
        }
        Ok(())
    }

    /// Charges every row of the call that nothing was ruled on.
    fn fail_rows(&mut self, place: usize, open: &Open, ended_call: bool, reason: &str, message: &str) {
        let Assigned { name, flow } = &mut self.partitions[place];
        for row in flow.unsettled(open.id) {
            let ruling = Ruling::Failed { asked: None, ended_call };
            if let Some(fate) = flow.rule(open.id, row, &ruling, self.now, JITTER) {
                self.stage.told().failed(name, open.context.rows[row as usize].offset, &fate, reason, message);
                bury(flow, &fate);
            }
        }
    }
}

/// Its dead letter is as good as acknowledged.
fn bury(flow: &mut Partition, fate: &Fate) {
    if let Fate::DeadLetter { seq, .. } = fate {
        flow.done(*seq);
    }
}
