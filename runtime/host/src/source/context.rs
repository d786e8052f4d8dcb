//! The consumer's callbacks: assignment, revocation, commits, statistics.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, Offset, Statistics, TopicPartitionList};
use tokio::sync::mpsc;
use tracing::{info, warn};
use veltrix_manifest::Start;

use super::gaps::Gaps;
use super::limits;
use super::retention::{HandedOn, Loss, Seen};
use super::start::Accepted;
use super::{Assignment, Input, Lease, TopicPartition};
use crate::control;
use crate::event::Chunk;
use crate::flow::Memo;
use crate::kafka::{Health, TopicId, client, embedded, identity, membership, offsets};
use crate::metrics::{BindingMetrics, Fetch};

/// How long a revocation waits for the pipeline, which has a shorter limit of its own.
const REVOKE_LIMIT: Duration = Duration::from_secs(30);
/// How long an assignment waits for a topic's id.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How long Kafka has for the group's offsets, and how often it is asked.
const ASK: Duration = Duration::from_secs(5);
const ASK_TIMES: u32 = 6;

/// State that the client's callbacks need.
#[derive(Debug)]
pub struct SourceContext {
    start: Start,
    /// As which member of the group the partitions came.
    member: Mutex<Option<String>>,
    /// Where `start` counts; not known before the consumer has joined its group.
    accepted: OnceLock<Accepted>,
    inputs: mpsc::Sender<Input>,
    health: Arc<Health>,
    metrics: Arc<BindingMetrics>,
    closing: AtomicBool,
    /// How far the pipeline was given events. The client's own position passes the marks of transactions too.
    handed: HandedOn,
    topics: Mutex<HashSet<Arc<str>>>,
    said: Mutex<HashSet<&'static str>>,
    cluster: OnceLock<Arc<str>>,
    /// Of each topic, as of its last assignment.
    pub(super) ids: Mutex<HashMap<Arc<str>, TopicId>>,
    lease: Arc<Lease>,
    pub(super) control: Option<control::Handle>,
    /// How often partitions came.
    assignments: AtomicU64,
    /// Where nothing but events can be in the log.
    gaps: Option<Gaps>,
}

impl SourceContext {
    pub(crate) fn new(
        start: Start,
        inputs: mpsc::Sender<Input>,
        health: Arc<Health>,
        metrics: Arc<BindingMetrics>,
        lease: Lease,
        control: Option<control::Handle>,
    ) -> Self {
        Self {
            lease: Arc::new(lease),
            control,
            start,
            member: Mutex::default(),
            accepted: OnceLock::new(),
            inputs,
            health,
            metrics,
            closing: AtomicBool::new(false),
            handed: HandedOn::default(),
            topics: Mutex::default(),
            said: Mutex::default(),
            cluster: OnceLock::new(),
            assignments: AtomicU64::new(0),
            ids: Mutex::default(),
            gaps: None,
        }
    }

    /// The log holds events alone: every gap is told.
    pub(super) fn gapless(mut self) -> Self {
        self.gaps = Some(Gaps::default());
        self
    }

    /// What there was before the consumer joins its group.
    pub(super) fn accept(&self, accepted: Accepted) {
        let _ = self.accepted.set(accepted);
    }

    /// From now on revocations are not asked about.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// True the first time.
    pub(super) fn once(&self, what: &'static str) -> bool {
        self.said.lock().expect("no panic while held").insert(what)
    }

    /// Remembers how far the pipeline has been given events; per round, not per event.
    pub(super) fn handing_on(&self, chunks: &[Chunk]) {
        if let Some(gaps) = &self.gaps {
            self.metrics.lost_to_retention(gaps.missing(chunks));
        }
        self.handed.handing_on(chunks);
    }

    /// The one shared name of a topic.
    pub(crate) fn topic(&self, name: &str) -> Arc<str> {
        let mut topics = self.topics.lock().expect("no panic while held");
        if let Some(known) = topics.get(name) {
            return known.clone();
        }
        let name: Arc<str> = name.into();
        topics.insert(name.clone());
        name
    }

    /// The cluster's id; `None` before the first assignment, or when Kafka did not tell.
    pub fn cluster(&self) -> Option<&Arc<str>> {
        self.cluster.get()
    }

    /// How often partitions were assigned so far.
    pub(crate) fn assignments(&self) -> u64 {
        self.assignments.load(Ordering::Relaxed)
    }

    /// Whether Kafka is known not to answer.
    pub fn kafka_is_down(&self) -> bool {
        self.health.is_down()
    }

    /// Whether Kafka has answered lately.
    pub(super) fn kafka_is_up(&self) -> bool {
        self.health.is_up()
    }

    /// Kafka has answered.
    pub fn answered(&self) {
        self.health.up();
    }

