//! Exactly-once: outcomes are kept until the transaction that they are in is committed, with the offsets of their events.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};
use veltrix_frame::Outcome;
use veltrix_manifest::{Binding, Delivery, Manifest};

use super::{OpenCall, Pipeline, PipelineError, commit};
use crate::flow::{CallId, Millis, Seq};
use crate::kafka::{Health, KafkaConfig, membership, offsets};
use crate::source::{SharedConsumer, TopicPartition};
use crate::transaction::{Command, Cycle, Identity, Kept, Letter, Phase, Report, Row, Setup, Transactions};
use crate::verdicts::EMITS;
use crate::worker_id::WorkerId;

/// What a binding needs for exactly-once.
#[derive(Debug, Clone)]
pub(crate) struct ExactlyOnce {
    /// The consumer's group, whose offsets are committed.
    pub group: String,
    /// Longest time between the first outcome of a transaction and its commit.
    pub interval: Duration,
    /// How to reach Kafka.
    pub kafka: KafkaConfig,
    /// The worker's view of Kafka.
    pub health: Arc<Health>,
    /// The application's name; with the group's and the worker's it names the producer.
    pub application: String,
    /// The worker's name.
    pub worker: String,
}

/// Transactions of the binding, as the pipeline sees them.
pub(super) struct Exact {
    reports: mpsc::UnboundedReceiver<Report>,
    interval: Duration,
    cycle: Cycle,
    transactions: Transactions,
    next_number: u64,
    /// Names the offsets of a transaction.
    id: u32,
    /// Offsets of the transaction that is being committed.
    sent: Vec<Sent>,
    /// Notes beside the offsets have changed, though no outcome waits.
    notes: bool,
    flushed: Instant,
    commits: u64,
    /// When withheld partitions were last looked at.
    looked: Millis,
}

/// Between looks at whether what is withheld may go on.
const LOOK_EVERY: Millis = 50;

struct Sent {
    name: TopicPartition,
    epoch: u64,
    commit: (i64, String),
}

impl ExactlyOnce {
    /// What the binding asks for, for a consumer of `group`.
    pub(crate) fn of(
        binding: &Binding,
        manifest: &Manifest,
        group: &str,
        (kafka, health): (&KafkaConfig, &Arc<Health>),
        worker: &WorkerId,
    ) -> Option<Self> {
        (binding.delivery == Delivery::ExactlyOnce).then(|| Self {
            group: group.to_owned(),
            interval: binding.transaction,
            kafka: kafka.clone(),
            health: health.clone(),
            application: manifest.name.clone(),
            worker: worker.name().to_owned(),
        })
    }
}

impl Exact {
    pub(super) fn start(settings: &ExactlyOnce, consumer: &SharedConsumer) -> Result<Self, KafkaError> {
        // Weak: the source waits until the pipeline has let go of the consumer.
        let consumer = Arc::downgrade(consumer);
        let setup = Setup {
            kafka: settings.kafka.clone(),
            group: settings.group.clone(),
            identity: Identity::new(&settings.application, &settings.group, &settings.worker),
            health: settings.health.clone(),
            membership: Box::new(move || {
                let consumer = consumer.upgrade()?;
                let name = membership::name(&consumer)?;
                let metadata = membership::membership(&consumer)?;
                let same = membership::name(&consumer)? == name;
                // Else what is kept is of partitions that the group took from a member that it has thrown out.
                (same && consumer.context().holds_as(&name)).then_some(metadata)
            }),
        };
        let (report, reports) = mpsc::unbounded_channel();
        Ok(Self {
            reports,
            interval: settings.interval,
            cycle: Cycle::new(),
            transactions: Transactions::start(setup, report)?,
            next_number: 0,
            id: 0,
            sent: Vec::new(),
            notes: false,
            flushed: Instant::now(),
            commits: 0,
            looked: 0,
        })
    }

