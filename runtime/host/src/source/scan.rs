//! Reads parts of partitions' past for dedupe, one after the other, on a thread of its own, with a consumer that takes no
//! part in the group and commits nothing.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, Message, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::{TopicPartition, add, defaults};
use crate::event::Chunk;
use crate::flow::{Identify, Past, Rule, Seen};
use crate::kafka::{KafkaConfig, client};
use crate::metrics::DedupeMetrics;

/// How long a question to Kafka may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A partition that gives nothing for so long lets the next one go first.
const STALL: Duration = Duration::from_secs(10);
/// The consumer is kept for so long after its last use.
const IDLE: Duration = Duration::from_secs(30);
/// Time between two lines on progress.
const PROGRESS: Duration = Duration::from_secs(5);
/// Records whose identities are worked out at a time.
const ROUND: usize = 500;

/// What scans of a binding have in common.
pub(crate) struct ScanConfig {
    /// Where Kafka is.
    pub(crate) kafka: KafkaConfig,
    /// The binding's group: who may read its topics may use this name.
    pub(crate) group: String,
    /// Where identities are found.
    pub(crate) identify: Arc<Identify>,
    /// How far they count.
    pub(crate) rule: Rule,
    /// What is counted.
    pub(crate) metrics: Arc<DedupeMetrics>,
}

/// A part of the past that is wanted.
pub(crate) struct Scan {
    /// Of which partition.
    pub(crate) partition: TopicPartition,
    /// The assignment that it is for.
    pub(crate) epoch: u64,
    /// Which part.
    pub(crate) past: Past,
    /// Gone when nobody waits for it any more.
    pub(crate) wanted: Weak<()>,
}

/// A part of the past.
pub(crate) struct Scanned {
    /// Of which partition.
    pub(crate) partition: TopicPartition,
    /// As in its [`Scan`].
    pub(crate) epoch: u64,
    /// What was found.
    pub(crate) seen: Seen,
}

/// Hands scans to the thread, which ends when this is dropped.
pub(crate) struct Scanner {
    scans: Sender<Scan>,
}

impl Scanner {
    /// Starts the thread. It gives no sign of life, and opens no connection, before the first scan.
    ///
    /// # Errors
    /// There are no threads left.
    pub(crate) fn start(config: ScanConfig, answers: mpsc::UnboundedSender<Scanned>) -> std::io::Result<Self> {
        let (scans, wanted) = channel();
        let mut reader = Reader { config, answers, consumer: None };
        std::thread::Builder::new().name("scan".into()).spawn(move || reader.run(&wanted))?;
        Ok(Self { scans })
    }

    /// Has a part of the past read. The answer comes when it is, however long that takes.
    pub(crate) fn scan(&self, scan: Scan) {
        if self.scans.send(scan).is_err() {
            warn!("the thread that reads the past for dedupe has ended; start the worker anew");
        }
    }
}

struct Reader {
    config: ScanConfig,
    answers: mpsc::UnboundedSender<Scanned>,
    consumer: Option<BaseConsumer<ScanContext>>,
}

/// Where a scan begins and what that says of what lies before.
struct Begin {
    edge: i64,
    since: Option<i64>,
}

