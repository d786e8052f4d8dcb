//! How fast a binding is: from snapshots of the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use veltrix_host::worker::Snapshot;

use super::journal::Place;

/// What rates and latencies are taken over.
const WINDOW: Duration = Duration::from_secs(5);

/// A binding, as the view shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Row {
    pub(crate) function: String,
    pub(crate) group: String,
    pub(crate) topics: String,
    /// Finished a second; none before there is anything to compare with.
    pub(crate) rate: Option<f64>,
    /// None: not known.
    pub(crate) lag: Option<i64>,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) ack: u64,
    pub(crate) skip: u64,
    pub(crate) retried: u64,
    pub(crate) dead: u64,
    pub(crate) lanes_stopped: u64,
    pub(crate) swaps: u64,
    pub(crate) paused: bool,
    /// `running`, or what it does instead.
    pub(crate) state: String,
    pub(crate) error: Option<String>,
    /// The event that was done last.
    pub(crate) last: Option<Place>,
}

/// The last snapshots of a binding.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    seen: VecDeque<(Instant, Snapshot)>,
    last: Option<Place>,
}

impl Meter {
    /// Takes in a snapshot; says what to show.
    pub(crate) fn look(&mut self, now: Instant, snapshot: Snapshot) -> Row {
        // Counts begin anew with a new worker.
        if self.seen.back().is_some_and(|(_, last)| done(&snapshot) < done(last) || snapshot.consumed < last.consumed) {
            self.seen.clear();
        }
        self.follow(&snapshot);
        self.seen.push_back((now, snapshot));
        // The first is the youngest that is old enough.
        while self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.seen.pop_front();
        }
        self.row()
    }

    fn row(&self) -> Row {
        let (Some((begin, first)), Some((end, last))) = (self.seen.front(), self.seen.back()) else {
            return Row::default();
        };
        let seconds = end.duration_since(*begin).as_secs_f64();
        let lately = last.latency.since(&first.latency);
        // A binding at rest shows what it was like at work.
        let latency = if lately.count() > 0 { lately } else { last.latency };
        let open = last.breakers.iter().find(|(_, state)| **state == "open").map(|(name, _)| format!("waits: {name}"));
        Row {
            function: last.function.clone(),
            group: last.group.clone(),
            topics: last.topics.join(", "),
            rate: (seconds > 0.0).then(|| (done(last) - done(first)) as f64 / seconds),
            lag: last.lag(),
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
            ack: last.ack,
            skip: last.skip,
            retried: last.retried,
            dead: last.dead_lettered,
            lanes_stopped: last.lanes_stopped,
            swaps: last.swaps,
            paused: last.paused,
            state: open.unwrap_or_else(|| last.state.to_owned()),
            error: last.error.clone(),
            last: self.last.clone(),
        }
    }

    /// Notes which partition has got on.
    fn follow(&mut self, snapshot: &Snapshot) {
        let before = self.seen.back().map(|(_, last)| last);
        for partition in &snapshot.partitions {
            let Some(done) = partition.done else { continue };
            let earlier = before.and_then(|before| {
                let same =
                    |p: &&veltrix_host::worker::Partition| p.topic == partition.topic && p.number == partition.number;
                before.partitions.iter().find(same)?.done
            });
            // The first look may find a partition that was done long ago.
            if done > earlier.unwrap_or(0) {
                let (topic, number) = (partition.topic.clone(), partition.number);
                self.last = Some(Place { topic, partition: number.into(), offset: done - 1 });
            }
        }
    }
}

/// Events that are finished for good.
fn done(snapshot: &Snapshot) -> u64 {
    snapshot.ack + snapshot.skip + snapshot.dead_lettered
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use veltrix_host::worker::Partition;

    use super::*;

    fn snapshot(ack: u64, done: Option<i64>, lag: Option<i64>) -> Snapshot {
        Snapshot {
            group: "shop.stock".into(),
            function: "stock".into(),
            topics: vec!["orders".into()],
            revision: None,
            state: "running",
            error: None,
            breakers: BTreeMap::new(),
            paused: false,
            stopped: Vec::new(),
            lanes_stopped: 0,
            consumed: ack,
            ack,
            skip: 0,
            retry: 0,
            dead_letter: 0,
            deferred: 0,
            retried: 0,
            emitted: 0,
            dead_lettered: 0,
            reasons: BTreeMap::new(),
            lost: 0,
            swaps: 0,
            in_flight: 0,
            latency: Default::default(),
            failed_starts: 0,
            idle: true,
            partitions: vec![Partition { topic: "orders".into(), number: 0, done, lag }],
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let (mut meter, begin) = (Meter::default(), Instant::now());
        let at = |second: u64| begin + Duration::from_secs(second);
        assert_eq!(meter.look(at(0), snapshot(100, None, None)).rate, None);
        assert_eq!(meter.look(at(1), snapshot(300, None, None)).rate, Some(200.0));
        for second in 2..=5 {
            meter.look(at(second), snapshot(300, None, None));
        }
        assert_eq!(meter.look(at(6), snapshot(300, None, None)).rate, Some(0.0), "what is long ago does not count");
    }

    #[test]
    fn a_new_worker_begins_anew() {
        let (mut meter, begin) = (Meter::default(), Instant::now());
        meter.look(begin, snapshot(500, None, None));
        let row = meter.look(begin + Duration::from_secs(1), snapshot(10, None, None));
        assert_eq!((row.rate, row.ack), (None, 10));
    }

    #[test]
    fn an_unknown_lag_stays_unknown_and_the_last_event_is_followed() {
        let (mut meter, now) = (Meter::default(), Instant::now());
        let row = meter.look(now, snapshot(0, None, None));
        assert_eq!((row.lag, row.last), (None, None));
        let row = meter.look(now, snapshot(7, Some(7), Some(0)));
        let place = Place { topic: "orders".into(), partition: 0, offset: 6 };
        assert_eq!((row.lag, row.last), (Some(0), Some(place.clone())));
        assert_eq!(meter.look(now, snapshot(7, Some(7), Some(0))).last, Some(place));
    }

    #[test]
    fn what_a_binding_waits_for_is_its_state() {
        let mut waiting = snapshot(0, None, None);
        waiting.breakers = BTreeMap::from([("cassandra", "open"), ("kafka", "closed")]);
        assert_eq!(Meter::default().look(Instant::now(), waiting).state, "waits: cassandra");
    }
}