    pub(super) fn has_room(&self) -> bool {
        self.cycle.has_room()
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.cycle.is_quiet()
    }

    pub(super) fn forget(&mut self, name: &TopicPartition) {
        self.cycle.forget(name);
    }

    /// Transactions committed so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// Events whose outcomes wait for a commit.
    pub(super) fn events(&self) -> usize {
        self.cycle.events()
    }

    pub(super) fn next_due(&self) -> Option<Millis> {
        let look = (!self.cycle.withheld().is_empty()).then_some(self.looked + LOOK_EVERY);
        [look, self.cycle.next_due(self.interval)].into_iter().flatten().min()
    }

    /// Notes want to be committed, with the next transaction or one of their own.
    pub(super) fn note(&mut self) {
        self.notes = true;
    }

    /// Takes back what is open, and ends the thread.
    pub(super) async fn stop(self, limit: Duration) {
        self.transactions.stop(limit).await;
    }

    fn keep(&mut self, make: impl FnOnce(u64) -> Kept) {
        let unit = Arc::new(make(self.next_number));
        self.next_number += 1;
        if self.cycle.keep(unit.clone()) {
            self.transactions.tell(Command::Emit(unit));
        }
    }

    fn abort(&mut self) {
        self.cycle.abort();
        self.transactions.tell(Command::Abort);
    }
}

/// What the transactions' thread reports next, if there are transactions; none if it has ended.
pub(super) async fn next_report(exact: &mut Option<Exact>) -> Option<Report> {
    match exact {
        Some(exact) => exact.reports.recv().await,
        None => std::future::pending().await,
    }
}

impl Pipeline {
    /// Keeps a frame whose verdicts are taken, and the events that it finished.
    pub(super) fn keep(&mut self, call: CallId, open: &OpenCall, events: Vec<Seq>, frame: Vec<u8>) {
        let Some(exact) = self.exact.as_mut().filter(|_| !events.is_empty()) else { return };
        let source = open.source.clone();
        if !self.scratch.contains(&EMITS) {
            return exact.keep(|number| Kept::silent(number, source, open.epoch, events));
        }
        let mut rows = vec![Row::Silent; self.scratch.len()];
        let flow = self.partitions.get(&open.source).map(|assigned| &assigned.flow);
        // It was parsed before, and took it.
        let mut emits = 0;
        for emit in Outcome::parse(&frame).iter().flat_map(Outcome::emits) {
            let row = emit.cause as usize;
            if self.scratch[row] != EMITS {
                continue;
            }
            emits += 1;
            match &rows[row] {
                Row::Forwards(..) => {}
                Row::Silent | Row::Emits => {
                    let held = flow.filter(|_| emit.forward).and_then(|flow| flow.held_at(call, emit.cause));
                    rows[row] = held.map_or(Row::Emits, |(chunk, index)| Row::Forwards(chunk, index));
                }
            }
        }
        self.metrics.emitted.inc_by(emits);
        let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let traceparents: HashMap<u32, String> = open.context.traceparents.clone();
        exact.keep(|number| {
            Kept::silent(number, source, open.epoch, events).with_emits(frame, rows, traceparents, sent_at)
        });
    }

    /// Keeps a dead letter.
    pub(super) fn keep_letter(&mut self, (source, epoch): (&TopicPartition, u64), event: Seq, letter: Letter) {
        if let Some(exact) = &mut self.exact {
            exact.keep(|number| Kept::silent(number, source.clone(), epoch, vec![event]).with_letter(letter));
        }
    }

