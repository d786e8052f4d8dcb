//! Partitions that an operator wants to go back, or to pass over events: they are let go and taken again, here alone, and
//! the other offset is committed in between. Whoever is given one of them later does the same if nobody has.

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

    /// Commits other offsets of partitions that are about to be fetched, if an operator wants that and nobody has done it.
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
            Err(error) => return warn!(%error, "can't go to where an operator wants: the offsets are not known"),
        };
        let mut back = TopicPartitionList::new();
        let moves: Vec<Move> = seeks.iter().map(|seek| Move::of(seek, &committed)).collect();
        for (seek, planned) in seeks.iter().zip(&moves).filter(|(_, planned)| !planned.is_past) {
            if let Err(error) = offsets::add(&mut back, &seek.topic, seek.partition, seek.offset, &planned.note) {
                warn!(%error, topic = seek.topic, partition = seek.partition, offset = seek.offset, "can't go there");
            }
        }
        if back.count() > 0
            && let Err(error) = consumer.commit(&back, CommitMode::Sync)
        {
            return warn!(%error, "can't go to where an operator wants; it is tried again");
        }
        for (seek, planned) in seeks.iter().zip(moves) {
            let (topic, partition, offset) = (&*seek.topic, seek.partition, seek.offset);
            if !seek.is_skip() {
                info!(topic, partition, offset, seek = seek.id, "went back");
            } else if planned.is_past {
                info!(topic, partition, offset, seek = seek.id, "it has passed there already: nothing is passed over");
            } else {
                let start = || consumer.fetch_watermarks(topic, partition, TIMEOUT).map_or(offset, |(start, _)| start);
                let from = planned.from.unwrap_or_else(start);
                let passed_over = planned.before.open_between(from, offset);
                self.metrics().operator.passed_over.inc_by(passed_over as u64);
                warn!(
                    topic,
                    partition,
                    from,
                    offset,
                    passed_over,
                    seek = seek.id,
                    "events are passed over and never handled, as an operator asked"
                );
            }
            if let Err(error) = control.done(seek) {
                warn!(
                    error,
                    seek = seek.id,
                    "other workers can't be told that a partition went elsewhere: it may do so once more"
                );
            }
        }
    }
}

fn has(list: &TopicPartitionList, seek: &Seek) -> bool {
    list.find_partition(&seek.topic, seek.partition).is_some()
}

/// A partition on its way to where an operator wants it.
struct Move {
    /// Where the group is, if anywhere.
    from: Option<i64>,
    /// What is noted there.
    before: Memo,
    /// What is noted at the new offset: nothing, so that all is handled again; or what was done from `until` on.
    note: String,
    /// It was to pass over events, and has done them.
    is_past: bool,
}

impl Move {
    fn of(seek: &Seek, committed: &TopicPartitionList) -> Self {
        let offset = committed.find_partition(&seek.topic, seek.partition).map(|element| element.offset());
        let Some(Offset::Offset(from)) = offset else {
            return Self { from: None, before: Memo::default(), note: String::new(), is_past: false };
        };
        let before = Memo::decode(offsets::metadata(committed, &seek.topic, seek.partition), from).unwrap_or_default();
        let note = seek.until.map(|until| after(until, from, before.clone()).encode(seek.offset).text);
        Self {
            from: Some(from),
            before,
            note: note.unwrap_or_default(),
            is_past: seek.is_skip() && from >= seek.offset,
        }
    }
}

/// The notes of a partition that handles again, or never, what comes before `until`.
fn after(until: i64, committed: i64, before: Memo) -> Memo {
    let done = before.done.into_iter().filter(|(_, end)| *end > until).map(|(start, end)| (start.max(until), end));
    let contiguous = (until < committed).then_some((until, committed));
    let failing = before.failing.into_iter().filter(|(offset, _)| *offset >= until).collect();
    let begins = before.begins.filter(|offset| *offset >= until);
    Memo { done: contiguous.into_iter().chain(done).collect(), failing, begins, ..before }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::retry::Failing;

    #[test]
    fn what_was_done_behind_a_replayed_range_stays_done() {
        let before = Memo { done: vec![(12, 15), (20, 21)], ..Memo::default() };
        assert_eq!(after(5, 10, before.clone()).done, [(5, 10), (12, 15), (20, 21)]);
        assert_eq!(after(13, 10, before.clone()).done, [(13, 15), (20, 21)]);
        assert_eq!(after(30, 10, before).done, []);
    }

    #[test]
    fn what_is_passed_over_is_counted_without_what_was_done_and_leaves_no_trace() {
        let before = Memo {
            begins: Some(12),
            failing: vec![(11, Failing::default()), (17, Failing::default())],
            done: vec![(13, 15), (18, 21)],
            ..Memo::default()
        };
        assert_eq!(before.open_between(10, 16), 4);
        assert_eq!(before.open_between(10, 30), 15);
        assert_eq!(before.open_between(10, 10), 0);
        let to = |offset| Seek { id: "a".into(), topic: "t".into(), partition: 0, offset, until: Some(offset) };
        let mut committed = TopicPartitionList::new();
        offsets::add(&mut committed, "t", 0, 10, &before.encode(10).text).unwrap();
        let ahead = Move::of(&to(16), &committed);
        assert_eq!((ahead.from, ahead.is_past), (Some(10), false));
        let noted = Memo::decode(ahead.note.as_bytes(), 16).unwrap();
        assert_eq!((noted.begins, noted.done), (None, vec![(18, 21)]));
        assert_eq!(noted.failing.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [17]);
        assert!(Move::of(&to(10), &committed).is_past);
    }
}
