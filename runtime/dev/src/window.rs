//! What the embedded Kafka still has to keep: bytes of events that are not handled yet, by partition.

use std::collections::{HashMap, VecDeque};

/// Bytes that a record takes beside its key, value and headers, and its share of its batch.
pub(crate) const FRAMING: u64 = 100;

/// Events that are in a log, until they are done.
#[derive(Debug, Default)]
pub(crate) struct Window {
    partitions: HashMap<String, HashMap<i32, Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Offset and bytes, in order.
    events: VecDeque<(i64, u64)>,
    bytes: u64,
    /// Above all that came.
    next: i64,
    done: i64,
}

impl Window {
    /// An event is in the log. One that is known already, or done, changes nothing.
    pub(crate) fn add(&mut self, topic: &str, partition: i32, offset: i64, bytes: u64) {
        if !self.partitions.contains_key(topic) {
            self.partitions.insert(topic.to_owned(), HashMap::new());
        }
        let kept = self.partitions.get_mut(topic).expect("it is there now").entry(partition).or_default();
        if offset >= kept.next {
            kept.next = offset + 1;
            if offset >= kept.done {
                kept.events.push_back((offset, bytes));
                kept.bytes += bytes;
            }
        }
    }

    /// All below is done, in every group that reads the topic.
    pub(crate) fn done(&mut self, topic: &str, partition: i32, below: i64) {
        let Some(kept) = self.partitions.get_mut(topic).and_then(|each| each.get_mut(&partition)) else { return };
        kept.done = kept.done.max(below);
        while let Some((_, bytes)) = kept.events.pop_front_if(|(offset, _)| *offset < below) {
            kept.bytes -= bytes;
        }
    }

    /// Bytes in the fullest partition of a topic.
    pub(crate) fn fullest(&self, topic: &str) -> u64 {
        self.partitions.get(topic).into_iter().flatten().map(|(_, kept)| kept.bytes).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_not_done_once() {
        let mut window = Window::default();
        assert_eq!(window.fullest("t"), 0);
        for offset in 0..10 {
            window.add("t", 0, offset, 100);
            window.add("t", 0, offset, 100);
        }
        window.add("t", 1, 0, 5_000);
        assert_eq!(window.fullest("t"), 5_000);
        window.done("t", 1, 1);
        window.done("t", 0, 4);
        assert_eq!(window.fullest("t"), 600);
        window.done("t", 0, 2);
        assert_eq!(window.fullest("t"), 600, "it never goes back");
        window.done("t", 0, 20);
        window.add("t", 0, 12, 100);
        assert_eq!(window.fullest("t"), 0, "it was done before it was known here");
        assert_eq!(window.fullest("other"), 0);
    }
}
