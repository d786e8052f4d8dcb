//! A seeded simulator of one partition: random keys, verdicts, traps, effects and restarts.
//!
//! A failing seed is printed; `VELTRIX_SIM_SEED=N cargo test -p veltrix-host simulation` runs it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use veltrix_manifest::Ordering;

use super::isolate::Mode;
use super::memo::Memo;
use super::partition::{Bounds, Fate, Partition, Ruling};
use super::retry::RetryPolicy;
use super::{CallId, Millis, Seq};
use crate::event::Chunk;

/// What the function does with an event, fixed per run by offset.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Script {
    Ack,
    FailTwice,
    AlwaysFail,
    DeadLetter,
    Trap,
    NamedTrap,
    FreeOnce,
}

struct OpenCall {
    mode: Mode,
    offsets: Vec<i64>,
    keys: Vec<u64>,
}

struct World {
    rng: SmallRng,
    partition: Partition,
    log: Vec<(u64, Script)>,
    received: usize,
    calls: BTreeMap<CallId, OpenCall>,
    next_call: CallId,
    /// Finished, effects not acknowledged yet.
    outbox: Vec<(Seq, i64)>,
    now: Millis,
    /// Attempts begun per offset, finished offsets in this life of the worker, last finished per key.
    runs: BTreeMap<i64, u32>,
    finished: BTreeSet<i64>,
    running_keys: BTreeSet<u64>,
    last_finished: BTreeMap<u64, i64>,
    ever_finished: BTreeSet<i64>,
    committed: i64,
    crashes: u32,
    /// What was committed beside the offset, in its coded form.
    memo: String,
    /// Events that the memo said are done, and attempts that it knew of.
    noted: Memo,
    dead: BTreeSet<i64>,
    charged: BTreeMap<i64, u32>,
    not_before: BTreeMap<i64, Millis>,
}

const ATTEMPTS: u32 = 4;

