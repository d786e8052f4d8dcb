//! Random sequences of statements over a few dozen tables, on a real Cassandra and the embedded one: each answer, and the
//! whole state of what a sequence wrote, must agree.
//!
//! `VELTRIX_SEQUENCES=20000` says how many run, `VELTRIX_SEED=7` where their seeds begin (alone: that sequence only). A
//! sequence that fails is made as short as it gets and printed with what runs it again.

#[expect(dead_code, reason = "the comparison of the corpus needs more of it")]
#[path = "../support/mod.rs"]
mod support;

mod conditions;
mod plan;
mod run;
mod select;
mod statement;
mod table;
mod write;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use run::{Failure, Pair, World};

/// Sequences of the test command.
const FEW: u64 = 300;
/// Sequences at a time, each on its own partitions.
const SIDE_BY_SIDE: usize = 4;
/// Failures after which the rest does not run.
const ENOUGH: usize = 5;

#[test]
fn embedded_ends_in_the_same_state_as_cassandra() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let seed = number("VELTRIX_SEED");
    let count = number("VELTRIX_SEQUENCES").unwrap_or(if seed.is_some() { 1 } else { FEW });
    let first = seed.unwrap_or(1);
    let world = World::create();
    let (next, over, failures) = (AtomicU64::new(first), AtomicBool::new(false), Mutex::new(Vec::<Failure>::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                let pair = Pair::open(&world);
                while !over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Some(failure) = run::sequence(&world, &pair, seed) {
                        let mut failures = failures.lock().expect("no thread panics with it");
                        failures.push(failure);
                        over.store(failures.len() >= ENOUGH, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no thread panics with it");
    if failures.is_empty() {
        failures.extend(world.scan());
    }
    world.drop();
    for failure in &failures {
        println!("{failure}\n");
    }
    println!("{count} sequences from seed {first} on, {}, {} failures", world.statements(), failures.len());
    assert!(failures.is_empty(), "{} sequences ended differently", failures.len());
}
