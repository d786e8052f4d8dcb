//! Partitions that an operator wants to go back: they are let go and taken again, here alone, and their offset is
//! committed back in between. Whoever is given one of them later does the same if nobody has.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, RebalanceProtocol};
use rdkafka::{Offset, TopicPartitionList};
use tracing::{info, warn};

use super::SourceContext;
use crate::control::Seek;
use crate::flow::Memo;
use crate::kafka::offsets;

const TIMEOUT: Duration = Duration::from_secs(5);

impl SourceContext {
    /// Takes partitions of ours back, if an operator wants that. To be called where the consumer is polled. False: it has
    /// to be tried again.
    pub(super) fn heed_seeks(&self, consumer: &BaseConsumer<Self>) -> bool {
        let Some(control) = &self.control else { return true };
        let pending = control.pending();
        if pending.is_empty() {
            return true;
        }
        let Ok(assigned) = consumer.assignment() else { return false };
        if !pending.iter().any(|seek| has(&assigned, seek)) {
            return true;
        }
        // Without the cooperative protocol all are let go at once.
        let mut list = TopicPartitionList::new();
        let some = matches!(consumer.rebalance_protocol(), RebalanceProtocol::Cooperative);
        for element in assigned.elements() {
            let wanted = |seek: &Seek| seek.topic == element.topic() && seek.partition == element.partition();
            if !some || pending.iter().any(wanted) {
                list.add_partition(element.topic(), element.partition());
            }
        }
        self.revoke(consumer, &list);
        self.assign(consumer, &list);
        !control.pending().iter().any(|seek| has(&assigned, seek))
    }

    /// Commits partitions back that are about to be fetched, if an operator wants that and nobody has done it.
    pub(super) fn go_back(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let Some(control) = &self.control else { return };
        // Else events would be handled that come before those that an operator wants first. If it takes too long, the
        // partitions go back later.
        control.wait_known(TIMEOUT);
        if !control.pending().iter().any(|seek| has(list, seek)) {
            return;
        }
        // A worker that had the partition a moment ago may have done it.
        if let Ok((_, end)) = consumer.fetch_watermarks(control.topic(), 0, TIMEOUT) {
            control.wait_position(end, TIMEOUT);
        }
        let seeks: Vec<Seek> = control.pending().into_iter().filter(|seek| has(list, seek)).collect();
        if seeks.is_empty() {
            return;
        }
        let committed = match consumer.committed_offsets(list.clone(), TIMEOUT) {
            Ok(committed) => committed,
            Err(error) => return warn!(%error, "can't go back to where an operator wants: the offsets are not known"),
        };
        let mut back = TopicPartitionList::new();
        for seek in &seeks {
            let note = note(seek, &committed);
            if let Err(error) = offsets::add(&mut back, &seek.topic, seek.partition, seek.offset, &note) {
                warn!(%error, topic = seek.topic, partition = seek.partition, offset = seek.offset, "can't go back");
            }
        }
        if let Err(error) = consumer.commit(&back, CommitMode::Sync) {
            return warn!(%error, "can't go back to where an operator wants; it is tried again");
        }
        for seek in &seeks {
            info!(topic = seek.topic, partition = seek.partition, offset = seek.offset, seek = seek.id, "went back");
            if let Err(error) = control.done(seek) {
                warn!(
                    error,
                    seek = seek.id,
                    "other workers can't be told that a partition went back: it may do so once more"
                );
            }
        }
    }
}

fn has(list: &TopicPartitionList, seek: &Seek) -> bool {
    list.find_partition(&seek.topic, seek.partition).is_some()
}

/// What is noted beside the offset: nothing, so that all is handled again; or what was done from `until` on.
fn note(seek: &Seek, committed: &TopicPartitionList) -> String {
    let offset = committed.find_partition(&seek.topic, seek.partition).map(|element| element.offset());
    let (Some(until), Some(Offset::Offset(committed_at))) = (seek.until, offset) else { return String::new() };
    let text = offsets::metadata(committed, &seek.topic, seek.partition);
    let before = Memo::decode(text, committed_at).unwrap_or_default();
    after(until, committed_at, before).encode(seek.offset).text
}

/// The notes of a partition that handles again what comes before `until`.
fn after(until: i64, committed: i64, before: Memo) -> Memo {
    let done = before.done.into_iter().filter(|(_, end)| *end > until).map(|(start, end)| (start.max(until), end));
    let contiguous = (until < committed).then_some((until, committed));
    let failing = before.failing.into_iter().filter(|(offset, _)| *offset >= until).collect();
    Memo { done: contiguous.into_iter().chain(done).collect(), failing, ..before }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_behind_a_replayed_range_stays_done() {
        let before = Memo { done: vec![(12, 15), (20, 21)], ..Memo::default() };
        assert_eq!(after(5, 10, before.clone()).done, [(5, 10), (12, 15), (20, 21)]);
        assert_eq!(after(13, 10, before.clone()).done, [(13, 15), (20, 21)]);
        assert_eq!(after(30, 10, before).done, []);
    }
}