    /// How long the partitions are ours for certain.
    pub fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// Reports events that retention took before they were handled. Called from the poll loop, each time round.
    pub(super) fn look_for_lost(&self, consumer: &BaseConsumer<Self>) {
        // The log without gaps tells of each by itself.
        if self.gaps.is_some() || self.kafka_is_down() {
            return;
        }
        let lost = self.handed.look(Instant::now(), |names| limits::log_starts(consumer, names, ASK));
        match lost {
            Ok(lost) => {
                for Loss { name: (topic, partition), from, lost, log_start } in lost {
                    self.metrics.lost_to_retention(lost);
                    warn!(
                        %topic,
                        partition,
                        position = from,
                        log_start,
                        lost,
                        "events were deleted by retention before they were handled; going on at the log start"
                    );
                }
            }
            Err(error) => warn!(%error, "can't tell whether retention took events; it is asked again"),
        }
    }

    /// Says that `start` applies where there are events: a group that was at work before has lost its offsets.
    fn tell_without_offset(&self, consumer: &BaseConsumer<Self>, names: &[TopicPartition]) {
        if names.is_empty() || self.gaps.is_some() {
            return;
        }
        let held = match limits::holding_events(consumer, names, LOOK_UP) {
            Ok(held) => held,
            Err(error) => return warn!(%error, "can't look whether partitions without an offset hold events"),
        };
        if !held.is_empty() {
            let mut partitions = TopicPartitionList::new();
            for (topic, partition) in &held {
                partitions.add_partition(topic, *partition);
            }
            warn!(
                partitions = %Names(&partitions),
                start = ?self.start,
                "the group has no offset in partitions that hold events: `start` applies. A new group has none; if this one was at work before, the broker has deleted its offsets (offsets.retention.minutes)"
            );
        }
    }

    /// Whether the partitions came to the member of that name.
    pub(crate) fn holds_as(&self, name: &str) -> bool {
        self.member.lock().expect("no panic while held").as_deref() == Some(name)
    }

    /// Whether the consumer has partitions that came to it as another member. If the group throws it out while a revocation
    /// is being answered, the client passes over that they are lost, keeps them, and joins anew: others have them as well.
    fn is_another_member(&self, consumer: &BaseConsumer<Self>) -> bool {
        let held = consumer.assignment().is_ok_and(|held| held.count() > 0);
        held && membership::name(consumer).is_none_or(|name| !self.holds_as(&name))
    }

    /// What it has is not ours to go on with.
    fn thrown_out(&self) {
        self.lease.end();
        self.tell(Input::Failed("the group had thrown this member out, and given its partitions to others".into()));
    }

