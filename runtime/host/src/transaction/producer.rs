//! The thread that makes a producer's transactional calls, and makes it anew when it has failed for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer};
use tokio::sync::mpsc::UnboundedSender;
use tracing::{error, info, warn};

use super::client::{Client, Identity, LIFE};
use super::{Command, Kept, Report};
use crate::kafka::{Health, KafkaConfig, flush};
use crate::outbox::Send;

/// One transactional call at a time waits so long; it is made again for as long as that makes sense.
const CALL: Duration = Duration::from_secs(2);
/// Longest pause between attempts to make a producer.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// The group's metadata if the worker is a member of it now. Broker and client take offsets of no member at all for those
/// of a lonely consumer, unchecked: so `None`, then.
pub(crate) type Membership = Box<dyn Fn() -> Option<ConsumerGroupMetadata> + std::marker::Send>;

/// What the thread works with.
pub(crate) struct Setup {
    /// How to reach Kafka.
    pub kafka: KafkaConfig,
    /// Consumer group.
    pub group: String,
    /// The producer's name.
    pub identity: Identity,
    /// The worker's view of Kafka.
    pub health: Arc<Health>,
    /// Of the binding's consumer.
    pub membership: Membership,
}

pub(super) struct Thread {
    setup: Setup,
    client: Client,
    commands: Receiver<Command>,
    reports: UnboundedSender<Report>,
    stop: Arc<AtomicBool>,
    /// A transaction is open.
    open: bool,
    /// Why the open transaction can't be committed.
    broken: Option<String>,
    /// Outcomes that can't be sent.
    refused: Vec<(u64, String)>,
    /// As of the last flush.
    member: Option<ConsumerGroupMetadata>,
}

/// How a transactional call went that did not succeed.
enum Failed {
    /// The transaction has to be aborted.
    Abort(String),
    /// The producer has to be made anew.
    Fatal(String),
    /// The worker stops.
    Stopped,
}

impl Thread {
    pub(super) fn new(
        setup: Setup,
        commands: Receiver<Command>,
        reports: UnboundedSender<Report>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, KafkaError> {
        let client = Client::new(&setup.kafka, &setup.identity.text(), setup.health.clone())?;
        Ok(Self {
            setup,
            client,
            commands,
            reports,
            stop,
            open: false,
            broken: None,
            refused: Vec::new(),
            member: None,
        })
    }

    pub(super) fn run(mut self) {
        if !self.init() && !self.make_anew() {
            return;
        }
        info!(group = self.setup.group, transactional_id = self.setup.identity.text(), "transactions can begin");
        self.report(Report::Ready);
        while let Ok(command) = self.commands.recv() {
            if self.stops() {
                break;
            }
            match command {
                Command::Emit(unit) => self.emit(&unit),
                Command::Flush => self.flush(),
                Command::Commit(offsets) => self.commit(offsets),
                Command::Abort => {
                    let reason = self.broken.clone().unwrap_or_else(|| "its outcomes are not ours any more".into());
                    self.abort(reason);
                }
            }
        }
        if self.open {
            // Else the broker would keep it, and hold up whoever reads the offsets, until its life is over.
            let _ = self.client.producer.abort_transaction(CALL);
        }
    }

    fn emit(&mut self, unit: &Kept) {
        if self.broken.is_some() {
            return;
        }
        if let Err(reason) = self.begin() {
            self.broken = Some(reason);
            return;
        }
        let result = unit.each(|record| self.send(record, unit.number as usize));
        if let Err(error) = result {
            self.note(unit.number, error);
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        if !self.open {
            self.client.failures.take();
            self.client.producer.begin_transaction().map_err(|error| format!("begin: {error}"))?;
            self.open = true;
        }
        Ok(())
    }

    fn send(&self, record: Send<'_>, unit: usize) -> Result<(), RDKafkaErrorCode> {
        let mut base: BaseRecord<'_, [u8], [u8], usize> = BaseRecord::with_opaque_to(record.topic, unit);
        base.key = record.key;
        base.payload = record.value;
        base.partition = record.partition;
        base.timestamp = record.timestamp;
        base.headers = record.headers;
        while let Err((error, back)) = self.client.producer.send(base) {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) if !self.stops() => std::thread::sleep(Duration::from_millis(1)),
                code => return Err(code.unwrap_or(RDKafkaErrorCode::Unknown)),
            }
            base = back;
        }
        Ok(())
    }

