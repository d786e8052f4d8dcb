//! Dedupe's part of the pipeline: has the past of partitions read, and counts copies.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{BindingConfig, Pipeline};
use crate::flow::{Dedupe, Identify, Millis, Rule};
use crate::kafka::KafkaConfig;
use crate::metrics::{BindingMetrics, DedupeMetrics};
use crate::source::{Scan, ScanConfig, Scanned, Scanner, TopicPartition};

/// Time between two warnings that the window is cut short.
const SAY_CUT: Millis = 60_000;

/// A binding's dedupe, as configured.
#[derive(Debug, Clone)]
pub(crate) struct DedupeConfig {
    /// Where identities are found.
    pub(crate) identify: Arc<Identify>,
    /// How far they count.
    pub(crate) rule: Rule,
    /// Where the past is read.
    pub(crate) kafka: KafkaConfig,
}

/// What a pipeline needs for dedupe.
pub(super) struct Recalls {
    config: DedupeConfig,
    scanner: Scanner,
    metrics: Arc<DedupeMetrics>,
    said_cut: Option<Millis>,
}

/// A wait for the past; a scan whose wait is gone is not carried on.
pub(super) type Wait = Arc<()>;

impl Recalls {
    /// For a binding with dedupe.
    pub(super) fn start(
        config: &BindingConfig,
        metrics: &BindingMetrics,
        answers: mpsc::UnboundedSender<Scanned>,
    ) -> Option<Self> {
        let dedupe = config.dedupe.clone()?;
        let metrics = Arc::new(metrics.dedupe());
        let scan = ScanConfig {
            kafka: dedupe.kafka.clone(),
            group: config.group.clone(),
            identify: dedupe.identify.clone(),
            rule: dedupe.rule,
            metrics: metrics.clone(),
        };
        match Scanner::start(scan, answers) {
            Ok(scanner) => Some(Self { config: dedupe, scanner, metrics, said_cut: None }),
            Err(error) => panic!("a thread for dedupe: {error}"),
        }
    }

    /// For a newly assigned partition.
    pub(super) fn dedupe(&self) -> Dedupe {
        Dedupe::new(self.config.identify.clone(), self.config.rule)
    }
}

impl Pipeline {
    /// After events of a partition were judged: counts, tells, and has read what they ask for.
    pub(super) fn judged(&mut self, name: &TopicPartition) {
        let now = self.now();
        let (Some(recalls), Some(assigned)) = (&mut self.recalls, self.partitions.get_mut(name)) else { return };
        let epoch = assigned.epoch;
        let Some(dedupe) = assigned.flow.dedupe() else { return };
        let (topic, partition) = (&*name.0, name.1);
        let tally = dedupe.take_tally();
        recalls.metrics.copies.inc_by(tally.copies.len() as u64);
        recalls.metrics.without.inc_by(tally.without);
        for (offset, of) in tally.copies {
            debug!(topic, partition, offset, of, "a copy: not run, done with its original");
            if let Some(stage) = &self.stage {
                stage.told().copied(&(stage.inside(&name.0), partition), offset);
            }
        }
        let cut = tally.cut - assigned.cut;
        if cut > 0 {
            assigned.cut = tally.cut;
            recalls.metrics.cut.inc_by(cut);
            if recalls.said_cut.is_none_or(|said| now > said + SAY_CUT) {
                recalls.said_cut = Some(now);
                let most = recalls.config.rule.most;
                warn!(
                    topic,
                    partition,
                    most,
                    "dedupe's memory is bounded: the window of time is cut to the last {most} offsets; write more `memory` or a shorter `window` in `dedupe`"
                );
            }
        }
        if let Some(past) = dedupe.asked()
            && assigned.recall.is_none()
        {
            let wait = Wait::default();
            let wanted = Arc::downgrade(&wait);
            assigned.recall = Some(wait);
            debug!(topic, partition, from = past.from, to = past.to, since = past.since, "events wait for the past");
            recalls.scanner.scan(Scan { partition: name.clone(), epoch, past, wanted });
        }
    }

    /// A part of a partition's past was read: its events go on.
    pub(super) fn recalled(&mut self, scanned: Scanned) {
        let now = self.now();
        let Scanned { partition: name, epoch, seen } = scanned;
        let Some(assigned) = self.partitions.get_mut(&name).filter(|a| a.epoch == epoch) else { return };
        assigned.recall = None;
        let received = assigned.flow.recall(seen);
        self.metrics.consumed.inc_by(received as u64);
        if received > 0 && assigned.ready_since.is_none() {
            assigned.ready_since = Some(now);
        }
        self.judged(&name);
    }

    /// Sets the gauges.
    pub(super) fn measure_dedupe(&mut self) {
        let Some(recalls) = &self.recalls else { return };
        let (mut events, mut bytes, mut recalling) = (0, 0, 0);
        for assigned in self.partitions.values_mut() {
            recalling += i64::from(assigned.recall.is_some());
            if let Some(dedupe) = assigned.flow.dedupe() {
                let (of_events, of_bytes) = dedupe.remembered();
                events += of_events;
                bytes += of_bytes;
            }
        }
        recalls.metrics.remembered.set(events as i64);
        recalls.metrics.bytes.set(bytes as i64);
        recalls.metrics.recalling.set(recalling);
    }
}
