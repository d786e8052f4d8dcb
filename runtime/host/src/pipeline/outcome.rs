//! What calls say: verdicts become rulings, emits go to the outbox, bad ends find their culprit.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng;
use tracing::{debug, error, warn};
use veltrix_frame::{EmitRow, Outcome, Verdict, VerdictRow};
use veltrix_wasm::{CallError, CallErrorKind};

use super::{OpenCall, Pipeline};
use crate::dead_letter::{self, DeadLetter};
use crate::event::EventView;
use crate::flow::{CallId, Fate, Millis, Mode, Ruling, Seq};
use crate::outbox::{Send, SendError, Ticket};
use crate::rate::Counts;
use crate::source::TopicPartition;
use crate::transaction::Letter;

/// What `apply` notes of a row while it reads a frame.
const UNTOUCHED: u8 = 0;
const RULED: u8 = 1;
const ACKED: u8 = 2;
pub(super) const EMITS: u8 = 3;
const REFUSED: u8 = 4;

/// Room that a record's framing takes beyond key, value and headers.
const FRAMING: usize = 512;
/// Pause before an event runs again that failed for a dependency that is down.
const STARVED: Duration = Duration::from_millis(250);
/// Longest pause between attempts to start a function.
const MOST_HOLD: u64 = 30_000;

/// What is known of an event that another worker has failed with for the last time.
const USED_UP: &str = "its attempts were used up, and the worker ended before it was dealt with";

/// The same of an event that no worker outlived.
const LOST_WITH: &str = "it ran by itself, and the worker was lost with it each time";

/// How an event's run went wrong.
struct Failure<'a> {
    reason: &'a str,
    message: &'a str,
}

impl Pipeline {
    /// Takes verdicts and emits for events that are done; all of the frame or none.
    pub(super) fn settle(&mut self, call: CallId, frame: Vec<u8>) -> Result<(), String> {
        // Out of the map while it is applied, so that the rest of the state can change.
        let Some(mut open) = self.calls.remove(&call) else { return Ok(()) };
        let result = self.apply(call, &open, frame);
        if let Some(assigned) = self.partitions.get(&open.source) {
            open.lanes = open.lanes.min(assigned.flow.open_in(call));
        }
        self.calls.insert(call, open);
        result
    }

    fn apply(&mut self, call: CallId, open: &OpenCall, frame: Vec<u8>) -> Result<(), String> {
        let outcome = Outcome::parse(&frame).map_err(|error| format!("malformed outcome: {error}"))?;
        let refusal = self.check(call, open, &outcome)?;

        let (mut with_emits, mut finished, mut letters, mut failures) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        // What is done goes first and in one go: this runs for every event there is. The order of a frame's rulings is
        // all one, since a lane goes on only when all its events of the call are ruled on.
        let now = self.now();
        let Some(assigned) = self.partitions.get_mut(&open.source) else { return Ok(()) };
        let (mut acked, mut skipped) = (0, 0);
        for row in outcome.verdicts() {
            let state = self.scratch[row.event as usize];
            match row.verdict {
                Verdict::Ack if state != REFUSED => acked += 1,
                Verdict::Skip => skipped += 1,
                Verdict::Ack | Verdict::Retry | Verdict::DeadLetter | Verdict::Deferred => {
                    failures.push(row);
                    continue;
                }
            }
            if let Some(Fate::Finished(seq)) = assigned.flow.rule(call, row.event, &Ruling::Done, now, 0.0) {
                if state == EMITS { with_emits.push(seq) } else { finished.push(seq) }
            }
        }
        self.metrics.ack.inc_by(acked);
        self.metrics.skip.inc_by(skipped);
        self.breakers.finished(Counts { dead: 0, all: acked + skipped }, now);
        for row in failures {
            if let Some(Fate::DeadLetter { seq, attempts }) = self.rule_on(call, open, &row, refusal.as_deref()) {
                letters.push((seq, attempts, self.failure_of(&row, refusal.as_deref())));
            }
        }
        if self.exact.is_some() {
            with_emits.append(&mut finished);
            self.keep(call, open, with_emits, frame);
        } else if !with_emits.is_empty() {
            let ticket = self.outbox.ticket(open.source.clone(), open.epoch, with_emits, self.tickets.clone());
            let flow = self.partitions.get(&open.source).map(|assigned| &assigned.flow);
            let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
            for mut emit in outcome.emits().filter(|emit| self.scratch[emit.cause as usize] == EMITS) {
                // One look at the clock for all, where the client would take one for each.
                emit.timestamp.get_or_insert(sent_at);
                let cause = flow.filter(|_| emit.forward).and_then(|flow| flow.event_at(call, emit.cause));
                self.emit(call, open, &emit, cause, &ticket);
            }
            self.outbox.seal(&ticket);
        }
        for (seq, attempts, (reason, message)) in letters {
            let failure = Failure { reason: &reason, message: &message };
            self.bury((&open.source, open.epoch), seq, attempts, &failure, &open.context.function.revision);
        }
        if let Some(assigned) = self.partitions.get_mut(&open.source) {
            for seq in finished {
                assigned.flow.done(seq);
            }
        }
        Ok(())
    }