    /// A record of an outcome was not taken.
    fn note(&mut self, unit: u64, error: RDKafkaErrorCode) {
        if is_refusal(error) {
            self.refused.push((unit, error.to_string()));
        }
        self.broken.get_or_insert_with(|| format!("produce: {error}"));
    }

    fn flush(&mut self) {
        // Before the pipeline decides what is committed: of a partition that is lost from here on, the group knows better.
        self.member = (self.setup.membership)();
        if self.member.is_none() {
            self.broken.get_or_insert_with(|| "the worker is no member of its group now".into());
        }
        let since = Instant::now();
        // Not the client crate's own flush, which looks but ten times a second.
        while self.open && self.broken.is_none() && !flush::flush(self.client.producer.client(), CALL) {
            if since.elapsed() > LIFE || self.stops() {
                self.broken = Some("the broker did not take its records in time".into());
            }
            self.take_failures();
        }
        self.take_failures();
        let refused = std::mem::take(&mut self.refused);
        self.report(match self.broken.clone() {
            None => Report::Flushed,
            Some(reason) => Report::Broken { refused, reason },
        });
    }

    fn take_failures(&mut self) {
        for (unit, error) in self.client.failures.take() {
            self.note(unit, error);
        }
    }

    fn commit(&mut self, offsets: TopicPartitionList) {
        let began = self.begin();
        let (Some(member), Ok(())) = (self.member.take(), &began) else {
            return self.abort(began.err().unwrap_or_else(|| "no flush before the commit".into()));
        };
        let until = Instant::now() + LIFE;
        let producer = self.client.producer.clone();
        match self.again(|| producer.send_offsets_to_transaction(&offsets, &member, CALL), |_| Instant::now() < until) {
            Ok(()) => {}
            Err(Failed::Abort(reason)) => return self.abort(format!("offsets: {reason}")),
            // Its end was not asked for: it is not committed.
            Err(Failed::Fatal(reason)) => return self.anew(format!("offsets: {reason}"), None),
            Err(Failed::Stopped) => return,
        }
        // From here on only the broker knows, so there is no other limit than its answer.
        match self.again(|| producer.commit_transaction(CALL), |_| true) {
            Ok(()) => {
                self.open = false;
                self.report(Report::Committed);
            }
            Err(Failed::Abort(reason)) => self.abort(format!("commit: {reason}")),
            Err(Failed::Fatal(reason)) => self.anew(format!("commit: {reason}"), Some(offsets)),
            Err(Failed::Stopped) => {}
        }
    }

    fn abort(&mut self, reason: String) {
        if !self.open && self.client.fatal().is_none() {
            return self.aborted(reason);
        }
        let producer = self.client.producer.clone();
        match self.again(|| producer.abort_transaction(CALL), |_| true) {
            Ok(()) => self.aborted(reason),
            Err(Failed::Abort(why) | Failed::Fatal(why)) => self.anew(format!("{reason}; abort: {why}"), None),
            Err(Failed::Stopped) => {}
        }
    }

    fn aborted(&mut self, reason: String) {
        (self.open, self.broken) = (false, None);
        self.refused.clear();
        self.client.failures.take();
        warn!(
            group = self.setup.group,
            reason, "transaction aborted: its outcomes are sent again, unless their partitions went"
        );
        self.report(Report::Aborted);
    }

