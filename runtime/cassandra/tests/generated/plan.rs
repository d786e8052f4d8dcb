//! A sequence of steps from a seed.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::conditions::conditional;
use crate::select::select;
use crate::statement::{Draft, Step, one_in, pick};
use crate::support::request::Kind;
use crate::table::{Mode, Table};
use crate::write::{delete, write};

/// The steps of a seed on its table.
pub(crate) fn plan(table: &Table, seed: u64) -> Vec<Step> {
    let random = &mut SmallRng::seed_from_u64(seed);
    let count = random.random_range(3..=14);
    let bound = one_in(random, 3);
    let mut steps: Vec<Step> = (0..count).map(|_| step(table, random)).collect();
    if table.mode == Mode::Counter && one_in(random, 3) {
        // Deletions last, as what is counted after one is not said.
        steps.push(Step::one(delete(table, random, None)));
    }
    steps.iter_mut().for_each(|step| step.bound = bound);
    steps
}

fn step(table: &Table, random: &mut SmallRng) -> Step {
    match random.random_range(0..10) {
        0..=1 => select(table, random),
        2 => batch(table, random),
        3..=6 if table.mode == Mode::Conditional => Step::one(conditional(table, random)),
        _ => Step::one(write(table, random)),
    }
}

fn batch(table: &Table, random: &mut SmallRng) -> Step {
    let count = random.random_range(2..=4);
    let conditions = table.mode == Mode::Conditional && one_in(random, 2);
    let draft = |_| match conditions && one_in(random, 2) {
        true => conditional(table, random),
        false => write(table, random),
    };
    let mut drafts: Vec<Draft> = (0..count).map(draft).collect();
    if conditions {
        // Conditions span one partition alone; with IN, of whatever, the real one fails.
        drafts.retain(|draft| !draft.text.contains("p IN (") && !draft.text.contains("q IN ("));
        for draft in &mut drafts {
            draft.values.iter_mut().filter(|value| *value == "$1").for_each(|value| "$0".clone_into(value));
        }
    }
    let batch = match table.mode {
        Mode::Counter => Kind::Counter,
        Mode::Timed | Mode::Conditional => pick(random, &[Kind::Logged, Kind::Unlogged]),
    };
    Step { batch: Some(batch), ..Step { drafts, ..Step::one(Draft::default()) } }
}
