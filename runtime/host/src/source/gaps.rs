//! Events that are missing between two offsets, where nothing else can be there: a log that is never compacted and holds
//! no transactions.

use std::collections::HashMap;
use std::sync::Mutex;

use tracing::error;

use super::TopicPartition;
use crate::event::Chunk;

/// The offset that comes next, by partition.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    next: Mutex<HashMap<TopicPartition, i64>>,
}

impl Gaps {
    /// A partition begins there; `None`: wherever its first event is.
    pub(super) fn begin(&self, name: &TopicPartition, at: Option<i64>) {
        let mut next = self.next.lock().expect("no panic while held");
        match at {
            Some(at) => next.insert(name.clone(), at),
            None => next.remove(name),
        };
    }

    /// Events that should have come before or among these, and did not; says so.
    pub(super) fn missing(&self, chunks: &[Chunk]) -> u64 {
        let mut next = self.next.lock().expect("no panic while held");
        let mut all = 0;
        for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
            let end = chunk.event(chunk.len() - 1).offset() + 1;
            let expected = next.insert((chunk.topic.clone(), chunk.partition), end);
            let first = expected.unwrap_or_else(|| chunk.event(0).offset());
            // What comes a second time is not missing.
            let missing = (end - first - chunk.len() as i64).max(0);
            if missing > 0 {
                let (topic, partition) = (&*chunk.topic, chunk.partition);
                error!(
                    topic,
                    partition,
                    missing,
                    before = end,
                    "events are lost: they were overrun before they were handled"
                );
                all += missing as u64;
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use veltrix_manifest::Ordering;

    use super::*;

    fn chunk(offsets: &[i64]) -> Chunk {
        let mut chunk = Chunk::with_room("t".into(), 0, offsets.len(), 0);
        offsets.iter().for_each(|offset| chunk.push(*offset, 0, None, None, Ordering::None));
        chunk
    }

    #[test]
    fn counts_what_is_missing_before_between_and_within_rounds() {
        let gaps = Gaps::default();
        let name: TopicPartition = (Arc::from("t"), 0);
        gaps.begin(&name, Some(2));
        assert_eq!(gaps.missing(&[chunk(&[5, 6])]), 3);
        assert_eq!(gaps.missing(&[chunk(&[7, 8])]), 0);
        assert_eq!(gaps.missing(&[chunk(&[10, 13])]), 3);
        assert_eq!(gaps.missing(&[]), 0);
        gaps.begin(&name, None);
        assert_eq!(gaps.missing(&[chunk(&[40])]), 0, "it begins where its first event is");
        gaps.begin(&name, Some(10));
        assert_eq!(gaps.missing(&[chunk(&[10])]), 0, "it went back");
    }
}
