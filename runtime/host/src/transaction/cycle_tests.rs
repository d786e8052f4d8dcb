//! A seeded run of transactions that are committed, aborted and lose their partitions at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::{Cycle, Phase};
use crate::flow::Millis;
use crate::source::TopicPartition;
use crate::transaction::Kept;

const INTERVAL: Duration = Duration::from_millis(50);

fn name(partition: i32) -> TopicPartition {
    ("t".into(), partition)
}

struct World {
    rng: SmallRng,
    cycle: Cycle,
    now: Millis,
    next: u64,
    /// What the producer was given since its transaction began.
    sent: Vec<Arc<Kept>>,
    /// Outcomes seen by readers of committed events, in order.
    seen: Vec<u64>,
    /// Outcomes of partitions that went.
    forgotten: BTreeSet<u64>,
    closed: BTreeSet<u64>,
    partition_of: BTreeMap<u64, i32>,
}

impl World {
    fn keep(&mut self) {
        let partition = self.rng.random_range(0..3);
        let unit = Arc::new(Kept::silent(self.next, name(partition), 1, vec![self.next]));
        self.partition_of.insert(self.next, partition);
        self.next += 1;
        if self.cycle.keep(unit.clone()) {
            self.sent.push(unit);
        }
    }

    fn tick(&mut self) {
        for unit in self.cycle.open(self.now) {
            self.sent.push(unit);
        }
        if self.cycle.phase() == Phase::Open && self.cycle.doomed().is_some() {
            return self.cycle.abort();
        }
        let (urgent, notes) = (self.rng.random_bool(0.05), self.rng.random_bool(0.05));
        if self.cycle.is_due(self.now, INTERVAL, urgent, notes) {
            self.cycle.flush();
        }
    }

    /// The producer answers, for good or bad.
    fn answer(&mut self, luck: f64) {
        let good = self.rng.random_bool(luck);
        match self.cycle.phase() {
            Phase::Starting => self.cycle.ready(),
            Phase::Idle | Phase::Open => {}
            Phase::Flushing if self.cycle.doomed().is_some() || !good => self.cycle.abort(),
            Phase::Flushing => {
                for unit in self.cycle.close() {
                    assert!(self.closed.insert(unit.number), "{} is closed twice", unit.number);
                }
                self.cycle.commit();
            }
            Phase::Committing if good => {
                for unit in self.sent.drain(..) {
                    // Readers of committed events see all that was sent in it.
                    self.seen.push(unit.number);
                }
                self.cycle.committed();
            }
            Phase::Committing | Phase::Aborting => {
                self.sent.clear();
                self.cycle.aborted(self.now);
            }
        }
    }

    fn forget(&mut self) {
        let partition = self.rng.random_range(0..3);
        self.cycle.forget(&name(partition));
        assert!(!self.cycle.holds(&name(partition)));
        for (number, _) in self.partition_of.iter().filter(|(_, p)| **p == partition) {
            self.forgotten.insert(*number);
        }
    }
}

fn run(seed: u64) {
    let mut world = World {
        rng: SmallRng::seed_from_u64(seed),
        cycle: Cycle::new(),
        now: 0,
        next: 0,
        sent: Vec::new(),
        seen: Vec::new(),
        forgotten: BTreeSet::new(),
        closed: BTreeSet::new(),
        partition_of: BTreeMap::new(),
    };
    for _ in 0..300 {
        world.now += world.rng.random_range(0..15);
        match world.rng.random_range(0..100) {
            0..=39 => world.keep(),
            40..=69 => world.tick(),
            70..=97 => world.answer(0.7),
            _ => world.forget(),
        }
    }
    let mut steps = 0;
    while !world.cycle.is_quiet() {
        steps += 1;
        assert!(steps < 1_000, "seed {seed}: no end: {:?}", world.cycle.phase());
        world.now += 100;
        world.tick();
        world.answer(1.0);
    }
    let unique: BTreeSet<u64> = world.seen.iter().copied().collect();
    assert_eq!(unique.len(), world.seen.len(), "seed {seed}: an outcome is seen twice: {:?}", world.seen);
    for number in 0..world.next {
        // What was forgotten may have been committed before, or while it went; the rest has to be.
        assert!(unique.contains(&number) || world.forgotten.contains(&number), "seed {seed}: {number} is lost");
    }
    for partition in 0..3 {
        let order: Vec<u64> = world.seen.iter().copied().filter(|n| world.partition_of[n] == partition).collect();
        assert!(order.is_sorted(), "seed {seed}: partition {partition} is out of order: {order:?}");
    }
    assert_eq!(world.cycle.events(), 0, "seed {seed}: what is kept is not counted");
    assert!(world.cycle.has_room());
}