    /// Checks all of a frame before any of it counts, and notes in `scratch` what it says of each
    /// row. Gives back why emits were refused, if any were.
    fn check(&mut self, call: CallId, open: &OpenCall, outcome: &Outcome<'_>) -> Result<Option<String>, String> {
        let rows = open.events;
        self.scratch.clear();
        self.scratch.resize(rows, UNTOUCHED);
        let Some(assigned) = self.partitions.get(&open.source) else { return Ok(None) };
        for row in outcome.verdicts() {
            let Some(state) = self.scratch.get_mut(row.event as usize) else {
                return Err(format!("a verdict on event {} of a batch of {rows}", row.event));
            };
            if *state != UNTOUCHED || !assigned.flow.is_open(call, row.event) {
                return Err(format!("a second verdict on event {}", row.event));
            }
            *state = if row.verdict == Verdict::Ack { ACKED } else { RULED };
        }
        let mut refusal = None;
        let mut allowed: Option<&str> = None;
        for emit in outcome.emits() {
            let Some(state) = self.scratch.get_mut(emit.cause as usize) else {
                return Err(format!("an emit caused by event {} of a batch of {rows}", emit.cause));
            };
            if !matches!(*state, ACKED | EMITS) {
                continue;
            }
            let known = allowed == Some(emit.topic) || self.function.emits.contains(emit.topic);
            allowed = known.then_some(emit.topic).or(allowed);
            let size = match emit.forward {
                true => assigned.flow.event_at(call, emit.cause).map_or(0, event_size),
                false => size(&emit),
            };
            if !known {
                refusal = Some(format!(
                    "emit to topic \"{}\" is not granted; add it to `emits` of [function.{}]",
                    emit.topic, self.function.name
                ));
                *state = REFUSED;
            } else if size > self.config.max_record {
                refusal = Some(format!(
                    "emit of {size} bytes to {} is larger than message.max.bytes ({} bytes)",
                    emit.topic, self.config.max_record
                ));
                *state = REFUSED;
            } else if emit.partition.is_some_and(|p| p < 0) {
                refusal = Some(format!("emit to partition {} of {}", emit.partition.unwrap_or(-1), emit.topic));
                *state = REFUSED;
            } else {
                *state = EMITS;
            }
        }
        Ok(refusal)
    }

    /// Rules on an event that is not done.
    fn rule_on(&mut self, call: CallId, open: &OpenCall, row: &VerdictRow<'_>, refusal: Option<&str>) -> Option<Fate> {
        let ruling = match row.verdict {
            // What is done was ruled on before: these emits were refused.
            Verdict::Ack | Verdict::Skip => Ruling::Failed { asked: None, ended_call: false },
            Verdict::DeadLetter => {
                self.metrics.dead_letter.inc();
                Ruling::DeadLetter
            }
            Verdict::Deferred => {
                self.metrics.deferred.inc();
                Ruling::Deferred
            }
            Verdict::Retry => {
                self.metrics.retry.inc();
                if open.context.is_starved(row.event) {
                    let now = self.now();
                    self.breakers.starved(now);
                    Ruling::Free(STARVED)
                } else {
                    let asked = (row.retry_after_ms > 0).then(|| Duration::from_millis(row.retry_after_ms.into()));
                    Ruling::Failed { asked, ended_call: false }
                }
            }
        };
        if ruling == Ruling::Deferred {
            // Common, and without words.
            let now = self.now();
            return self.partitions.get_mut(&open.source)?.flow.rule(call, row.event, &ruling, now, 0.0);
        }
        let (reason, message) = self.failure_of(row, refusal);
        self.rule_failure(call, open, row.event, &ruling, &Failure { reason: &reason, message: &message })
    }

    /// Rules on a failure, and says so: what runs again at debug, what does not at warn.
    fn rule_failure(
        &mut self,
        call: CallId,
        open: &OpenCall,
        row: u32,
        ruling: &Ruling,
        failure: &Failure<'_>,
    ) -> Option<Fate> {
        let now = self.now();
        let assigned = self.partitions.get_mut(&open.source)?;
        let fate = assigned.flow.rule(call, row, ruling, now, rand::rng().random())?;
        let offset = open.context.rows.get(row as usize).map(|row| row.offset);
        self.tell(&fate, (&open.context.source, offset), now, failure);
        Some(fate)
    }

