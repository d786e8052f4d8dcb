//! The checker: a history in, a verdict out. Pure, so that it can be fed broken histories.
//!
//! The input log is the truth: each event in it has to be handled as its plan says, whether its send was acknowledged or
//! not; a send that failed must not be in it.

mod effects;
mod order;
mod sends;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chaos_guest::{Order, Plan};

use crate::history::{History, Observed, Place, Row};

/// What the checker found.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// How sends ended.
    pub sends: Sends,
    /// Each binding.
    pub bindings: Vec<Tally>,
    /// What must not be.
    pub violations: Vec<Violation>,
}

/// How sends ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sends {
    /// In the log, as the producer was told.
    pub acknowledged: usize,
    /// Never left.
    pub failed: usize,
    /// The producer does not know.
    pub unknown: usize,
    /// Of those unknown: in the log.
    pub unknown_written: usize,
}

/// What a binding did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// For people.
    pub name: String,
    /// Events in the log.
    pub events: usize,
    /// Events without the emit, the row or the dead letter that they should have left.
    pub lost: usize,
    /// Emits and dead letters beyond the first of an event.
    pub duplicated: usize,
    /// Events that took effect first after a later one of their key had.
    pub reordered: usize,
    /// Times that a key jumped ahead after events of it had run again: allowed, but worth a look.
    pub jumps: usize,
    /// Events in the dead-letter topic.
    pub dead: usize,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What sort.
    pub kind: Kind,
    /// Whose; none: Kafka's own, or the run's.
    pub binding: Option<String>,
    /// The event that it is about.
    pub place: Option<Place>,
    /// Ids and offsets.
    pub text: String,
}

/// Sorts of violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An acknowledged send is not in the log.
    Unwritten,
    /// A send that failed is in the log.
    FailedWritten,
    /// An event has not had its effect.
    Lost,
    /// An effect is there more often than promised.
    Duplicated,
    /// A later event took effect before an earlier one of its key first did.
    Reordered,
    /// An effect of no event.
    Phantom,
    /// An effect that the event did not ask for: given up although it can be handled, or the other way round.
    Unasked,
    /// A dead letter differs from its event, or an emit from the one that was kept for repetitions.
    Altered,
    /// A dead letter counts other attempts than the policy grants.
    Attempts,
    /// A conditional log has a hole, or two events in one place.
    Torn,
    /// Events wait and nothing moves.
    Stalled,
    /// A worker ended by itself, or did not end when told to, or panicked.
    Ended,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{:?}", self.kind).to_uppercase();
        write!(f, "{kind:<13} {}: {}", self.binding.as_deref().unwrap_or("run"), self.text)
    }
}

/// Judges a history.
pub fn check(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let log = Log::of(history);
    sends::check(history, &log, &mut verdict);
    for binding in &history.bindings {
        let mut tally = Tally { name: binding.name.clone(), events: history.log.len(), ..Tally::default() };
        let mut judge = Judge { log: &log, tally: &mut tally, violations: &mut verdict.violations };
        effects::outputs(binding, &mut judge);
        effects::letters(binding, &mut judge);
        effects::rows(binding, &mut judge);
        order::outputs(binding, &mut judge);
        order::rows(binding, &mut judge);
        verdict.bindings.push(tally);
    }
    verdict
}

/// Whether an event leaves a row and an emit in the end.
fn takes_effect(plan: Plan) -> bool {
    match plan {
        Plan::Ack | Plan::Retry(_) | Plan::Late(_) | Plan::Panic(_) | Plan::Spin(_) | Plan::Slow(_) => true,
        Plan::Dead | Plan::Exhaust | Plan::Skip => false,
    }
}

/// Whether an event becomes a dead letter.
fn dies(plan: Plan) -> bool {
    matches!(plan, Plan::Dead | Plan::Exhaust)
}

/// The input log, looked up by what is asked for.
struct Log<'a> {
    by_place: BTreeMap<Place, &'a Order>,
    by_id: HashMap<u64, Vec<Place>>,
    /// The number of an event among those of its key that take effect.
    rank: HashMap<Place, usize>,
}

impl<'a> Log<'a> {
    fn of(history: &'a History) -> Self {
        let mut log = Self { by_place: BTreeMap::new(), by_id: HashMap::new(), rank: HashMap::new() };
        for logged in &history.log {
            log.by_place.insert(logged.place, &logged.order);
        }
        for (place, order) in &log.by_place {
            log.by_id.entry(order.id).or_default().push(*place);
        }
        let mut next: HashMap<&str, usize> = HashMap::new();
        // A key is in one partition, thus in the order of places.
        for (place, order) in &log.by_place {
            if takes_effect(order.plan) {
                let rank = next.entry(&order.key).or_default();
                log.rank.insert(*place, *rank);
                *rank += 1;
            }
        }
        log
    }

    /// The event that a row stands for: the one that it names, or the first with its id.
    fn event_of(&self, row: &Row, binding: &Observed) -> Option<Place> {
        let first = *self.by_id.get(&row.id)?.first()?;
        let named = self.by_place.get(&row.source).is_some_and(|order| order.id == row.id);
        named.then_some(if binding.promise.row_per_event { row.source } else { first })
    }

    /// Whether the binding is to leave it alone, as an earlier event has the same id.
    fn is_copy(&self, place: Place, binding: &Observed) -> bool {
        binding.promise.dedupe && self.by_id[&self.by_place[&place].id][0] != place
    }
}

/// Takes notes on one binding.
struct Judge<'a> {
    log: &'a Log<'a>,
    tally: &'a mut Tally,
    violations: &'a mut Vec<Violation>,
}

impl Judge<'_> {
    fn accuse(&mut self, kind: Kind, place: Option<Place>, text: String) {
        self.violations.push(Violation { kind, binding: Some(self.tally.name.clone()), place, text });
    }

    /// Names an event for people.
    fn event(&self, place: Place) -> String {
        match self.log.by_place.get(&place) {
            Some(order) => {
                format!("event {place} (id {}, key {}, n {}, {:?})", order.id, order.key, order.n, order.plan)
            }
            None => format!("event {place} (not in the log)"),
        }
    }
}
