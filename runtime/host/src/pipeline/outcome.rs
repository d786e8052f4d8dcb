//! What calls say: verdicts become rulings, emits go to the outbox, bad ends find their culprit.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng;
use tracing::{debug, error, warn};
use veltrix_frame::{EmitRow, Outcome, Verdict, VerdictRow};
use veltrix_wasm::{CallError, CallErrorKind};

use super::{OpenCall, Pipeline};
use crate::dead_letter::{self, DeadLetter, LeftOut};
use crate::event::EventView;
use crate::flow::{CallId, Fate, Millis, Mode, Ruling, Seq};
use crate::outbox::{Send, SendError, Ticket};
use crate::rate::Counts;
use crate::source::TopicPartition;
use crate::transaction::Letter;
use crate::verdicts::{self, Batch, EMITS, REFUSED};

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
        let Some(assigned) = self.partitions.get(&open.source) else { return Ok(()) };
        let batch = Batch { flow: &assigned.flow, call, events: open.events };
        let refusal = verdicts::check(batch, &outcome, &self.function, self.config.max_record, &mut self.scratch)?;

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
        if let Some(stage) = &self.stage {
            for row in outcome.verdicts() {
                let done = row.verdict == Verdict::Skip
                    || row.verdict == Verdict::Ack && self.scratch[row.event as usize] != REFUSED;
                if let Some(known) = open.context.rows.get(row.event as usize).filter(|_| done) {
                    stage.told().done(&open.context.source, known.offset, row.verdict == Verdict::Skip);
                }
            }
        }
        self.metrics.ack.inc_by(acked);
        self.metrics.skip.inc_by(skipped);
        self.breakers.finished(Counts { dead: 0, all: acked + skipped }, now);
        for row in failures {
            if let Some(Fate::DeadLetter { seq, attempts }) = self.rule_on(call, open, &row, refusal.as_deref()) {
                letters.push((seq, attempts, verdicts::failure_of(&row, refusal.as_deref())));
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

    /// Rules on an event that is not done.
    fn rule_on(&mut self, call: CallId, open: &OpenCall, row: &VerdictRow<'_>, refusal: Option<&str>) -> Option<Fate> {
        let starved = row.verdict == Verdict::Retry && open.context.is_starved(row.event);
        match row.verdict {
            Verdict::DeadLetter => _ = self.metrics.dead_letter.inc(),
            Verdict::Deferred => _ = self.metrics.deferred.inc(),
            Verdict::Retry => _ = self.metrics.retry.inc(),
            Verdict::Ack | Verdict::Skip => {}
        }
        if starved {
            let now = self.now();
            self.breakers.starved(now);
        }
        let ruling = verdicts::ruling(row, starved);
        if ruling == Ruling::Deferred {
            // Common, and without words.
            let now = self.now();
            return self.partitions.get_mut(&open.source)?.flow.rule(call, row.event, &ruling, now, 0.0);
        }
        let (reason, message) = verdicts::failure_of(row, refusal);
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
        if let (Some(stage), Some(offset)) = (&self.stage, offset) {
            stage.told().failed(of.0, offset, fate, reason, message);
        }
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

    /// Sends an emit; `forwarded` is the event that it is a copy of, if it is one.
    fn emit(
        &self,
        call: CallId,
        open: &OpenCall,
        emit: &EmitRow<'_>,
        forwarded: Option<EventView<'_>>,
        ticket: &Arc<Ticket>,
    ) {
        let mut record = Send::of(emit, forwarded, open.context.traceparents.get(&emit.cause).map(String::as_str));
        if let Some(stage) = &self.stage {
            record.topic = stage.outside(record.topic);
        }
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
        let left_out = LeftOut::of(event, self.config.max_record);
        let letter = DeadLetter {
            reason: failure.reason,
            error: failure.message,
            function: &self.function.name,
            revision,
            attempts,
            left_out,
            limit: self.config.max_record,
        };
        let list = dead_letter::headers(event, &source.0, source.1, &letter);
        if left_out.any() {
            warn!(
                topic,
                offset = event.offset(),
                "the dead letter is larger than message.max.bytes: it is sent without its {}, and its headers point at the source",
                left_out.names().join(", ")
            );
        }
        let record = Send {
            topic,
            partition: None,
            key: event.key().filter(|_| !left_out.key),
            value: event.value().filter(|_| !left_out.value),
            // Of now: retention counts from there, and would take a letter that is as old as its event. That time is in a header.
            timestamp: None,
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
            if let Some(stage) = &self.stage {
                stage.refuse(&problem.message);
            }
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