    /// Begins and ends transactions as they fall due.
    pub(super) fn transact(&mut self, now: Millis, stopping: bool) {
        self.release_withheld(now);
        let Some(exact) = &mut self.exact else { return };
        for unit in exact.cycle.open(now) {
            exact.transactions.tell(Command::Emit(unit));
        }
        if exact.cycle.phase() == Phase::Open && exact.cycle.doomed().is_some() {
            return exact.abort();
        }
        // Somebody waits for the end of what is open, and nothing more will come to it.
        let idle = |name: &TopicPartition| self.calls.values().all(|call| call.source != *name);
        let urgent = (stopping && self.calls.is_empty())
            || self.revocations.iter().any(|revocation| revocation.partitions.iter().all(idle));
        if exact.cycle.is_due(now, exact.interval, urgent, exact.notes) {
            exact.notes = false;
            exact.flushed = Instant::now();
            exact.cycle.flush();
            exact.transactions.tell(Command::Flush);
        }
    }

    /// Whether all that is known of a partition that goes is committed. If only notes are not, they are asked for.
    pub(super) fn is_committed(&mut self, name: &TopicPartition) -> bool {
        let Some(exact) = &mut self.exact else { return true };
        let Some(assigned) = self.partitions.get_mut(name) else { return true };
        if exact.cycle.holds(name) || assigned.is_asked() {
            return false;
        }
        if assigned.revoke() {
            exact.notes = true;
        }
        !exact.notes
    }

    /// The transactions' thread reports.
    ///
    /// # Errors
    /// The binding can't go on from what it has in memory: it has to begin anew from the committed offsets.
    pub(super) fn transacted(&mut self, report: Report) -> Result<(), PipelineError> {
        let now = self.now();
        let Some(exact) = &mut self.exact else { return Ok(()) };
        match report {
            Report::Ready => exact.cycle.ready(),
            Report::Flushed if exact.cycle.doomed().is_some() => exact.abort(),
            Report::Flushed => self.commit_offsets(now),
            Report::Broken { refused, reason } => {
                debug!(reason, group = self.config.group, "a transaction can't be committed");
                exact.abort();
                self.lose_refused(&refused)?;
            }
            Report::Committed => self.transaction_committed(),
            Report::Aborted => self.transaction_aborted(now),
            Report::Anew { committed: None, .. } => self.transaction_aborted(now),
            Report::Anew { committed: Some(committed), reason } => {
                // All of a transaction is committed or nothing, so any partition that is still ours tells.
                let ours = |sent: &&Sent| self.partitions.get(&sent.name).is_some_and(|a| a.epoch == sent.epoch);
                let happened = exact.sent.iter().filter(ours).any(|sent| is_in(&committed, sent));
                info!(
                    reason,
                    happened,
                    group = self.config.group,
                    "the group's offsets tell whether the last transaction was committed"
                );
                if happened { self.transaction_committed() } else { self.transaction_aborted(now) }
            }
        }
        Ok(())
    }

    /// All that the transaction holds is acknowledged: closes its events and adds the offsets that follow from it.
    fn commit_offsets(&mut self, now: Millis) {
        let Some(exact) = &mut self.exact else { return };
        for unit in exact.cycle.close() {
            if let Some(assigned) = self.partitions.get_mut(&unit.source).filter(|a| a.epoch == unit.epoch) {
                for seq in &unit.events {
                    assigned.flow.done(*seq);
                }
            }
        }
        let mut list = TopicPartitionList::new();
        exact.sent.clear();
        exact.id = exact.id.wrapping_add(1);
        let mut full = false;
        for (name, assigned) in &mut self.partitions {
            if exact.cycle.withheld().contains(name) {
                continue;
            }
            let epoch = assigned.epoch;
            if let Some(note) = assigned.ask(exact.id, now, false) {
                if !note.is_whole() {
                    warn!(
                        topic = %name.0,
                        partition = name.1,
                        group = self.config.group,
                        "more is done beyond an open event than the note beside the offset can hold: its outcomes wait until the gaps close"
                    );
                    exact.cycle.withhold(name);
                    full = true;
                }
                commit::add(&mut list, name, note);
                let commit = (note.offset, note.text.clone());
                exact.sent.push(Sent { name: name.clone(), epoch, commit });
            }
        }
        if list.count() == 0 && exact.cycle.is_empty() {
            // There was nothing new to note after all, and nothing was begun for it.
            exact.cycle.committed();
            return;
        }
        if list.count() == 0 || full {
            // Nothing follows from it, or not for us any more.
            return exact.abort();
        }
        exact.cycle.commit();
        exact.transactions.tell(Command::Commit(list));
    }