#[test]
fn every_outcome_is_seen_once_and_in_order_through_aborts_and_losses() {
    for seed in 0..3_000 {
        run(seed);
    }
}

#[test]
fn a_full_transaction_ends_before_its_time_and_the_rest_waits_for_the_next() {
    let mut cycle = Cycle::new();
    cycle.ready();
    let unit = |number| Arc::new(Kept::silent(number, name(0), 1, (0..50_000).collect()));
    assert!(!cycle.keep(unit(0)), "none is open");
    assert_eq!(cycle.open(7).len(), 1);
    assert!(!cycle.is_due(8, INTERVAL, false, false));
    assert!(cycle.keep(unit(1)));
    assert!(cycle.is_due(8, INTERVAL, false, false), "100,000 events are enough");
    cycle.flush();
    assert!(!cycle.keep(unit(2)), "it is for the next");
    assert!(cycle.has_room());
    cycle.keep(unit(3));
    cycle.keep(unit(4));
    assert!(!cycle.has_room(), "250,000 events are too many");
    cycle.commit();
    assert_eq!(cycle.committed(), 2);
    assert!(cycle.has_room());
    assert_eq!(cycle.open(9).len(), 3);
}

#[test]
fn after_an_abort_there_is_a_pause_that_grows() {
    let mut cycle = Cycle::new();
    cycle.ready();
    cycle.keep(Arc::new(Kept::silent(0, name(0), 1, vec![0])));
    let mut now = 0;
    let mut last = 0;
    for _ in 0..6 {
        assert_eq!(cycle.open(now).len(), 1);
        cycle.flush();
        cycle.abort();
        cycle.aborted(now);
        let due = cycle.next_due(INTERVAL).unwrap();
        assert!(due - now > last, "{} after {last}", due - now);
        assert!(cycle.open(due - 1).is_empty());
        (last, now) = (due - now, due);
    }
}

#[test]
fn outcomes_of_a_withheld_partition_wait_in_their_order_and_the_others_go_on() {
    let mut cycle = Cycle::new();
    cycle.ready();
    let unit = |number, partition| Arc::new(Kept::silent(number, name(partition), 1, vec![number]));
    let numbers = |units: Vec<Arc<Kept>>| units.iter().map(|unit| unit.number).collect::<Vec<_>>();
    for (number, partition) in [(0, 0), (1, 1), (2, 0)] {
        cycle.keep(unit(number, partition));
    }
    assert_eq!(numbers(cycle.open(0)), [0, 1, 2]);
    cycle.flush();
    assert_eq!(numbers(cycle.close()), [0, 1, 2]);
    cycle.withhold(&name(0));
    cycle.abort();
    cycle.aborted(0);
    assert_eq!(numbers(cycle.open(1_000)), [1]);
    assert!(!cycle.keep(unit(3, 0)), "it waits behind the others of its partition");
    assert!(cycle.keep(unit(4, 1)));
    assert_eq!(numbers(cycle.close_withheld()), [3], "the others were closed before");
    cycle.flush();
    cycle.commit();
    assert_eq!(cycle.committed(), 2);
    assert!(cycle.open(2_000).is_empty() && cycle.next_due(INTERVAL).is_none() && !cycle.is_quiet());
    assert!(cycle.is_due(2_000, INTERVAL, false, true), "notes of the others are committed meanwhile");
    cycle.release(&name(0));
    assert_eq!(numbers(cycle.open(3_000)), [0, 2, 3]);
}