    fn tell(&self, fate: &Fate, of: (&TopicPartition, Option<i64>), now: Millis, failure: &Failure<'_>) {
        let ((topic, partition), offset) = of;
        let Failure { reason, message } = failure;
        let function = &*self.function.name;
        match fate {
            Fate::Retry { at, attempts } => {
                self.metrics.retries.inc();
                debug!(
                    function,
                    %topic,
                    partition,
                    offset,
                    attempts,
                    in_ms = at.saturating_sub(now),
                    reason,
                    error = message,
                    "retry"
                );
            }
            Fate::DeadLetter { attempts, .. } => {
                warn!(function, %topic, partition, offset, attempts, reason, error = message, "dead letter");
            }
            Fate::Stopped { attempts } => {
                error!(
                    function,
                    %topic,
                    partition,
                    offset,
                    attempts,
                    reason,
                    error = message,
                    "lane stopped: the event can't be handled and there is no dead-letter topic; mend the function, or name a `dead_letter` topic, then let it go on: {}",
                    self.config.resume
                );
            }
            Fate::Finished(_) | Fate::Deferred => {}
        }
    }

    /// Reason and message of a failed row.
    fn failure_of(&self, row: &VerdictRow<'_>, refusal: Option<&str>) -> (String, String) {
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
        let message = text(row.message).unwrap_or_default();
        match row.verdict {
            Verdict::Ack => ("emit-refused".into(), refusal.unwrap_or_default().into()),
            Verdict::DeadLetter => (text(row.reason).unwrap_or_else(|| "dead-letter".into()), message),
            Verdict::Retry | Verdict::Skip | Verdict::Deferred => {
                (text(row.reason).unwrap_or_else(|| "attempts-exhausted".into()), message)
            }
        }
    }

    /// Sends an emit; `forwarded` is the event that it is a copy of, if it is one.
    fn emit(
        &self,
        call: CallId,
        open: &OpenCall,
        emit: &EmitRow<'_>,
        forwarded: Option<EventView<'_>>,
        ticket: &Arc<Ticket>,
    ) {
        let record = Send::of(emit, forwarded, open.context.traceparents.get(&emit.cause).map(String::as_str));
        match self.outbox.send(record, ticket) {
            Ok(()) => {
                self.metrics.emitted.inc();
            }
            Err(problem) => self.lose(open, call, &problem, ticket),
        }
    }

    /// What was checked before a verdict counted is refused all the same: its lane stops.
    fn lose(&self, open: &OpenCall, call: CallId, problem: &SendError, ticket: &Arc<Ticket>) {
        error!(%problem, call, topic = %open.source.0, partition = open.source.1, "an emit is lost: its events are not committed and their lanes stop");
        ticket.lose();
    }

    /// Writes an event to the dead-letter topic.
    fn bury(&mut self, from: (&TopicPartition, u64), seq: Seq, attempts: u32, failure: &Failure<'_>, revision: &str) {
        let (source, epoch) = from;
        let (Some(assigned), Some(topic)) = (self.partitions.get(source), &self.config.dead_letter) else {
            return;
        };
        let Some(event) = assigned.flow.event(seq) else { return };
        let fits = letter_size(event) <= self.config.max_record;
        let letter = DeadLetter {
            reason: failure.reason,
            error: failure.message,
            function: &self.function.name,
            revision,
            attempts,
            omitted: !fits,
        };
        let list = dead_letter::headers(event, &source.0, source.1, &letter);
        if !fits {
            warn!(
                topic,
                offset = event.offset(),
                "the dead letter is larger than message.max.bytes: it is sent without its value, and its headers point at the source"
            );
        }
        let record = Send {
            topic,
            partition: None,
            key: event.key(),
            value: event.value().filter(|_| fits),
            // The letter's headers have it in any case; a broker refuses a record from before 1970 or from the future.
            timestamp: (0..=self.now() as i64).contains(&event.timestamp()).then(|| event.timestamp()),
            headers: Some(list),
        };
        if self.exact.is_some() {
            let letter = Letter::of(record);
            self.letter_sent(failure.reason);
            return self.keep_letter(from, seq, letter);
        }
        let ticket = self.outbox.ticket(source.clone(), epoch, vec![seq], self.tickets.clone());
        match self.outbox.send(record, &ticket) {
            Ok(()) => self.letter_sent(failure.reason),
            Err(problem) => {
                error!(%problem, "a dead letter is lost: its event is not committed and its lane stops");
                ticket.lose();
            }
        }
        self.outbox.seal(&ticket);
    }

    fn letter_sent(&mut self, reason: &str) {
        self.metrics.dead_lettered(reason);
        let now = self.now();
        self.breakers.finished(Counts { dead: 1, all: 1 }, now);
    }

