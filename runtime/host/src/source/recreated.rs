//! Topics that were deleted and made again under the same name. Their offsets begin anew, the client library goes on at the
//! old ones, and the group may still hold these: what was done under them must not count for the new topic's events.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::{Input, SourceContext, TopicPartition};
use crate::kafka::TopicId;

/// How long the poll loop may be held up for a look.
const LOOK_UP: Duration = Duration::from_secs(2);
/// How long to wait for the pipeline to let go.
const LET_GO: Duration = Duration::from_secs(30);

impl SourceContext {
    /// Looks whether a topic of the assignment has another id than at its assignment; if so, begins it anew. Called from
    /// the poll loop, where no record is held.
    pub(super) fn look_for_recreated(&self, consumer: &BaseConsumer<Self>) {
        if !self.kafka_is_up() {
            return;
        }
        let Ok(assignment) = consumer.assignment() else { return };
        let partitions = self.names(&assignment);
        if partitions.is_empty() {
            return;
        }
        for (topic, id) in self.identify(consumer, &partitions, LOOK_UP) {
            if !self.is_another(&topic, id) {
                continue;
            }
            let mut list = TopicPartitionList::new();
            for (_, partition) in partitions.iter().filter(|(name, _)| *name == topic) {
                list.add_partition(&topic, *partition);
            }
            info!(%topic, partitions = list.count(), "taking the topic anew");
            self.let_go(consumer, &list);
            // Finds that the id has changed, and begins where the new topic does.
            self.assign(consumer, &list);
        }
    }

    /// Whether the topic had another id when this worker, or whoever wrote the notes, saw it last.
    pub(super) fn is_another(&self, topic: &Arc<str>, id: TopicId) -> bool {
        self.ids.lock().expect("no panic while held").get(topic).is_some_and(|before| *before != id)
    }

    /// The offset at which a recreated topic's partition begins, which is committed over what the group has. Says so.
    pub(super) fn begin_anew(&self, consumer: &BaseConsumer<Self>, name: &TopicPartition, old: Option<i64>) -> i64 {
        let (topic, partition) = (&*name.0, name.1);
        // Unknown: what is left of it; out of range means the oldest there is.
        let start = consumer.fetch_watermarks(topic, partition, LOOK_UP).map_or(0, |(low, _)| low);
        warn!(
            topic,
            partition,
            offset_of_old_topic = old,
            start,
            "the topic was deleted and made again: its events are handled from the start, and what was noted of the old one's is dropped"
        );
        self.metrics().recreated();
        let mut list = TopicPartitionList::new();
        let committed = list
            .add_partition_offset(topic, partition, Offset::Offset(start))
            .and_then(|()| consumer.commit(&list, CommitMode::Sync));
        if let Err(error) = committed {
            warn!(%error, topic, partition, "can't commit the new topic's start; it is committed with the first event");
        }
        start
    }

    /// Takes partitions from the pipeline without committing, and from the client with what it has fetched of them.
    fn let_go(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        if let Err(error) = consumer.incremental_unassign(list) {
            warn!(%error, "unassignment refused");
        }
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let input = Input::Revoking { partitions: self.names(list), lost: true, reply };
        if self.tell(input) {
            let _ = answer.recv_timeout(LET_GO);
        }
    }
}
