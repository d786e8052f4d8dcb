//! A seeded simulator of a partition with dedupe: duplicates within and beyond the window, failures, dead letters, a past
//! that takes its time to be read, and restarts.
//!
//! A failing seed is printed; `VELTRIX_SIM_SEED=N cargo test -p veltrix-host dedupe_simulation` runs it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use veltrix_manifest::{DedupeBy, Ordering};

use super::partition::{Bounds, Fate, Partition, Ruling};
use super::{CallId, Dedupe, Identify, Memo, Millis, Past, RetryPolicy, Rule, Seen, Seq};
use crate::event::Chunk;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Script {
    Ack,
    /// Not its fault, so many times.
    Free(u32),
    DeadLetter,
}

#[derive(Debug)]
struct Logged {
    id: Option<u64>,
    offset: i64,
    time: i64,
    key: u64,
    script: Script,
}

struct World {
    rng: SmallRng,
    rule: Rule,
    identify: Arc<Identify>,
    log: Vec<Logged>,
    /// The original of each copy, by what the whole log says.
    originals: BTreeMap<i64, i64>,
    partition: Partition,
    received: usize,
    calls: BTreeMap<CallId, Vec<i64>>,
    next_call: CallId,
    outbox: Vec<(Seq, i64)>,
    finished: BTreeSet<i64>,
    /// Whose effects were acknowledged, in this life of the worker or an earlier one.
    settled: BTreeSet<i64>,
    runs: BTreeMap<i64, u32>,
    dead: BTreeSet<i64>,
    committed: i64,
    memo: String,
    now: Millis,
}

