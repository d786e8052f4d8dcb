//! What a binding needs, each behind a breaker: nothing begins while one is open, few events while one tries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::consumer::Consumer;
use tracing::{debug, error, info, warn};

use super::Pipeline;
use super::silence::Silence;
use crate::breaker::{Breaker, State, TRIAL};
use crate::flow::Millis;
use crate::rate::{Counts, Rate};

/// How long a dependency's breaker stays open at first and at most, where the probe says up and events say otherwise.
const DEPENDENCY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The same for dead letters: nothing tells that they would go well now, but events.
const DEAD_LETTERS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(300));
/// How often what is not closed is looked at.
const LOOK_EVERY: Millis = 200;

/// States by name, shared with the admin interface.
pub(crate) type BreakerStates = Arc<Mutex<BTreeMap<&'static str, &'static str>>>;

/// What may begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// As much as there is room for.
    All,
    /// A call at a time, of so many events.
    Few(usize),
    /// Nothing.
    Nothing,
}

/// The breakers of a binding; only of what it needs.
#[derive(Debug)]
pub(super) struct Breakers {
    cassandra: Option<Guard>,
    kafka: Option<Guard>,
    dead_letters: Option<Guard>,
    rate: Rate,
    /// What was finished since the trial began.
    trial: Counts,
    silence: Silence,
    states: BreakerStates,
}

/// A breaker with its name, and what was last told of it.
#[derive(Debug)]
pub(super) struct Guard {
    name: &'static str,
    breaker: Breaker,
    told: &'static str,
}

impl Guard {
    fn new(name: &'static str, (first, most): (Duration, Duration)) -> Self {
        Self { name, breaker: Breaker::new(first, most), told: "" }
    }
}

