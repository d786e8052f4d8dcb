//! In which order events of a key took effect first. Runs after the first are told apart: they may come at any time, as
//! events run again from some point on.

use std::collections::{HashMap, HashSet};

use super::{Judge, Kind};
use crate::history::{Observed, Output, Place, Row};

/// What was seen of a key so far.
#[derive(Default)]
struct Seen {
    /// Highest rank that has taken effect, and whose.
    highest: Option<(usize, Place)>,
    /// Rank of the last one.
    last: Option<usize>,
    /// Ranks that have taken effect.
    first: HashSet<usize>,
}

/// Emits: an output topic keeps the order of a key, which is in one partition.
pub(super) fn outputs(binding: &Observed, judge: &mut Judge<'_>) {
    let mut outputs: Vec<&Output> = binding.outputs.iter().collect();
    outputs.sort_by_key(|output| output.at);
    let mut keys: HashMap<&str, Seen> = HashMap::new();
    for output in outputs {
        let source = Place { partition: output.done.partition, offset: output.done.offset };
        // Of events that are not there, or should have no effect, others speak.
        let Some(&rank) = judge.log.rank.get(&source).filter(|_| !judge.log.is_copy(source, binding)) else { continue };
        let seen = keys.entry(&output.done.order.key).or_default();
        if seen.first.insert(rank)
            && let Some((_, later)) = seen.highest.filter(|(highest, _)| *highest > rank)
        {
            judge.tally.reordered += 1;
            let text =
                format!("{} was first emitted, at {}, after {}", judge.event(source), output.at, judge.event(later));
            judge.accuse(Kind::Reordered, Some(source), text);
        }
        let passed = seen.last.is_some_and(|last| rank > last + 1 && seen.first.contains(&(last + 1)));
        judge.tally.jumps += usize::from(passed);
        seen.last = Some(rank);
        if seen.highest.is_none_or(|(highest, _)| rank > highest) {
            seen.highest = Some((rank, source));
        }
    }
}

/// Rows: each is there once, so their places are the order.
pub(super) fn rows(binding: &Observed, judge: &mut Judge<'_>) {
    let Some(rows) = &binding.rows else { return };
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|a, b| (&a.key, a.place).cmp(&(&b.key, b.place)));
    let mut key: Option<&str> = None;
    // A second row of an event is no reorder.
    let mut first = HashSet::new();
    let (mut next, mut highest): (u32, Option<(usize, Place)>) = (0, None);
    for row in rows {
        if key != Some(&row.key) {
            (key, next, highest) = (Some(row.key.as_str()), 0, None);
        }
        if row.place != next {
            judge.accuse(
                Kind::Torn,
                None,
                format!("key {}: row {} where {next} should be: {row:?}", row.key, row.place),
            );
        }
        next = row.place + 1;
        let Some(place) = judge.log.event_of(row, binding) else { continue };
        let Some(&rank) = judge.log.rank.get(&place).filter(|_| first.insert(place)) else { continue };
        match highest {
            Some((before, later)) if before > rank => {
                judge.tally.reordered += 1;
                let text =
                    format!("{} took effect, in row {}, after {}", judge.event(place), row.place, judge.event(later));
                judge.accuse(Kind::Reordered, Some(place), text);
            }
            _ => highest = Some((rank, place)),
        }
    }
}
