//! What the group says to commits: it renews the lease, or the offsets are committed again.

use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::RDKafkaErrorCode;
use tracing::{debug, info, warn};

use super::Pipeline;
use crate::flow::Millis;
use crate::kafka::commits::Answer;

/// Between commits that only ask for the lease.
const ASK_EVERY: Millis = 100;
/// How often the queue of answers is looked at while one is due.
const LOOK_EVERY: Millis = 5;
/// Answers that are waited for at once; of more, the oldest are forgotten.
const MOST_OPEN: usize = 16;

/// Commits on their way, and the lease that hangs on their answers.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: Vec<(u32, Instant)>,
    pub(super) next: u32,
    /// When the last was sent.
    last: Millis,
    /// A commit was refused: all has to be committed again.
    pub(super) again: bool,
    /// Whether the lease held when it was last looked at.
    held: bool,
}

impl Pipeline {
    /// Sends a commit, whose answer [`hear_commits`](Self::hear_commits) takes.
    pub(super) fn send_commit(&mut self, offsets: &TopicPartitionList, now: Millis) {
        let id = self.asked.next;
        self.asked.next = id.wrapping_add(1);
        self.asked.last = now;
        // Before it is sent: the lease counts from no later than that.
        let sent = Instant::now();
        match self.commits.send(offsets, id) {
            Ok(()) => {
                if self.asked.open.len() == MOST_OPEN {
                    self.asked.open.remove(0);
                }
                self.asked.open.push((id, sent));
            }
            Err(error) => {
                warn!(%error, group = self.config.group, "commit refused; it is tried again");
                self.asked.again = true;
                self.answered(id, false);
            }
        }
    }

    /// Takes the answers that have come. Whether the partitions are ours for certain, so that calls may begin and their
    /// verdicts count.
    pub(super) fn hear_commits(&mut self) -> bool {
        if !self.asked.open.is_empty() {
            while let Some(answer) = self.commits.poll() {
                self.hear(&answer);
            }
        }
        let held = self.lease.holds();
        if held != self.asked.held {
            self.asked.held = held;
            self.metrics.supervision.lease.set(held.into());
            // Not having it yet, or any more where nothing is at work, is nothing to tell.
            let (group, calls) = (&self.config.group, self.calls.len());
            match held {
                false if calls > 0 => warn!(
                    group,
                    calls,
                    "the group has not taken a commit for too long: no call begins before it does, and those at work wait"
                ),
                false => debug!(group, "the lease is over"),
                true => debug!(group, "the lease is renewed"),
            }
        }
        held
    }

    fn hear(&mut self, answer: &Answer) {
        let place = self.asked.open.iter().position(|(id, _)| *id == answer.id);
        let sent = place.map(|place| self.asked.open.remove(place).1);
        let by_client = answer.refused.is_some_and(is_by_client);
        if answer.accepted > 0 || !by_client {
            self.consumer.context().answered();
        }
        if answer.accepted > 0
            && let Some(sent) = sent
        {
            self.lease.renew(sent);
        }
        // Refused for one partition, it is sent again for all.
        self.answered(answer.id, answer.refused.is_none());
        match answer.refused {
            None => debug!(partitions = answer.accepted, group = self.config.group, "committed"),
            Some(RDKafkaErrorCode::NoOffset) => {}
            Some(error) => {
                self.asked.again = true;
                // While a group changes hands this is common, and nothing is lost.
                match error {
                    RDKafkaErrorCode::RebalanceInProgress | RDKafkaErrorCode::StaleMemberEpoch => {
                        info!(%error, group = self.config.group, "commit refused while the group rebalances; it is tried again");
                    }
                    // That Kafka is away is told once, elsewhere.
                    _ if by_client && self.consumer.context().kafka_is_down() => {
                        debug!(%error, group = self.config.group, "commit failed while kafka is away; it is tried again");
                    }
                    _ => warn!(%error, group = self.config.group, "commit failed; it is tried again"),
                }
            }
        }
    }

    /// Notes of a commit are safe, or are not.
    fn answered(&mut self, id: u32, accepted: bool) {
        for assigned in self.partitions.values_mut() {
            assigned.answered(id, accepted);
        }
    }

    /// Whether a commit has to be sent for the lease alone, although nothing has changed.
    pub(super) fn lease_is_due(&self, now: Millis) -> bool {
        let Some(every) = self.lease.every() else { return false };
        let pause = if self.asked.held { every.as_millis() as Millis } else { ASK_EVERY };
        now >= self.asked.last + pause
    }

    /// When to look again for what is due here.
    pub(super) fn next_answer(&self, now: Millis) -> Millis {
        if !self.asked.open.is_empty() {
            return now + LOOK_EVERY;
        }
        let Some(every) = self.lease.every() else { return Millis::MAX };
        self.asked.last + if self.asked.held { every.as_millis() as Millis } else { ASK_EVERY }
    }
}

/// Whether the client gave that answer itself, as it does while it knows no coordinator: then Kafka has said nothing.
fn is_by_client(error: RDKafkaErrorCode) -> bool {
    // The library's own codes; above them is "unknown" as brokers say it.
    (error as i32) < -1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_itself_is_no_answer_of_kafkas() {
        use RDKafkaErrorCode::{NoOffset, RebalanceInProgress, Unknown, UnknownMemberId, WaitingForCoordinator};
        assert!([WaitingForCoordinator, NoOffset].into_iter().all(is_by_client));
        assert!(![Unknown, RebalanceInProgress, UnknownMemberId].into_iter().any(is_by_client));
    }
}