impl Breakers {
    /// For a function that may use Cassandra, may emit, and whose binding has a dead-letter topic.
    pub(super) fn new(cassandra: bool, emits: bool, letters: bool, rate: Rate, states: BreakerStates) -> Self {
        states.lock().expect("no panic while held").clear();
        Self {
            cassandra: cassandra.then(|| Guard::new("cassandra", DEPENDENCY)),
            kafka: (emits || letters).then(|| Guard::new("kafka", DEPENDENCY)),
            dead_letters: letters.then(|| Guard::new("dead-letters", DEAD_LETTERS)),
            rate,
            trial: Counts::default(),
            silence: Silence::default(),
            states,
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Guard> {
        [&mut self.cassandra, &mut self.kafka, &mut self.dead_letters].into_iter().flatten()
    }

    /// When to look again.
    pub(super) fn next(&self, now: Millis) -> Millis {
        let each = [&self.cassandra, &self.kafka, &self.dead_letters].into_iter().flatten();
        let next = each.filter_map(|guard| guard.breaker.next()).min();
        next.map_or(Millis::MAX, |next| next.max(now + LOOK_EVERY))
    }

    /// Whether one lets nothing begin.
    pub(super) fn is_open(&self) -> bool {
        let mut each = [&self.cassandra, &self.kafka, &self.dead_letters].into_iter().flatten();
        each.any(|guard| matches!(guard.breaker.state(), State::Open { .. }))
    }

    /// An event failed as Cassandra did not answer the host either.
    pub(super) fn starved(&mut self, now: Millis) {
        if let Some(guard) = &mut self.cassandra {
            guard.breaker.trip(now);
        }
    }

    /// A call has ended, and did not fail for what a breaker guards: that would have opened it.
    pub(super) fn call_ended(&mut self) {
        for guard in [&mut self.cassandra, &mut self.kafka].into_iter().flatten() {
            guard.breaker.pass();
        }
    }

    /// Events have their last verdict.
    pub(super) fn finished(&mut self, counts: Counts, now: Millis) {
        let Some(guard) = &mut self.dead_letters else { return };
        match guard.breaker.state() {
            State::Closed => self.rate.add(counts, now),
            State::HalfOpen => {
                self.trial.dead += counts.dead;
                self.trial.all += counts.all;
            }
            // Calls that had begun before.
            State::Open { .. } => {}
        }
    }

    /// Another function has come: how many dead letters the last one made says nothing of it.
    pub(super) fn forgive(&mut self) {
        if let Some(guard) = &mut self.dead_letters {
            let (first, most) = DEAD_LETTERS;
            guard.breaker = Breaker::new(first, most);
        }
        self.rate.clear();
        self.trial = Counts::default();
    }

    /// Decides on the share of dead letters. What there was, if the breaker opens for it.
    fn judge(&mut self, now: Millis) -> Option<Counts> {
        let guard = self.dead_letters.as_mut()?;
        let counts = match guard.breaker.state() {
            State::Closed => self.rate.exceeded(now)?,
            State::HalfOpen if self.trial.all >= TRIAL as u64 => {
                let trial = std::mem::take(&mut self.trial);
                if !self.rate.too_many(trial) {
                    guard.breaker.pass();
                    return None;
                }
                trial
            }
            State::HalfOpen | State::Open { .. } => return None,
        };
        self.rate.clear();
        self.trial = Counts::default();
        guard.breaker.trip(now);
        Some(counts)
    }
}

impl Pipeline {
    /// What the breakers let begin; says so when one changes.
    pub(super) fn admitted(&mut self, now: Millis) -> Admission {
        let cassandra = self.function.cassandra.as_ref().is_none_or(|access| access.is_up());
        let away = self.consumer.context().kafka_is_down();
        let kafka = !away && !self.is_unacknowledged(now);
        let over = self.breakers.judge(now);
        let (group, function) = (&*self.config.group, &*self.function.name);
        let mut admission = Admission::All;
        let states = self.breakers.states.clone();
        let metrics = &self.metrics.supervision;
        for guard in self.breakers.all() {
            let up = match guard.name {
                "cassandra" => cassandra,
                "kafka" => kafka,
                _ => true,
            };
            guard.breaker.look(up, now);
            let state = guard.breaker.state();
            admission = match (state, admission) {
                (State::Open { .. }, _) | (_, Admission::Nothing) => Admission::Nothing,
                (State::HalfOpen, _) | (_, Admission::Few(_)) => Admission::Few(TRIAL),
                (State::Closed, Admission::All) => Admission::All,
            };
            if guard.told == state.word() {
                continue;
            }
            let (name, before) = (guard.name, std::mem::replace(&mut guard.told, state.word()));
            match (state, before, &over) {
                (State::Open { until }, _, Some(Counts { dead, all })) if name == "dead-letters" => error!(
                    group,
                    function,
                    dead,
                    finished = all,
                    pause_ms = until.saturating_sub(now),
                    "paused: too many events become dead letters; a few are tried after the pause. Mend the function or what it is fed, or raise the binding's `dead_letter_limit`"
                ),
                // Of what the worker's own probes find, it tells once for all bindings.
                (State::Open { .. }, "closed" | "", _) if away || name == "cassandra" => {
                    info!(group, function, "paused: {name} is unavailable; no attempt is charged for it");
                }
                (State::Open { .. }, "closed" | "", _) => {
                    warn!(group, function, "paused: {name} acknowledges nothing; no attempt is charged for it");
                }
                (State::Open { .. } | State::HalfOpen, _, _) => {
                    debug!(group, function, "breaker of {name}: {}", state.word())
                }
                (State::Closed, "", _) => {}
                (State::Closed, _, _) => info!(group, function, "resumed: {name} is back"),
            }
            metrics.breaker(name, state.number());
            states.lock().expect("no panic while held").insert(name, state.word());
        }
        admission
    }

    /// Whether records wait and Kafka has acknowledged none for long.
    fn is_unacknowledged(&mut self, now: Millis) -> bool {
        let (count, waits) = match &self.exact {
            None => (self.outbox.acknowledged(), self.outbox.waiting() > 0),
            Some(exact) => (exact.commits(), exact.events() > 0),
        };
        let away = self.consumer.context().kafka_is_down();
        let silence = &mut self.breakers.silence;
        silence.look(count, waits, away, now);
        if self.exact.is_none() && silence.is_for_good() && !self.outbox.is_fatal() {
            error!(
                group = self.config.group,
                waiting = self.outbox.waiting(),
                "the producer gets nothing acknowledged although kafka answers: another takes its place, and what it had sent may be sent again"
            );
            self.outbox.give_up();
        }
        self.breakers.silence.is_long()
    }
}
