//! A seeded simulator of a group: partitions and workers that come, go and die, a function with its own mind, a broker
//! that takes, refuses or forgets. What must hold is said in `simulation/truth.rs`.
//!
//! `VELTRIX_SIM_SCHEDULES=N` sets how many seeds run; a failing one is printed with the command that runs it alone.

mod truth;
mod worker;

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Millis;
use super::retry::RetryPolicy;
use truth::{Script, Truth};
use worker::{Life, Owned};

/// Steps with faults; after them all that was begun has to come to an end.
const FAULTS: u32 = 250;
/// Steps that this may take.
const MOST_STEPS: u32 = 30_000;
/// Workers that die for no reason in a world: fewer than an event may be at work in.
const MOST_CRASHES: u32 = 3;

fn policy() -> RetryPolicy {
    let (backoff, max_backoff) = (Duration::from_millis(10), Duration::from_millis(100));
    RetryPolicy { attempts: 4, backoff, max_backoff, max_age: Duration::from_secs(3600) }
}

struct Worker {
    /// Off the world's clock; another one after each death.
    skew: Millis,
    paused: bool,
    owned: Vec<(usize, Owned)>,
}

struct World {
    rng: SmallRng,
    truths: Vec<Truth>,
    workers: Vec<Worker>,
    /// Partitions that nobody has, and whether the last owner ended well.
    free: Vec<(usize, bool)>,
    dead_letters: bool,
    crashes: u32,
    now: Millis,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let calm = rng.random_bool(0.3);
        let lethal = rng.random_bool(0.15);
        let partitions = rng.random_range(1..=3);
        let truths: Vec<Truth> = (0..partitions)
            .map(|_| {
                let (events, keys) = (rng.random_range(1..16), rng.random_range(1..6));
                let log = (0..events).map(|_| (rng.random_range(0..keys), script(&mut rng, calm, lethal))).collect();
                Truth::new(log)
            })
            .collect();
        let workers = (0..rng.random_range(1..=3)).map(|_| Worker { skew: 0, paused: false, owned: Vec::new() });
        Self {
            workers: workers.collect(),
            free: (0..truths.len()).map(|partition| (partition, true)).collect(),
            truths,
            dead_letters: rng.random_bool(0.8),
            crashes: 0,
            now: 0,
            rng,
        }
    }

    /// A worker, and one of its partitions, if it has any.
    fn pick(&mut self) -> (usize, Option<usize>) {
        let worker = self.rng.random_range(0..self.workers.len());
        let count = self.workers[worker].owned.len();
        (worker, (count > 0).then(|| self.rng.random_range(0..count)))
    }

    /// A worker's partition at work, with what it works on.
    fn at<R>(&mut self, act: impl FnOnce(&mut Owned, &mut Truth, &mut SmallRng, Millis) -> R) -> Option<(usize, R)> {
        let (worker, index) = self.pick();
        let worker_state = &mut self.workers[worker];
        let now = self.now + worker_state.skew;
        let (partition, owned) = &mut worker_state.owned[index?];
        Some((worker, act(owned, &mut self.truths[*partition], &mut self.rng, now)))
    }

    fn start(&mut self) {
        let (worker, index) = self.pick();
        let Some(index) = index else { return };
        let state = &mut self.workers[worker];
        if state.paused {
            return;
        }
        let alone = state.owned.iter().all(|(_, owned)| !owned.is_announced());
        let (partition, owned) = &mut state.owned[index];
        let life = owned.start(&mut self.truths[*partition], &mut self.rng, alone, self.now + state.skew);
        if life == Life::Killed {
            self.kill(worker);
        }
    }

    fn end(&mut self) {
        if let Some((worker, Life::Killed)) = self.at(|owned, truth, rng, now| owned.end(truth, rng, now)) {
            self.kill(worker);
        }
    }

    /// kill -9, or a session that ran out: all that was not committed comes again.
    fn kill(&mut self, worker: usize) {
        let worker = &mut self.workers[worker];
        self.free.extend(worker.owned.drain(..).map(|(partition, _)| (partition, false)));
        // Its successor's clock may be anywhere.
        *worker = Worker { skew: self.rng.random_range(0..200), paused: false, owned: Vec::new() };
    }

    fn hand_back(&mut self) {
        let (worker, index) = self.pick();
        let Some(index) = index else { return };
        let now = self.now + self.workers[worker].skew;
        let (partition, mut owned) = self.workers[worker].owned.swap_remove(index);
        owned.hand_back(&mut self.truths[partition], &mut self.rng, now);
        self.free.push((partition, true));
    }

    fn assign(&mut self) {
        if self.free.is_empty() {
            return;
        }
        let (partition, clean) = self.free.swap_remove(self.rng.random_range(0..self.free.len()));
        let index = self.rng.random_range(0..self.workers.len());
        let worker = &mut self.workers[index];
        let now = self.now + worker.skew;
        let mut owned = Owned::new(&mut self.truths[partition], policy(), self.dead_letters, clean, now);
        owned.pause(worker.paused, now);
        worker.owned.push((partition, owned));
    }

    fn pause(&mut self, paused: bool) {
        let (index, _) = self.pick();
        let worker = &mut self.workers[index];
        worker.paused = paused;
        let now = self.now + worker.skew;
        worker.owned.iter_mut().for_each(|(_, owned)| owned.pause(paused, now));
    }

    fn step(&mut self, calm: bool) {
        self.now += self.rng.random_range(0..20);
        match self.rng.random_range(0..100) {
            0..=11 => drop(self.at(|owned, truth, rng, _| owned.receive(truth, rng))),
            12..=34 => self.start(),
            35..=57 => self.end(),
            58..=69 => drop(self.at(|owned, truth, rng, _| owned.acknowledge(truth, rng))),
            70..=79 => drop(self.at(|owned, _, _, now| owned.ask(now))),
            80..=91 => drop(self.at(|owned, truth, rng, _| owned.answer(truth, rng, calm))),
            92..=94 => self.assign(),
            95 => self.pause(false),
            _ if calm => {}
            96 => self.pause(true),
            97 if !self.dead_letters => drop(self.at(|owned, truth, _, _| owned.resume(truth))),
            98 => self.hand_back(),
            99 if self.crashes < MOST_CRASHES => {
                self.crashes += 1;
                let (worker, _) = self.pick();
                self.kill(worker);
            }
            _ => {}
        }
    }

    /// Some lane is stopped.
    fn is_stopped(&self) -> bool {
        self.workers.iter().any(|worker| worker.owned.iter().any(|(_, owned)| owned.stopped() > 0))
    }

    /// The function is mended, and what is stopped resumed.
    fn mend(&mut self) {
        for truth in &mut self.truths {
            truth.log.iter_mut().for_each(|(_, script)| *script = Script::Ack);
        }
        for worker in &mut self.workers {
            worker.owned.iter_mut().for_each(|(partition, owned)| owned.resume(&mut self.truths[*partition]));
        }
    }
}

