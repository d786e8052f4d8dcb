//! What came of a run, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::feed::Fed;
use crate::totals::BindingSummary;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The application.
    pub application: String,
    /// From the start of the feed; builds are left out.
    pub took_ms: u64,
    /// It was told to end before the inputs were handled.
    pub interrupted: bool,
    /// By input, in order.
    pub inputs: Vec<Fed>,
    /// By binding, in the order of the manifest.
    pub bindings: Vec<BindingSummary>,
    /// Events in the topics that functions emit to, by topic; what was fed or there before is left out.
    pub emitted: BTreeMap<String, u64>,
    /// Of all bindings, by reason.
    pub dead_letters: BTreeMap<String, u64>,
}

impl Summary {
    pub(crate) fn new(
        application: &str,
        took: Duration,
        interrupted: bool,
        inputs: Vec<Fed>,
        bindings: Vec<BindingSummary>,
        emitted: BTreeMap<String, u64>,
    ) -> Self {
        let mut dead_letters = BTreeMap::new();
        for (reason, count) in bindings.iter().flat_map(|binding| &binding.reasons) {
            *dead_letters.entry(reason.clone()).or_default() += count;
        }
        let took_ms = took.as_millis() as u64;
        Self { application: application.to_owned(), took_ms, interrupted, inputs, bindings, emitted, dead_letters }
    }

    /// Whether nothing was lost or left, and, unless they are allowed, nothing became a dead letter.
    pub fn is_good(&self, dead_letters_allowed: bool) -> bool {
        let dead = self.bindings.iter().map(|binding| binding.dead_lettered).sum::<u64>();
        !self.is_lossy() && !self.interrupted && self.stopped() == 0 && (dead == 0 || dead_letters_allowed)
    }

    /// Whether events were overrun before they were handled.
    pub fn is_lossy(&self) -> bool {
        self.bindings.iter().any(|binding| binding.lost > 0)
    }

    fn stopped(&self) -> u64 {
        self.bindings.iter().map(|binding| binding.stopped).sum()
    }
}

impl fmt::Display for Summary {
    /// For people; no end of line after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took_ms as f64 / 1_000.0;
        let ended = if self.interrupted { ", interrupted before all was handled" } else { "" };
        write!(f, "{}: {seconds:.1} s{ended}", self.application)?;
        for Fed { topic, from, events, refused } in &self.inputs {
            write!(f, "\n  fed to {topic}: {events} of {from}")?;
            if *refused > 0 {
                write!(f, ", {refused} lines refused")?;
            }
        }
        for binding in &self.bindings {
            let BindingSummary { group, function, ack, skip, dead_lettered, retried, .. } = binding;
            write!(
                f,
                "\n  {function} (group {group}): handled {}: ack {ack}, skip {skip}, dead letter {dead_lettered}; retries {retried}",
                binding.handled()
            )?;
            if binding.stopped > 0 {
                write!(f, "; {} lanes stopped, as there is no dead-letter topic", binding.stopped)?;
            }
            if binding.lost > 0 {
                write!(f, "; {} LOST, overrun before they were handled", binding.lost)?;
            }
        }
        list(f, "emitted", &self.emitted)?;
        list(f, "dead letters", &self.dead_letters)
    }
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    write!(f, "\n  {what}: {}", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(dead_lettered: u64, stopped: u64, lost: u64) -> BindingSummary {
        BindingSummary { ack: 7, dead_lettered, stopped, lost, ..BindingSummary::default() }
    }

    #[test]
    fn is_good_if_all_was_handled_and_dead_letters_were_allowed() {
        let of = |binding| Summary { bindings: vec![binding], ..Summary::default() };
        assert!(of(binding(0, 0, 0)).is_good(false));
        assert!(!of(binding(1, 0, 0)).is_good(false));
        assert!(of(binding(1, 0, 0)).is_good(true));
        assert!(!of(binding(0, 1, 0)).is_good(true));
        assert!(!of(binding(0, 0, 1)).is_good(true));
        assert!(!Summary { interrupted: true, ..Summary::default() }.is_good(true));
    }
}