fn partition(memo: Memo, identify: &Arc<Identify>, rule: Rule) -> Partition {
    let policy = RetryPolicy {
        // A crash charges the event that was named before: that must not decide what becomes of it here.
        attempts: 10_000,
        backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(10),
        max_age: Duration::from_secs(3600),
    };
    Partition::restore(policy, true, memo, 0).with_dedupe(Some(Dedupe::new(identify.clone(), rule)))
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (events, ids, keys) = (rng.random_range(1..70), rng.random_range(1..12u64), rng.random_range(1..6u64));
        let rule =
            Rule { most: rng.random_range(1..50), within: rng.random_bool(0.5).then(|| rng.random_range(1..60)) };
        let mut offset = rng.random_range(0..3);
        let log: Vec<Logged> = (0..events)
            .map(|n| {
                offset += if rng.random_bool(0.2) { rng.random_range(2..9) } else { 1 };
                let time = match rng.random_range(0..20) {
                    0 => -1,
                    1 => i64::MAX,
                    2 => rng.random_range(0..200),
                    _ => n * 3,
                };
                let script = match rng.random_range(0..8) {
                    0 => Script::Free(rng.random_range(1..4)),
                    1 => Script::DeadLetter,
                    _ => Script::Ack,
                };
                let id = rng.random_bool(0.9).then(|| rng.random_range(0..ids));
                Logged { id, offset, time, key: rng.random_range(0..keys), script }
            })
            .collect();
        let mut originals = BTreeMap::new();
        for (index, event) in log.iter().enumerate() {
            let is_same = |earlier: &&Logged| earlier.id == event.id && has_identity(earlier, rule);
            let within = |earlier: &Logged| {
                event.offset - earlier.offset <= rule.most
                    && rule.within.is_none_or(|within| earlier.time >= event.time.saturating_sub(within))
            };
            if has_identity(event, rule) && log[..index].iter().filter(is_same).any(within) {
                // Copies lead to the last of that identity that is none.
                let original = log[..index].iter().filter(is_same).rfind(|e| !originals.contains_key(&e.offset));
                originals.insert(event.offset, original.expect("the first is no copy").offset);
            }
        }
        let identify = Arc::new(Identify::new(&DedupeBy::Header("id".into())));
        Self {
            partition: partition(Memo::default(), &identify, rule),
            rng,
            rule,
            identify,
            log,
            originals,
            received: 0,
            calls: BTreeMap::new(),
            next_call: 0,
            outbox: Vec::new(),
            finished: BTreeSet::new(),
            settled: BTreeSet::new(),
            runs: BTreeMap::new(),
            dead: BTreeSet::new(),
            committed: 0,
            memo: String::new(),
            now: 0,
        }
    }

    fn chunk<'a>(events: impl IntoIterator<Item = &'a Logged>) -> Chunk {
        let mut chunk = Chunk::new("t".into(), 0);
        for event in events {
            chunk.push(event.offset, event.time, Some(&event.key.to_be_bytes()), None, Ordering::Key);
            if let Some(id) = event.id {
                chunk.push_header(b"id", Some(&id.to_be_bytes()));
            }
        }
        chunk
    }

    fn receive(&mut self) {
        let count = self.rng.random_range(0..=(self.log.len() - self.received).min(10));
        // Now and then the client goes back.
        let from = if self.rng.random_bool(0.1) { self.received.saturating_sub(3) } else { self.received };
        let first = self.log.partition_point(|event| event.offset < self.committed);
        let chunk = Self::chunk(&self.log[from.max(first)..(self.received + count).max(first)]);
        self.received = (self.received + count).max(first);
        if !chunk.is_empty() {
            self.partition.receive(Arc::new(chunk));
        }
    }

    /// Reads what is asked for, as the scan of the log does.
    fn recall(&mut self) {
        let Some(Past { from, to, since }) = self.partition.asked() else { return };
        let young = self.log.iter().find(|event| since.is_none_or(|since| event.time >= since));
        let by_time = if since.is_some() { young.map_or(to, |event| event.offset.min(to)) } else { from };
        let (edge, since) = if by_time > from { (by_time, since) } else { (from, None) };
        let mut seen = Seen::from_past(self.rule, edge, since);
        let chunk = Self::chunk(self.log.iter().filter(|event| (edge..to).contains(&event.offset)));
        for event in (0..chunk.len()).map(|index| chunk.event(index)) {
            if (event.timestamp() >= 0 || !seen.is_timed())
                && let Some(id) = self.identify.of(event)
            {
                seen.push(id, event.offset(), event.timestamp());
            }
        }
        self.partition.recall(seen);
    }

    fn start(&mut self) {
        self.partition.wake(self.now);
        self.partition.announce();
        while let Some((seq, fate)) = self.partition.used_up(self.now) {
            assert!(matches!(fate, Fate::DeadLetter { .. }), "{fate:?}");
            let offset = self.partition.event(seq).expect("it is open").offset();
            self.dead.insert(offset);
            self.finish(seq, offset);
        }
        let bounds = Bounds { events: self.rng.random_range(1..8), bytes: 1_000 };
        let mut offsets = Vec::new();
        if self.partition.take(self.next_call, 0, bounds, |event, _| offsets.push(event.offset())).is_none() {
            return;
        }
        for offset in &offsets {
            assert!(!self.originals.contains_key(offset), "a copy runs: offset {offset}");
            assert!(!self.finished.contains(offset), "offset {offset} is done and runs again");
        }
        self.calls.insert(self.next_call, offsets);
        self.next_call += 1;
    }

    fn end(&mut self) {
        let Some(&call) = self.calls.keys().nth(self.rng.random_range(0..self.calls.len().max(1))) else { return };
        let offsets = self.calls.remove(&call).unwrap();
        let mut stopped = BTreeSet::new();
        for (row, offset) in offsets.iter().enumerate() {
            let event = self.log.iter().find(|event| event.offset == *offset).unwrap();
            let (key, script) = (event.key, event.script);
            let ruling = if stopped.contains(&key) {
                Ruling::Deferred
            } else {
                let runs = self.runs.entry(*offset).or_default();
                *runs += 1;
                match script {
                    Script::Free(times) if *runs <= times => Ruling::Free(Duration::from_millis(20)),
                    Script::Ack | Script::Free(_) => Ruling::Done,
                    Script::DeadLetter => Ruling::DeadLetter,
                }
            };
            if ruling != Ruling::Done {
                stopped.insert(key);
            }
            match self.partition.rule(call, row as u32, &ruling, self.now, 0.5).expect("the row is open") {
                Fate::Finished(seq) => self.finish(seq, *offset),
                Fate::DeadLetter { seq, .. } => {
                    self.dead.insert(*offset);
                    self.finish(seq, *offset);
                }
                Fate::Retry { .. } | Fate::Deferred => {}
                Fate::Stopped { .. } => panic!("stopped with a dead-letter topic at hand"),
            }
        }
        self.partition.close(call);
    }

    fn finish(&mut self, seq: Seq, offset: i64) {
        self.finished.insert(offset);
        self.outbox.push((seq, offset));
    }

    fn acknowledge(&mut self) {
        if !self.outbox.is_empty() {
            let (seq, offset) = self.outbox.swap_remove(self.rng.random_range(0..self.outbox.len()));
            self.settled.insert(offset);
            self.partition.done(seq);
        }
        let Some(committable) = self.partition.committable() else { return };
        assert!(committable >= self.committed, "the committable offset went back");
        let memo = self.partition.memo(self.now);
        for event in &self.log {
            let noted = event.offset < committable || memo.is_done(event.offset);
            let original = self.originals.get(&event.offset).unwrap_or(&event.offset);
            assert!(!noted || self.settled.contains(original), "{event:?} is committed before {original} is settled");
        }
        self.committed = committable;
        let note = self.partition.note_of(committable, &memo);
        self.partition.accepted(&note);
        self.memo = note.text;
    }

    fn crash(&mut self) {
        let memo = Memo::decode(self.memo.as_bytes(), self.committed).unwrap_or_default();
        let noted = |offset: &i64| *offset < self.committed || memo.is_done(*offset);
        self.finished = self.log.iter().map(|event| event.offset).filter(noted).collect();
        self.partition = partition(memo, &self.identify, self.rule);
        self.received = self.log.partition_point(|event| event.offset < self.committed);
        self.calls.clear();
        self.outbox.clear();
    }

    fn step(&mut self, calm: bool) {
        self.now += self.rng.random_range(0..30);
        match self.rng.random_range(0..100) {
            0..=19 => self.receive(),
            20..=34 => self.recall(),
            35..=54 => self.start(),
            55..=74 => self.end(),
            75..=97 => self.acknowledge(),
            _ if calm => {}
            _ => self.crash(),
        }
    }
}

