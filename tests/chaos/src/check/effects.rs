//! Which effects are there: lost, duplicated, of no event, or not what the event asked for.

use std::collections::{BTreeMap, HashMap};

use chaos_guest::{Done, Plan};

use super::{Judge, Kind, dies, takes_effect};
use crate::history::{Observed, Place};

/// Emits.
pub(super) fn outputs(binding: &Observed, judge: &mut Judge<'_>) {
    let mut seen: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
    let mut first: HashMap<Place, &Done> = HashMap::new();
    for output in &binding.outputs {
        let source = Place { partition: output.done.partition, offset: output.done.offset };
        match judge.log.by_place.get(&source) {
            Some(order) if **order == output.done.order => {
                seen.entry(source).or_default().push(output.at);
                let before = *first.entry(source).or_insert(&output.done);
                if binding.promise.same_emits && *before != output.done {
                    let text = format!(
                        "{} is emitted at {} as {:?}, and elsewhere as {before:?}",
                        judge.event(source),
                        output.at,
                        output.done
                    );
                    judge.accuse(Kind::Altered, Some(source), text);
                }
            }
            _ => {
                let text =
                    format!("the emit at {} names {source}, where no such event is: {:?}", output.at, output.done);
                judge.accuse(Kind::Phantom, Some(source), text);
            }
        }
    }
    for (place, order) in &judge.log.by_place {
        let found = seen.get(place).map_or(&[][..], Vec::as_slice);
        if judge.log.is_copy(*place, binding) {
            if let Some(at) = found.first() {
                judge.tally.duplicated += found.len();
                let text = format!("{} is a copy of an earlier one and has an emit, at {at}", judge.event(*place));
                judge.accuse(Kind::Duplicated, Some(*place), text);
            }
            continue;
        }
        if !takes_effect(order.plan) {
            if let Some(at) = found.first() {
                judge.accuse(Kind::Unasked, Some(*place), format!("{} has an emit, at {at}", judge.event(*place)));
            }
        } else if found.is_empty() {
            judge.tally.lost += 1;
            judge.accuse(Kind::Lost, Some(*place), format!("{} has no emit", judge.event(*place)));
        }
        duplicates(binding, *place, found, "emits", judge);
    }
}

/// Dead letters.
pub(super) fn letters(binding: &Observed, judge: &mut Judge<'_>) {
    let mut seen: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
    for letter in &binding.letters {
        let (source, at) = (letter.source, letter.at);
        let Some(order) = judge.log.by_place.get(&source) else {
            judge.accuse(
                Kind::Phantom,
                Some(source),
                format!("the dead letter at {at} names {source}, where nothing is"),
            );
            continue;
        };
        seen.entry(source).or_default().push(at);
        let what = format!("dead letter at {at} (reason {}, {} attempts)", letter.reason, letter.attempts);
        let expected = match order.plan {
            Plan::Dead => None,
            Plan::Exhaust => Some(binding.promise.attempts),
            Plan::Ack
            | Plan::Retry(_)
            | Plan::Late(_)
            | Plan::Panic(_)
            | Plan::Spin(_)
            | Plan::Slow(_)
            | Plan::Skip => {
                judge.accuse(Kind::Unasked, Some(source), format!("{} was given up: {what}", judge.event(source)));
                continue;
            }
        };
        if expected.is_some_and(|expected| expected != letter.attempts) {
            judge.accuse(Kind::Attempts, Some(source), format!("{}: {what}", judge.event(source)));
        }
        if let Some(difference) = &letter.altered {
            judge.accuse(Kind::Altered, Some(source), format!("{}: {what}: {difference}", judge.event(source)));
        }
    }
    judge.tally.dead = seen.len();
    for (place, order) in &judge.log.by_place {
        let found = seen.get(place).map_or(&[][..], Vec::as_slice);
        if judge.log.is_copy(*place, binding) {
            if let Some(at) = found.first() {
                judge.tally.duplicated += found.len();
                let text = format!("{} is a copy of an earlier one and a dead letter, at {at}", judge.event(*place));
                judge.accuse(Kind::Duplicated, Some(*place), text);
            }
            continue;
        }
        if dies(order.plan) && found.is_empty() {
            judge.tally.lost += 1;
            judge.accuse(Kind::Lost, Some(*place), format!("{} has no dead letter", judge.event(*place)));
        }
        duplicates(binding, *place, found, "dead letters", judge);
    }
}

fn duplicates(binding: &Observed, place: Place, found: &[Place], what: &str, judge: &mut Judge<'_>) {
    judge.tally.duplicated += found.len().saturating_sub(1);
    if found.len() > 1 && binding.promise.exactly_once {
        let places: Vec<String> = found.iter().map(Place::to_string).collect();
        let text = format!("{} has {} {what}: {}", judge.event(place), found.len(), places.join(" "));
        judge.accuse(Kind::Duplicated, Some(place), text);
    }
}

/// Rows, which are there once whatever happens.
pub(super) fn rows(binding: &Observed, judge: &mut Judge<'_>) {
    let Some(rows) = &binding.rows else { return };
    let mut seen: HashMap<Place, u32> = HashMap::new();
    for row in rows {
        let Some(place) = judge.log.event_of(row, binding) else {
            judge.accuse(Kind::Phantom, Some(row.source), format!("a row of no event: {row:?}"));
            continue;
        };
        let times = seen.entry(place).or_default();
        *times += 1;
        if *times == 2 {
            judge.accuse(Kind::Duplicated, Some(place), format!("{} has two rows", judge.event(place)));
        }
        let order = judge.log.by_place[&place];
        if !takes_effect(order.plan) || (&order.key, order.n) != (&row.key, row.n) {
            judge.accuse(Kind::Unasked, Some(place), format!("{} has a row: {row:?}", judge.event(place)));
        }
    }
    for (place, order) in &judge.log.by_place {
        let first = binding.promise.row_per_event || judge.log.by_id[&order.id][0] == *place;
        if first && takes_effect(order.plan) && !seen.contains_key(place) {
            judge.tally.lost += 1;
            judge.accuse(Kind::Lost, Some(*place), format!("{} has no row", judge.event(*place)));
        }
    }
}