    /// Gives up events whose attempts a worker before this one has used up.
    pub(super) fn bury_used_up(&mut self, now: Millis) {
        let mut found = Vec::new();
        for (name, assigned) in &mut self.partitions {
            while let Some((seq, fate)) = assigned.flow.used_up(now) {
                found.push((name.clone(), assigned.epoch, seq, fate));
            }
        }
        for (source, epoch, seq, fate) in found {
            let offset = self.partitions.get(&source).and_then(|a| a.flow.event(seq)).map(|event| event.offset());
            let killer = self.partitions.get(&source).is_some_and(|a| a.flow.was_lost_with(seq));
            let failure = match killer {
                true => Failure { reason: "worker-lost", message: LOST_WITH },
                false => Failure { reason: "attempts-exhausted", message: USED_UP },
            };
            self.tell(&fate, (&source, offset), now, &failure);
            if let Fate::DeadLetter { seq, attempts } = fate {
                let revision = self.function.revision.clone();
                self.bury((&source, epoch), seq, attempts, &failure, &revision);
            }
        }
    }

    /// A call is over.
    pub(super) fn ended(&mut self, call: CallId, result: Result<Vec<u8>, CallError>, took: Duration) {
        let Some(mut open) = self.calls.remove(&call) else { return };
        self.metrics.call_took(took);
        let result = match result {
            Ok(frame) => self.apply(call, &open, frame).map_err(|message| CallError {
                kind: CallErrorKind::Malformed,
                message,
                panicked_event: None,
                marked: None,
            }),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                self.metrics.call_ended("ok");
                if std::mem::take(&mut self.start_failures) > 0 {
                    self.shown.starts_fail(0);
                }
                self.batch_size.went_well();
                self.breakers.call_ended();
                let failure = Failure { reason: "no-verdict", message: "the function gave no verdict on the event" };
                self.fail_rows(call, &open, false, &failure);
            }
            Err(error) => self.ended_badly(call, &mut open, &error),
        }
        if let Some(assigned) = self.partitions.get_mut(&open.source) {
            assigned.flow.close(call);
        }
    }

    fn ended_badly(&mut self, call: CallId, open: &mut OpenCall, problem: &CallError) {
        let kind = problem.kind.as_str();
        self.metrics.call_ended(kind);
        let now = self.now();
        let (topic, partition, function) = (&*open.context.source.0, open.context.source.1, &*self.function.name);
        let Some(assigned) = self.partitions.get_mut(&open.source) else { return };
        if problem.kind == CallErrorKind::Instantiate {
            // No event is to blame for it.
            self.start_failures += 1;
            self.shown.starts_fail(self.start_failures);
            let hold = (500u64 << self.start_failures.min(10)).min(MOST_HOLD);
            error!(function, error = problem.message, hold_ms = hold, "the function can't be started; trying again");
            assigned.flow.give_back(call, Duration::from_millis(hold), now);
            self.hold_until = now + hold;
            return;
        }
        if matches!(problem.kind, CallErrorKind::Cpu | CallErrorKind::Memory | CallErrorKind::Deadline)
            && open.mode == Mode::Batch
        {
            self.batch_size.overran(open.events);
        }
        let charged = assigned.flow.blame(call, problem.panicked_event, problem.marked);
        let offset = charged.and_then(|row| open.context.rows.get(row as usize)).map(|row| row.offset);
        warn!(
            function,
            topic,
            partition,
            offset,
            events = open.events,
            kind,
            error = problem.message,
            "call ended badly"
        );
        if charged.is_some() {
            self.fail_rows(call, open, true, &Failure { reason: kind, message: &problem.message });
        }
    }

    /// Charges every row of the call that nothing was ruled on.
    fn fail_rows(&mut self, call: CallId, open: &OpenCall, ended_call: bool, failure: &Failure<'_>) {
        let rows = self.partitions.get(&open.source).map(|a| a.flow.unsettled(call)).unwrap_or_default();
        for row in rows {
            let ruling = Ruling::Failed { asked: None, ended_call };
            if let Some(Fate::DeadLetter { seq, attempts }) = self.rule_failure(call, open, row, &ruling, failure) {
                let revision = open.context.function.revision.clone();
                self.bury((&open.source, open.epoch), seq, attempts, failure, &revision);
            }
        }
    }
}

fn size(emit: &EmitRow<'_>) -> usize {
    emit.key.map_or(0, <[u8]>::len) + emit.value.map_or(0, <[u8]>::len) + headers_size(emit.headers.clone()) + FRAMING
}

fn event_size(event: EventView<'_>) -> usize {
    event.size() + headers_size(event.headers()) + FRAMING
}

fn letter_size(event: EventView<'_>) -> usize {
    // Our own headers, with an error text of the longest kind.
    event_size(event) + 8_192
}

/// Headers with the lengths in front of their names and values.
fn headers_size<'a>(headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> usize {
    headers.map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + 10).sum()
}