    /// Hands partitions to the pipeline and then to the client, each from where the group is.
    pub(super) fn assign(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        if self.is_another_member(consumer) {
            return self.thrown_out();
        }
        *self.member.lock().expect("no panic while held") = membership::name(consumer);
        self.assignments.fetch_add(1, Ordering::Relaxed);
        let partitions = self.names(list);
        let mut without = Vec::new();
        if let Some(accepted) = self.accepted.get() {
            match accepted.fix(consumer, list, &self.start) {
                Ok(fixed) => without = self.names(&fixed),
                Err(error) => warn!(%error, "can't fix the start of a new group; it begins at the log start"),
            }
        }
        self.go_back(consumer, list);
        let ids = self.identify(consumer, &partitions, LOOK_UP);
        let Some(committed) = self.committed(consumer, list) else {
            // Without the notes what is done would run again, and attempts begin anew.
            self.tell(Input::Failed("kafka does not tell the group's offsets".into()));
            return;
        };
        let mut begin = list.clone();
        let mut assignments = Vec::new();
        for name in partitions {
            let topic = ids.get(&name.0).copied();
            let element = committed.find_partition(&name.0, name.1);
            let mut at = element.and_then(|element| match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            });
            // Another consumer's metadata counts as none.
            let note = at.and_then(|at| Memo::decode(offsets::metadata(&committed, &name.0, name.1), at));
            let mut memo = note.unwrap_or_default();
            let noted = memo.topic;
            let another = |id: &TopicId| (noted != 0 && noted != id.short()) || self.is_another(&name.0, *id);
            if topic.as_ref().is_some_and(another) {
                let start = self.begin_anew(consumer, &name, at);
                (at, memo) = (Some(start), Memo::default());
                if let Err(error) = begin.set_partition_offset(&name.0, name.1, Offset::Offset(start)) {
                    warn!(%error, topic = %name.0, partition = name.1, "can't begin at the new topic's start");
                }
            }
            // Carried from note to note, so that the next owner can tell.
            memo.topic = topic.map_or(memo.topic, |id| id.short());
            self.handed.begin(&name, at);
            if let Some(gaps) = &self.gaps {
                gaps.begin(&name, at.or((self.start == Start::Earliest).then_some(0)));
            }
            // Elsewhere these are partitions that came later.
            if at.is_none() && self.start == Start::Earliest {
                without.push(name.clone());
            }
            if let Some(at) = at {
                // Known before the first record, which never comes where everything is done.
                self.metrics.committable(&name.0, name.1, at);
            }
            assignments.push(Assignment { committed: at, memo, topic, name });
        }
        self.ids.lock().expect("no panic while held").extend(ids);
        self.tell_without_offset(consumer, &without);
        // Before the assignment takes effect, so that the pipeline knows them before their records.
        self.tell(Input::Assigned(assignments));
        let list = &begin;
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.assign(list),
        };
        if let Err(error) = result {
            warn!(%error, "assignment refused");
        }
    }

    /// The group's offsets, for which Kafka is asked for some time; `None` if it does not tell.
    fn committed(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Option<TopicPartitionList> {
        for attempt in 1..=ASK_TIMES {
            let answer = consumer.committed_offsets(list.clone(), ASK);
            let failed = match answer {
                Ok(answer) => match answer.elements().iter().find_map(|element| element.error().err()) {
                    None => return Some(answer),
                    Some(error) => error,
                },
                Err(error) => error,
            };
            warn!(error = %failed, attempt, "can't read the group's offsets");
            if self.closing.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        None
    }

    /// Tells the pipeline, if it is there.
    pub(super) fn tell(&self, input: Input) -> bool {
        self.inputs.blocking_send(input).is_ok()
    }

    pub(super) fn metrics(&self) -> &BindingMetrics {
        &self.metrics
    }

    /// The ids of the partitions' topics, as far as Kafka tells.
    pub(super) fn identify(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &[TopicPartition],
        limit: Duration,
    ) -> HashMap<Arc<str>, TopicId> {
        if self.gaps.is_some() {
            // The embedded Kafka answers no such question.
            let _ = self.cluster.set(embedded::cluster_id().into());
            return partitions.iter().map(|(topic, _)| (topic.clone(), embedded::topic_id(topic))).collect();
        }
        if self.cluster.get().is_none()
            && let Some(id) = identity::cluster_id(consumer.client(), limit)
        {
            let _ = self.cluster.set(id.into());
        }
        let mut topics: Vec<&str> = partitions.iter().map(|(topic, _)| &**topic).collect();
        topics.sort_unstable();
        topics.dedup();
        match identity::topic_ids(consumer.client(), &topics, limit) {
            Ok(ids) => ids.into_iter().map(|(topic, id)| (self.topic(&topic), id)).collect(),
            Err(error) => {
                warn!(%error, "can't look up the ids of topics");
                HashMap::new()
            }
        }
    }

    pub(super) fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let closing = self.closing.load(Ordering::Relaxed);
        let thrown_out = !closing && !consumer.assignment_lost() && self.is_another_member(consumer);
        if thrown_out {
            self.thrown_out();
        }
        let lost = thrown_out || consumer.assignment_lost();
        if lost {
            self.lease.end();
        }
        if !self.closing.load(Ordering::Relaxed) {
            let (reply, answer) = std::sync::mpsc::sync_channel(1);
            let input = Input::Revoking { partitions: self.names(list), lost, reply };
            if self.inputs.blocking_send(input).is_ok()
                && let Ok(offsets) = answer.recv_timeout(REVOKE_LIMIT)
                && offsets.count() > 0
                && !lost
                && let Err(error) = consumer.commit(&offsets, CommitMode::Sync)
            {
                warn!(%error, "commit at revocation failed: what was done since the last commit runs again elsewhere");
            }
        }
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.unassign(),
        };
        if let Err(error) = result {
            warn!(%error, "unassignment refused");
        }
    }

    pub(super) fn names(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        list.elements().iter().map(|e| (self.topic(e.topic()), e.partition())).collect()
    }
}

impl ClientContext for SourceContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.report(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP" && broker.nodeid >= 0) {
            self.health.up();
        }
        for topic in statistics.topics.values() {
            for partition in topic.partitions.values().filter(|p| p.partition >= 0 && p.fetch_state == "active") {
                // The library writes -1001 for what it does not know.
                let known = |offset: i64| (offset >= 0).then_some(offset);
                let name = (self.topic(&topic.topic), partition.partition);
                let queued = partition.fetchq_cnt > 0;
                let (passed, log_start) = (known(partition.app_offset), known(partition.lo_offset));
                self.handed.seen(&name, Seen { passed, log_start, queued });
                let fetch = Fetch {
                    low: log_start,
                    high: known(partition.hi_offset),
                    stable: known(partition.ls_offset),
                    next: known(partition.next_offset),
                    handed_on: self.handed.end(&name),
                    queued,
                };
                self.metrics.fetched(&topic.topic, partition.partition, fetch);
            }
        }
    }
}

impl ConsumerContext for SourceContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                info!(partitions = %Names(list), "assigned");
                self.assign(consumer, list);
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                info!(partitions = %Names(list), lost = consumer.assignment_lost(), "revoked");
                self.revoke(consumer, list);
            }
            other => warn!(error = %RDKafkaErrorCode::from(other), "rebalance failed"),
        }
    }
}

/// Partitions in a log line.
struct Names<'a>(&'a TopicPartitionList);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, element) in self.0.elements().iter().enumerate() {
            write!(f, "{}{}/{}", if i > 0 { " " } else { "" }, element.topic(), element.partition())?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "member_tests.rs"]
mod tests;
