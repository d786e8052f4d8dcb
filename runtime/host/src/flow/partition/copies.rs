//! Where dedupe meets the partition: copies never enter lanes, and are closed with their original.

use std::sync::Arc;

use super::{Partition, Seq};
use crate::event::Chunk;
use crate::flow::{Dedupe, Past, Seen};

impl Partition {
    /// The same with dedupe.
    pub fn with_dedupe(mut self, dedupe: Option<Dedupe>) -> Self {
        self.dedupe = dedupe.map(Box::new);
        self
    }

    /// The partition's dedupe.
    pub fn dedupe(&mut self) -> Option<&mut Dedupe> {
        self.dedupe.as_deref_mut()
    }

    /// What has to be read of the past before the events that were received go on.
    pub fn asked(&self) -> Option<Past> {
        self.dedupe.as_ref()?.asked()
    }

    /// Whether events wait for the past to be read: nothing is stuck then.
    pub fn is_recalling(&self) -> bool {
        self.asked().is_some()
    }

    /// What was asked for has been read. Returns how many events were new.
    pub fn recall(&mut self, past: Seen) -> usize {
        let Some(mut dedupe) = self.dedupe.take() else { return 0 };
        dedupe.recall(past);
        self.go_on_judging(dedupe)
    }

    pub(super) fn receive_judged(&mut self, chunk: Arc<Chunk>, mut dedupe: Box<Dedupe>) -> usize {
        dedupe.hold(chunk, 0);
        self.go_on_judging(dedupe)
    }

    /// Takes in what can be judged of what was received.
    fn go_on_judging(&mut self, mut dedupe: Box<Dedupe>) -> usize {
        let (mut new, mut done) = (0, Vec::new());
        while let Some((chunk, from)) = dedupe.next_held() {
            let (taken, end) = self.take_in(&chunk, from, Some(&mut *dedupe), &mut done);
            new += taken;
            if end < chunk.len() {
                dedupe.put_back(chunk, end);
            }
        }
        self.dedupe = Some(dedupe);
        for seq in done {
            self.close_event(seq);
        }
        new
    }

    /// The original of a copy, while it is open.
    pub(super) fn open_original(&self, dedupe: &Dedupe, offset: i64) -> Option<Seq> {
        dedupe.original_of(offset).or_else(|| self.ledger.open_at(offset))
    }

    /// Whether the event at this offset is a copy that waits for its original.
    pub(super) fn is_copy(&self, offset: i64) -> bool {
        self.dedupe.as_ref().is_some_and(|dedupe| dedupe.original_of(offset).is_some())
    }

    /// Closes the copies of an event that is done.
    pub(super) fn close_copies(&mut self, seq: Seq) {
        let copies = self.dedupe.as_mut().map(|dedupe| dedupe.done(seq)).unwrap_or_default();
        for (_, copy) in copies {
            self.close_event(copy);
        }
    }
}