    /// Makes a transactional call until it succeeds, fails for more than the moment, or `goes_on` has had enough.
    fn again(
        &self,
        mut call: impl FnMut() -> Result<(), KafkaError>,
        goes_on: impl Fn(&KafkaError) -> bool,
    ) -> Result<(), Failed> {
        loop {
            let Err(error) = call() else { return Ok(()) };
            if let Some((_, reason)) = self.client.fatal() {
                return Err(Failed::Fatal(reason));
            }
            let (retriable, abortable) = match &error {
                KafkaError::Transaction(error) => (error.is_retriable(), error.txn_requires_abort()),
                // `commit_transaction` flushes first.
                KafkaError::Flush(_) => (true, false),
                _ => (false, false),
            };
            if abortable {
                return Err(Failed::Abort(error.to_string()));
            }
            if self.stops() {
                return Err(Failed::Stopped);
            }
            if !retriable {
                return Err(Failed::Fatal(error.to_string()));
            }
            if !goes_on(&error) {
                return Err(Failed::Abort(error.to_string()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The producer is of no more use. Whether a commit that was under way happened, the group's offsets tell.
    fn anew(&mut self, reason: String, in_doubt: Option<TopicPartitionList>) {
        warn!(group = self.setup.group, reason, "the transactional producer has failed for good: it is made anew");
        if !self.make_anew() {
            return;
        }
        let mut committed = None;
        if let Some(offsets) = in_doubt {
            committed = self.committed(offsets);
            if committed.is_none() {
                return;
            }
        }
        info!(group = self.setup.group, transactional_id = self.setup.identity.text(), "transactions can begin again");
        self.report(Report::Anew { reason, committed });
    }

    /// False when the worker stops before it is done.
    fn make_anew(&mut self) -> bool {
        (self.open, self.broken, self.member) = (false, None, None);
        self.refused.clear();
        let mut pause = Duration::from_millis(200);
        while !self.stops() {
            if let Some((
                RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch,
                _,
            )) = self.client.fatal()
            {
                self.setup.identity.fenced();
            }
            match Client::new(&self.setup.kafka, &self.setup.identity.text(), self.setup.health.clone()) {
                Ok(client) => {
                    self.client = client;
                    if self.init() {
                        return true;
                    }
                }
                Err(error) => error!(%error, group = self.setup.group, "transactional producer"),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(MOST_PAUSE);
        }
        false
    }

    /// Takes the name at the broker, which ends what another producer has left open under it.
    fn init(&self) -> bool {
        let producer = &self.client.producer;
        match self.again(|| producer.init_transactions(CALL), |_| true) {
            Ok(()) => true,
            Err(Failed::Abort(reason) | Failed::Fatal(reason)) => {
                error!(
                    group = self.setup.group,
                    transactional_id = self.setup.identity.text(),
                    reason,
                    "no transactions; trying again"
                );
                false
            }
            Err(Failed::Stopped) => false,
        }
    }

    /// The group's offsets; the broker answers once it has decided on those of transactions.
    fn committed(&self, offsets: TopicPartitionList) -> Option<TopicPartitionList> {
        let mut config = self.setup.kafka.client();
        config.set("group.id", &self.setup.group).set("isolation.level", "read_committed");
        // Not a member: what belongs to one is refused or of no use here.
        config.remove("group.instance.id");
        let consumer: BaseConsumer =
            config.create().inspect_err(|error| error!(%error, "a look at the group's offsets")).ok()?;
        while !self.stops() {
            match consumer.committed_offsets(offsets.clone(), CALL) {
                Ok(committed) => return Some(committed),
                Err(error) => warn!(%error, group = self.setup.group, "the group's offsets; trying again"),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        None
    }

    fn report(&self, report: Report) {
        // A pipeline that is gone needs none.
        let _ = self.reports.send(report);
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Whether the record itself is the reason, so that sending it again is of no use.
fn is_refusal(error: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        error,
        E::MessageSizeTooLarge
            | E::MessageBatchTooLarge
            | E::InvalidMessage
            | E::InvalidMessageSize
            | E::InvalidRecord
            | E::InvalidTimestamp
            | E::InvalidTopic
            | E::PolicyViolation
            | E::TopicAuthorizationFailed
            | E::UnknownTopic
            | E::UnknownTopicOrPartition
            | E::UnknownPartition
    )
}