fn script(rng: &mut SmallRng, calm: bool, lethal: bool) -> Script {
    match rng.random_range(0..if calm { 10 } else { 24 }) {
        10..=12 => Script::FailTwice,
        13 => Script::AlwaysFail,
        14 => Script::DeadLetter,
        15..=16 => Script::Trap,
        17..=18 => Script::NamedTrap,
        19 => Script::FreeOnce,
        20 if lethal => Script::Lethal,
        _ => Script::Ack,
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    let mut steps = 0;
    while !world.truths.iter().all(Truth::is_over) {
        steps += 1;
        if steps > FAULTS && world.is_stopped() {
            world.mend();
        }
        if steps == MOST_STEPS {
            let at: Vec<_> = world.truths.iter().map(|truth| (truth.offset, truth.log.len(), truth.memo())).collect();
            panic!("no progress: {at:?}");
        }
        world.step(steps > FAULTS);
    }
    world.truths.iter().for_each(|truth| truth.check_end(world.dead_letters));
}

#[test]
fn whatever_happens_nothing_is_lost_reordered_or_run_too_often() {
    if let Ok(seed) = std::env::var("VELTRIX_SIM_SEED") {
        return run(seed.parse().expect("VELTRIX_SIM_SEED is a number"));
    }
    let schedules: u64 = std::env::var("VELTRIX_SIM_SCHEDULES")
        .map_or(100_000, |n| n.parse().expect("VELTRIX_SIM_SCHEDULES is a number"));
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (thread..schedules).step_by(threads as usize) {
                    if std::panic::catch_unwind(|| run(seed)).is_err() {
                        panic!("replay: VELTRIX_SIM_SEED={seed} cargo test -p veltrix-host --lib whatever_happens");
                    }
                }
            });
        }
    });
}