    /// Lets outcomes go on that waited for room in their partition's note.
    fn release_withheld(&mut self, now: Millis) {
        let Some(exact) = self.exact.as_mut().filter(|exact| !exact.cycle.withheld().is_empty()) else { return };
        if now < exact.looked + LOOK_EVERY {
            return;
        }
        exact.looked = now;
        for unit in exact.cycle.close_withheld() {
            if let Some(assigned) = self.partitions.get_mut(&unit.source).filter(|a| a.epoch == unit.epoch) {
                unit.events.iter().for_each(|seq| assigned.flow.done(*seq));
            }
        }
        for name in exact.cycle.withheld().to_vec() {
            if self.partitions.get(&name).is_none_or(|assigned| assigned.fits(now)) {
                info!(topic = %name.0, partition = name.1, group = self.config.group, "its outcomes go on");
                exact.cycle.release(&name);
            }
        }
    }

    fn transaction_committed(&mut self) {
        let Some(exact) = &mut self.exact else { return };
        let outcomes = exact.cycle.committed();
        exact.commits += 1;
        let took = exact.flushed.elapsed();
        self.metrics.transactions.committed.inc();
        self.metrics.transactions.seconds.observe(took.as_secs_f64());
        debug!(outcomes, ms = took.as_millis() as u64, group = self.config.group, "transaction committed");
        let id = exact.id;
        self.transaction_answered(id, true);
        self.release_held();
    }

    fn transaction_aborted(&mut self, now: Millis) {
        let Some(exact) = &mut self.exact else { return };
        exact.cycle.aborted(now);
        exact.notes = true;
        let id = exact.id;
        self.metrics.transactions.aborted.inc();
        self.transaction_answered(id, false);
    }

    /// The offsets of the last transaction are safe, or are not.
    fn transaction_answered(&mut self, id: u32, accepted: bool) {
        let Some(exact) = &mut self.exact else { return };
        for sent in exact.sent.drain(..) {
            if let Some(assigned) = self.partitions.get_mut(&sent.name).filter(|a| a.epoch == sent.epoch) {
                assigned.answered(id, accepted);
                if !accepted {
                    assigned.ask_again();
                }
            }
        }
    }

    /// Outcomes that the broker will never take: their lanes stop.
    fn lose_refused(&mut self, refused: &[(u64, String)]) -> Result<(), PipelineError> {
        let Some(exact) = &mut self.exact else { return Ok(()) };
        for (number, reason) in refused {
            let Some((unit, closed)) = exact.cycle.refuse(*number) else { continue };
            let (topic, partition) = (&*unit.source.0, unit.source.1);
            if closed {
                // The ledger has let go of them.
                return Err(PipelineError::Effect { topic: topic.to_owned(), partition, reason: reason.clone() });
            }
            error!(
                topic,
                partition,
                reason,
                events = unit.events.len(),
                "an emit is lost: its events are not committed and their lanes stop"
            );
            if let Some(assigned) = self.partitions.get_mut(&unit.source).filter(|a| a.epoch == unit.epoch) {
                for seq in &unit.events {
                    assigned.flow.lose_effect(*seq);
                }
            }
        }
        Ok(())
    }
}

/// Whether these are the group's offset and note of a partition.
fn is_in(committed: &TopicPartitionList, sent: &Sent) -> bool {
    let (topic, partition) = (&*sent.name.0, sent.name.1);
    let offset = committed.find_partition(topic, partition).map(|found| found.offset());
    let note = offsets::metadata(committed, topic, partition);
    offset == Some(Offset::Offset(sent.commit.0)) && note == sent.commit.1.as_bytes()
}
