//! How long nothing that was sent has been acknowledged.

use crate::flow::Millis;

/// While records wait and none is acknowledged for so long, Kafka does not take them, whatever else it answers.
const UNACKNOWLEDGED: Millis = 15_000;
/// While that lasts for so long and Kafka answers the consumer, it is the producer that is stuck: another takes its place.
const STUCK: Millis = 45_000;

/// The time since the last acknowledgement, or since something waits for one.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Acknowledgements seen, and when they last rose or nothing waited; none before the first look.
    last: Option<(u64, Millis)>,
    lasts: Millis,
}

impl Silence {
    /// A look: acknowledgements so far, whether something waits for one, whether Kafka is away.
    pub(super) fn look(&mut self, count: u64, waits: bool, away: bool, now: Millis) {
        // The producer may be others' as well: what waits at the first look may have been sent just now.
        let (seen, since) = self.last.get_or_insert((count, now));
        if *seen != count || !waits {
            (*seen, *since) = (count, now);
        }
        // Time while Kafka is away says nothing of the producer.
        if away {
            *since = (*since).max(now.saturating_sub(UNACKNOWLEDGED));
        }
        self.lasts = now.saturating_sub(*since);
    }

    /// Kafka does not take what is sent.
    pub(super) fn is_long(&self) -> bool {
        self.lasts > UNACKNOWLEDGED
    }

    /// Nothing is to be expected of the producer any more.
    pub(super) fn is_for_good(&self) -> bool {
        self.lasts >= STUCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clocks don't begin at zero.
    const START: Millis = 1_700_000_000_000;

    #[test]
    fn what_waits_at_the_first_look_was_sent_just_now() {
        let mut silence = Silence::default();
        silence.look(0, true, false, START);
        assert!(!silence.is_long() && !silence.is_for_good());
        silence.look(0, true, false, START + UNACKNOWLEDGED + 1);
        assert!(silence.is_long() && !silence.is_for_good());
        silence.look(0, true, false, START + STUCK);
        assert!(silence.is_for_good());
    }

    #[test]
    fn an_acknowledgement_and_an_empty_queue_end_it() {
        let mut silence = Silence::default();
        silence.look(7, true, false, START);
        silence.look(8, true, false, START + STUCK);
        assert!(!silence.is_long());
        silence.look(8, false, false, START + 2 * STUCK);
        assert!(!silence.is_long());
        silence.look(8, true, false, START + 2 * STUCK + UNACKNOWLEDGED);
        assert!(!silence.is_long());
    }

    #[test]
    fn time_without_kafka_does_not_make_it_the_producers_fault() {
        let mut silence = Silence::default();
        for second in 0..600 {
            silence.look(3, true, true, START + second * 1_000);
            assert!(!silence.is_for_good());
        }
        silence.look(3, true, false, START + 600_000);
        assert!(!silence.is_for_good());
    }
}