fn has_identity(event: &Logged, rule: Rule) -> bool {
    event.id.is_some() && (rule.within.is_none() || event.time >= 0)
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let end = world.log.last().map_or(0, |event| event.offset + 1);
    let mut steps = 0;
    while world.committed < end {
        steps += 1;
        assert!(steps < 30_000, "no progress: committed {} of {end}", world.committed);
        world.step(steps > 600);
    }
    for event in &world.log {
        let original = !world.originals.contains_key(&event.offset);
        assert_eq!(world.runs.contains_key(&event.offset), original, "{event:?}");
        let dies = original && event.script == Script::DeadLetter;
        assert_eq!(world.dead.contains(&event.offset), dies, "{event:?}");
    }
}

#[test]
fn dedupe_simulation_runs_every_original_and_no_copy() {
    if let Ok(seed) = std::env::var("VELTRIX_SIM_SEED") {
        return run(seed.parse().expect("VELTRIX_SIM_SEED is a number"));
    }
    let schedules =
        std::env::var("VELTRIX_SIM_SCHEDULES").map_or(2_000, |n| n.parse().expect("VELTRIX_SIM_SCHEDULES is a number"));
    for seed in 0..schedules {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            eprintln!("replay: VELTRIX_SIM_SEED={seed} cargo test -p veltrix-host dedupe_simulation");
            std::panic::resume_unwind(panic);
        }
    }
}
