//! The loop: whatever reports to the binding is taken in, one at a time, and what follows from it is begun.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::error;

use super::{DRAIN, Pipeline, PipelineError, careful, transaction};
use crate::call::FromCall;
use crate::control;
use crate::flow::Millis;
use crate::outbox::Ticket;
use crate::source::{Input, Scanned};

impl Pipeline {
    /// Goes on until told to stop and drained, or until it can't.
    pub(super) async fn work(
        &mut self,
        inputs: &mut mpsc::Receiver<Input>,
        calls: &mut mpsc::Receiver<FromCall>,
        done: &mut mpsc::UnboundedReceiver<Arc<Ticket>>,
        recalled: &mut mpsc::UnboundedReceiver<Scanned>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), PipelineError> {
        let this = self;
        let mut stopping: Option<Millis> = None;
        let mut control = this.control.clone();
        this.heed(this.now());
        loop {
            let now = this.now();
            let ours = this.hear_commits();
            match stopping {
                None if this.is_over() => return Ok(()),
                None if ours => this.start_calls(now),
                None => this.held_back = true,
                Some(limit) if this.is_quiet() || now >= limit => return Ok(()),
                Some(_) => {}
            }
            this.finish_revocations(now);
            this.commit_if_due(now);
            let held = this.is_held() || this.breakers.is_open() || now < this.hold_until || careful::is_quiet();
            this.look_for_stuck(now, !ours || stopping.is_some() || held)?;
            this.transact(now, stopping.is_some());
            let reads = this.reads_source(now);
            let wake = Duration::from_millis(this.next_wake(now, stopping).saturating_sub(now).max(1));
            tokio::select! {
                biased;
                changed = stop.changed(), if stopping.is_none() => {
                    if changed.is_err() || *stop.borrow() {
                        stopping = Some(this.now() + DRAIN.as_millis() as Millis);
                        this.drain_all();
                    }
                }
                // A verdict brings effects: they must not come from a worker that has lost its partitions unawares.
                Some(from) = calls.recv(), if ours => {
                    this.take(from);
                    while let Ok(from) = calls.try_recv() {
                        this.take(from);
                    }
                }
                Some(ticket) = done.recv() => {
                    this.acknowledged(&ticket);
                    while let Ok(ticket) = done.try_recv() {
                        this.acknowledged(&ticket);
                    }
                }
                Some(scanned) = recalled.recv() => this.recalled(scanned),
                report = transaction::next_report(&mut this.exact) => match report {
                    Some(report) => this.transacted(report)?,
                    None => return Err(PipelineError::Producer),
                },
                input = inputs.recv(), if reads => match input {
                    Some(Input::Failed(reason)) => return Err(PipelineError::Source(reason)),
                    Some(input) => {
                        this.input(input);
                        while this.reads_source(this.now()) && let Ok(input) = inputs.try_recv() {
                            if let Input::Failed(reason) = input {
                                return Err(PipelineError::Source(reason));
                            }
                            this.input(input);
                        }
                    }
                    None if stopping.is_none() => return Err(PipelineError::Source("the source ended".into())),
                    None => {}
                },
                () = control::changed(&mut control) => this.heed(this.now()),
                () = tokio::time::sleep(wake) => {}
            }
            if this.exact.is_none() && this.outbox.is_fatal() {
                return Err(PipelineError::Producer);
            }
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Records(chunks) => {
                for chunk in chunks {
                    self.receive(chunk);
                }
            }
            Input::Assigned(partitions) => self.assigned(partitions),
            Input::Revoking { partitions, lost, reply } => self.revoking(partitions, lost, reply),
            Input::Ended => self.ended = true,
            Input::Failed(reason) => error!(reason, "source"),
        }
    }

    fn take(&mut self, from: FromCall) {
        match from {
            FromCall::Settled { call, outcome, reply } => {
                let result = self.settle(call, outcome);
                if result.is_ok() && !self.has_room() {
                    self.held.push(reply);
                } else {
                    let _ = reply.send(result);
                }
            }
            FromCall::Ended { call, result, took } => self.ended(call, result, took),
        }
    }

    /// All effects of some events are acknowledged, or one of them is lost.
    fn acknowledged(&mut self, ticket: &Ticket) {
        // A ticket of an earlier assignment speaks of sequence numbers that mean something else now.
        if let Some(assigned) = self.partitions.get_mut(&ticket.source).filter(|a| a.epoch == ticket.epoch) {
            for seq in &ticket.events {
                if ticket.is_lost() {
                    assigned.flow.lose_effect(*seq);
                } else {
                    assigned.flow.done(*seq);
                }
            }
        }
        self.release_held();
    }

    /// When something is due even if nobody reports anything.
    fn next_wake(&self, now: Millis, stopping: Option<Millis>) -> Millis {
        let mut wake = self.next_commit().min(self.next_answer(now)).min(self.breakers.next(now));
        wake = wake.min(stopping.unwrap_or(Millis::MAX));
        for assigned in self.partitions.values() {
            wake = wake.min(assigned.flow.next_due().unwrap_or(Millis::MAX));
            if stopping.is_none()
                && !self.held_back
                && let Some(since) = assigned.ready_since
            {
                wake = wake.min(since + self.config.wait.as_millis() as Millis).max(now + 1);
            }
        }
        if let Some(exact) = &self.exact {
            wake = wake.min(exact.next_due().unwrap_or(Millis::MAX));
        }
        // Of other bindings nobody tells this one.
        let waits = self.unread_since.is_some() || careful::is_quiet();
        if !self.has_room() || !self.held.is_empty() || waits {
            wake = wake.min(now + 20);
        }
        if self.hold_until > now {
            wake = wake.min(self.hold_until);
        }
        for revocation in &self.revocations {
            wake = wake.min(revocation.limit);
        }
        wake
    }
}