impl Reader {
    fn run(&mut self, wanted: &Receiver<Scan>) {
        let mut queue: VecDeque<Scan> = VecDeque::new();
        let mut pause = Duration::ZERO;
        loop {
            match wanted.try_recv() {
                Ok(scan) => {
                    queue.push_back(scan);
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            queue.retain(|scan| scan.wanted.strong_count() > 0);
            let Some(scan) = queue.pop_front() else {
                match wanted.recv_timeout(IDLE) {
                    Ok(scan) => queue.push_back(scan),
                    Err(RecvTimeoutError::Timeout) => self.consumer = None,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                continue;
            };
            match self.read(&scan) {
                Ok(None) => {}
                Ok(Some(seen)) => {
                    pause = Duration::ZERO;
                    let Scan { partition, epoch, .. } = scan;
                    if self.answers.send(Scanned { partition, epoch, seen }).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let (topic, partition) = (&*scan.partition.0, scan.partition.1);
                    warn!(%error, topic, partition, "can't read the past for dedupe: the partition's events wait, and it is tried again");
                    self.consumer = None;
                    pause = (pause * 2).clamp(Duration::from_millis(200), Duration::from_secs(5));
                    std::thread::sleep(pause);
                    queue.push_back(scan);
                }
            }
        }
    }

    /// Reads; `None`: nobody wants it any more.
    fn read(&mut self, scan: &Scan) -> KafkaResult<Option<Seen>> {
        let started = Instant::now();
        let (topic, partition) = (&scan.partition.0, scan.partition.1);
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => self.config.consumer()?,
        };
        let begin = begin(&consumer, scan)?;
        let mut seen = Seen::from_past(self.config.rule, begin.edge, begin.since);
        if begin.edge < scan.past.to {
            let mut assignment = TopicPartitionList::new();
            assignment.add_partition_offset(topic, partition, Offset::Offset(begin.edge))?;
            consumer.assign(&assignment)?;
            let whole = self.config.follow(&consumer, scan, &begin, &mut seen)?;
            consumer.assign(&TopicPartitionList::new())?;
            if !whole {
                return Ok(None);
            }
        }
        self.consumer = Some(consumer);
        let took = started.elapsed();
        self.config.metrics.recall_seconds.observe(took.as_secs_f64());
        let (from, to, remembered, ms) = (begin.edge, scan.past.to, seen.len(), took.as_millis() as u64);
        if took > PROGRESS / 5 {
            info!(%topic, partition, from, to, remembered, ms, "the past is read for dedupe");
        } else {
            debug!(%topic, partition, from, to, remembered, ms, "the past is read for dedupe");
        }
        Ok(Some(seen))
    }
}

/// Works out the first offset that matters.
fn begin<C: ConsumerContext>(consumer: &BaseConsumer<C>, scan: &Scan) -> KafkaResult<Begin> {
    let (topic, partition, past) = (&*scan.partition.0, scan.partition.1, scan.past);
    let (log_start, _) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
    let from = past.from.max(log_start).min(past.to);
    let by_time = match past.since {
        None => from,
        Some(since) => {
            let mut at = TopicPartitionList::new();
            at.add_partition_offset(topic, partition, Offset::Offset(since))?;
            match consumer.offsets_for_times(at, TIMEOUT)?.elements().first().map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset.min(past.to),
                // Nothing is as young as that.
                _ => past.to,
            }
        }
    };
    Ok(match by_time > from {
        true => Begin { edge: by_time, since: past.since },
        false => Begin { edge: from, since: None },
    })
}

impl ScanConfig {
    fn consumer(&self) -> KafkaResult<BaseConsumer<ScanContext>> {
        let mut client = self.kafka.client();
        defaults(&mut client, &self.kafka);
        client
            .set("group.id", &self.group)
            // It only looks: no member, no commits.
            .set("group.protocol", "classic")
            .set("statistics.interval.ms", "0")
            .set("enable.partition.eof", "true");
        client.create_with_context(ScanContext)
    }

    /// Takes in records up to the end of the part. `false`: nobody wants it any more.
    fn follow(
        &self,
        consumer: &BaseConsumer<ScanContext>,
        scan: &Scan,
        begin: &Begin,
        seen: &mut Seen,
    ) -> KafkaResult<bool> {
        let (topic, partition, past) = (&scan.partition.0, scan.partition.1, scan.past);
        let mut chunk = Chunk::new(topic.clone(), partition);
        let (mut progress, mut said, mut at) = (Instant::now(), Instant::now(), begin.edge);
        loop {
            if scan.wanted.strong_count() == 0 {
                return Ok(false);
            }
            let ended = match consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) if message.partition() != partition || *message.topic() != **topic => false,
                Some(Ok(message)) if message.offset() >= past.to => true,
                Some(Ok(message)) => {
                    at = message.offset();
                    add(&mut chunk, &message, veltrix_manifest::Ordering::None);
                    progress = Instant::now();
                    false
                }
                // All that there is lies before the end of the part: what is missing there is gaps.
                Some(Err(KafkaError::PartitionEOF(_))) => true,
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => {
                    debug!(%error, %topic, partition, "reading the past for dedupe");
                    false
                }
                None => false,
            };
            if chunk.len() == ROUND || ended {
                self.metrics.recalled.inc_by(chunk.len() as u64);
                for event in (0..chunk.len()).map(|index| chunk.event(index)) {
                    if (event.timestamp() >= 0 || !seen.is_timed())
                        && let Some(id) = self.identify.of(event)
                    {
                        seen.push(id, event.offset(), event.timestamp());
                    }
                }
                chunk = Chunk::new(topic.clone(), partition);
            }
            if ended {
                return Ok(true);
            }
            if progress.elapsed() > STALL {
                return Err(KafkaError::MessageConsumption(rdkafka::error::RDKafkaErrorCode::OperationTimedOut));
            }
            if said.elapsed() > PROGRESS {
                said = Instant::now();
                info!(%topic, partition, from = begin.edge, at, to = past.to, "reading the past for dedupe; the partition's events wait");
            }
        }
    }
}

struct ScanContext;

impl ClientContext for ScanContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The binding's own consumer says it too, and knows whether it matters.
        debug!(%error, reason, "kafka");
    }
}

impl ConsumerContext for ScanContext {}