fn policy() -> RetryPolicy {
    RetryPolicy {
        attempts: ATTEMPTS,
        backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(100),
        max_age: Duration::from_secs(3600),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (events, keys) = (rng.random_range(1..60), rng.random_range(1..8u64));
        let calm = rng.random_bool(0.3);
        let log = (0..events)
            .map(|_| {
                let script = match rng.random_range(0..if calm { 10 } else { 24 }) {
                    0..=9 => Script::Ack,
                    10..=12 => Script::FailTwice,
                    13 => Script::AlwaysFail,
                    14 => Script::DeadLetter,
                    15..=16 => Script::Trap,
                    17..=18 => Script::NamedTrap,
                    19 => Script::FreeOnce,
                    _ => Script::Ack,
                };
                (rng.random_range(0..keys), script)
            })
            .collect();
        Self {
            partition: Partition::new(policy(), true),
            rng,
            log,
            received: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            outbox: Vec::new(),
            now: 0,
            runs: BTreeMap::new(),
            finished: BTreeSet::new(),
            running_keys: BTreeSet::new(),
            last_finished: BTreeMap::new(),
            ever_finished: BTreeSet::new(),
            committed: 0,
            crashes: 0,
            memo: String::new(),
            noted: Memo::default(),
            dead: BTreeSet::new(),
            charged: BTreeMap::new(),
            not_before: BTreeMap::new(),
        }
    }

    fn receive(&mut self) {
        let count = self.rng.random_range(0..=(self.log.len() - self.received).min(12));
        let mut chunk = Chunk::new("t".into(), 0);
        for offset in self.received..self.received + count {
            let key = self.log[offset].0.to_be_bytes();
            chunk.push(offset as i64, 0, Some(&key), Some(b"v"), Ordering::Key);
        }
        self.received += count;
        if count > 0 {
            assert_eq!(self.partition.receive(Arc::new(chunk)), count);
        }
    }

    fn start(&mut self) {
        self.partition.wake(self.now);
        while let Some((_, fate)) = self.partition.used_up(self.now) {
            let Fate::DeadLetter { seq, attempts } = fate else { panic!("{fate:?}") };
            assert!(attempts >= ATTEMPTS);
            let event = self.partition.event(seq).expect("it is kept");
            let (offset, key) = (event.offset(), u64::from_be_bytes(event.key().unwrap().try_into().unwrap()));
            self.finish(offset, key);
            self.dead.insert(offset);
            self.outbox.push((seq, offset));
        }
        let bounds = Bounds { events: self.rng.random_range(1..10), bytes: 1000 };
        let call = self.next_call;
        let (mut offsets, mut keys) = (Vec::new(), Vec::new());
        let mode = self.partition.next_mode();
        let taken = self.partition.take(call, bounds, |event, _| {
            offsets.push(event.offset());
            keys.push(u64::from_be_bytes(event.key().unwrap().try_into().unwrap()));
        });
        let (Some(mode), Some(count)) = (mode, taken) else { return };
        assert_eq!(count, offsets.len());
        if mode == Mode::Alone {
            assert_eq!(count, 1, "an event that runs alone has company");
        }
        for offset in &offsets {
            let due = self.not_before.get(offset).copied().unwrap_or(0);
            assert!(self.now >= due, "offset {offset} runs before its back-off is over");
        }
        for key in keys.iter().collect::<BTreeSet<_>>() {
            assert!(self.running_keys.insert(*key), "a lane is in two calls");
        }
        for pair in offsets.iter().zip(&keys).collect::<Vec<_>>().windows(2) {
            assert!(pair[0].1 != pair[1].1 || pair[0].0 < pair[1].0, "a lane's events are out of order in a call");
        }
        self.next_call += 1;
        self.calls.insert(call, OpenCall { mode, offsets, keys });
    }

    /// Runs a call to its end as a guest would: in order, a failed lane defers its rest.
    fn end(&mut self) {
        let Some(&call) = self.calls.keys().nth(self.rng.random_range(0..self.calls.len().max(1))) else { return };
        let open = self.calls.remove(&call).unwrap();
        let mut stopped = BTreeSet::new();
        let mut bad_end = None;
        let mut marked = None;
        for (row, (&offset, &key)) in open.offsets.iter().zip(&open.keys).enumerate() {
            let row = row as u32;
            if stopped.contains(&key) {
                self.rule(call, row, offset, key, Ruling::Deferred);
                continue;
            }
            marked = (open.mode == Mode::Isolate).then_some(row);
            assert!(!self.finished.contains(&offset), "offset {offset} is done and runs again");
            let runs = self.runs.entry(offset).or_default();
            *runs += 1;
            if let Some(&last) = self.last_finished.get(&key) {
                assert!(last < offset, "offset {offset} of key {key} ran after {last}");
            }
            let failed = Ruling::Failed { asked: None, ended_call: false };
            let ruling = match self.log[offset as usize].1 {
                Script::Ack => Ruling::Done,
                Script::FailTwice if self.charged.get(&offset).copied().unwrap_or(0) >= 2 => Ruling::Done,
                Script::FailTwice | Script::AlwaysFail => failed,
                Script::DeadLetter => Ruling::DeadLetter,
                Script::FreeOnce if *runs > 1 => Ruling::Done,
                Script::FreeOnce => Ruling::Free(Duration::from_millis(5)),
                Script::Trap => {
                    bad_end = Some(None);
                    break;
                }
                Script::NamedTrap => {
                    bad_end = Some(Some(row));
                    break;
                }
            };
            if ruling != Ruling::Done {
                stopped.insert(key);
            }
            // What an earlier `settle` said survives a trap; what it did not say is lost with it.
            self.rule(call, row, offset, key, ruling);
        }
        if let Some(named) = bad_end
            && let Some(row) = self.partition.blame(call, named, marked)
        {
            let (offset, key) = (open.offsets[row as usize], open.keys[row as usize]);
            let script = self.log[offset as usize].1;
            assert!(
                matches!(script, Script::Trap | Script::NamedTrap),
                "offset {offset} is charged for another's trap"
            );
            self.rule(call, row, offset, key, Ruling::Failed { asked: None, ended_call: true });
        }
        assert_eq!(self.partition.unsettled(call), Vec::<u32>::new());
        self.partition.close(call);
        for key in &open.keys {
            self.running_keys.remove(key);
        }
    }

    fn rule(&mut self, call: CallId, row: u32, offset: i64, key: u64, ruling: Ruling) {
        let jitter = self.rng.random();
        let fate = self.partition.rule(call, row, &ruling, self.now, jitter).expect("the row is open");
        assert_eq!(self.partition.rule(call, row, &ruling, self.now, jitter), None, "a row is ruled on twice");
        if matches!(ruling, Ruling::Failed { .. }) {
            *self.charged.entry(offset).or_default() += 1;
        }
        match fate {
            Fate::Finished(seq) => {
                self.finish(offset, key);
                self.outbox.push((seq, offset));
            }
            Fate::DeadLetter { seq, attempts } => {
                // A crash after the last attempt, before the dead letter is acknowledged, costs another.
                assert!(attempts <= ATTEMPTS + self.crashes, "offset {offset}: {attempts} attempts");
                let charged = self.charged.get(&offset).copied().unwrap_or(0);
                assert!(attempts >= charged, "offset {offset}: {attempts} attempts, {charged} were charged");
                self.finish(offset, key);
                self.dead.insert(offset);
                self.outbox.push((seq, offset));
            }
            Fate::Retry { at, attempts } => {
                assert!(at >= self.now && attempts < ATTEMPTS);
                self.not_before.insert(offset, at);
            }
            Fate::Stopped { .. } => panic!("stopped with a dead-letter topic at hand"),
            Fate::Deferred => {}
        }
    }

    fn finish(&mut self, offset: i64, key: u64) {
        assert!(self.finished.insert(offset), "offset {offset} finished twice in one life");
        self.ever_finished.insert(offset);
        self.last_finished.insert(key, offset);
    }

    fn acknowledge(&mut self) {
        if !self.outbox.is_empty() {
            let (seq, _) = self.outbox.swap_remove(self.rng.random_range(0..self.outbox.len()));
            self.partition.done(seq);
        }
        self.commit();
    }

    fn commit(&mut self) {
        let Some(committable) = self.partition.committable() else { return };
        assert!(committable >= self.committed, "the committable offset went back");
        let unacknowledged: BTreeSet<i64> = self.outbox.iter().map(|(_, offset)| *offset).collect();
        for offset in self.committed..committable {
            assert!(self.finished.contains(&offset), "offset {offset} is committed and was not finished");
            assert!(!unacknowledged.contains(&offset), "offset {offset} is committed before its effects");
        }
        let note = self.partition.note(self.now).expect("something was received");
        // The answer may be lost, and the note kept all the same.
        if self.rng.random_bool(0.8) {
            self.partition.accepted(&note);
        }
        self.committed = committable;
        self.memo = note.text;
        let noted = Memo::decode(self.memo.as_bytes(), committable).unwrap_or_default();
        for offset in noted.done.iter().flat_map(|(start, end)| *start..*end) {
            assert!(self.finished.contains(&offset), "offset {offset} is noted as done and was not finished");
            assert!(!unacknowledged.contains(&offset), "offset {offset} is noted as done before its effects");
        }
        self.noted = noted;
    }

    /// kill -9: all that was not committed comes again.
    fn crash(&mut self) {
        self.crashes += 1;
        // What a restart knows is what was committed.
        let memo = Memo::decode(self.memo.as_bytes(), self.committed).unwrap_or_default();
        self.partition = Partition::restore(policy(), true, memo.clone(), self.now);
        self.received = self.committed as usize;
        self.calls.clear();
        self.outbox.clear();
        self.running_keys.clear();
        self.charged = memo.failing.iter().map(|(offset, cost)| (*offset, cost.attempts)).collect();
        self.not_before.clear();
        let noted = memo.done.iter().flat_map(|(start, end)| *start..*end);
        self.finished = (0..self.committed).chain(noted).collect();
        self.last_finished.clear();
        for offset in &self.finished {
            self.last_finished.insert(self.log[*offset as usize].0, *offset);
        }
    }

    fn is_over(&self) -> bool {
        self.committed == self.log.len() as i64
    }

    fn step(&mut self, calm: bool) {
        self.now += self.rng.random_range(0..30);
        match self.rng.random_range(0..100) {
            0..=19 => self.receive(),
            20..=49 => self.start(),
            50..=74 => self.end(),
            75..=98 => self.acknowledge(),
            _ if calm => {}
            _ => self.crash(),
        }
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let mut steps = 0;
    while !world.is_over() {
        steps += 1;
        assert!(steps < 60_000, "no progress: committed {} of {}", world.committed, world.log.len());
        // Crashes end at some point, as attempts in memory begin anew after each.
        world.step(steps > 400);
    }
    for (offset, (_, script)) in world.log.iter().enumerate() {
        let must_die = matches!(script, Script::AlwaysFail | Script::DeadLetter | Script::Trap | Script::NamedTrap);
        assert_eq!(world.dead.contains(&(offset as i64)), must_die, "offset {offset}: {script:?}");
        assert!(world.ever_finished.contains(&(offset as i64)), "offset {offset} was lost");
    }
}

#[test]
fn simulation_loses_nothing_and_keeps_the_order_of_each_key() {
    if let Ok(seed) = std::env::var("VELTRIX_SIM_SEED") {
        return run(seed.parse().expect("VELTRIX_SIM_SEED is a number"));
    }
    let schedules = std::env::var("VELTRIX_SIM_SCHEDULES")
        .map_or(10_000, |n| n.parse().expect("VELTRIX_SIM_SCHEDULES is a number"));
    for seed in 0..schedules {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("replay: VELTRIX_SIM_SEED={seed} cargo test -p veltrix-host simulation");
            std::panic::resume_unwind(panic);
        }
    }
}
