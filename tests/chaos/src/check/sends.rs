//! Sends against the log: Kafka and the producer itself.

use std::collections::HashMap;

use super::{Kind, Log, Verdict, Violation};
use crate::history::{Fate, History};

pub(super) fn check(history: &History, log: &Log<'_>, verdict: &mut Verdict) {
    let mut accuse = |kind, place, text| {
        verdict.violations.push(Violation { kind, binding: None, place, text });
    };
    // A send may be a copy of another: what is in the log must be explained by those that may have been written.
    let mut writable: HashMap<u64, usize> = HashMap::new();
    for sent in history.sent.iter().filter(|sent| sent.fate != Fate::Failed) {
        *writable.entry(sent.order.id).or_default() += 1;
    }
    for sent in &history.sent {
        let written = log.by_id.get(&sent.order.id);
        let id = sent.order.id;
        match sent.fate {
            Fate::Acknowledged(place) => {
                verdict.sends.acknowledged += 1;
                if log.by_place.get(&place).is_none_or(|order| **order != sent.order) {
                    accuse(Kind::Unwritten, Some(place), format!("acknowledged at {place}, not there: id {id}"));
                }
            }
            Fate::Failed => {
                verdict.sends.failed += 1;
                let explained = writable.get(&id).copied().unwrap_or(0);
                if let Some(places) = written.filter(|places| places.len() > explained) {
                    accuse(Kind::FailedWritten, Some(places[0]), format!("failed, yet at {}: id {id}", places[0]));
                }
            }
            Fate::Unknown => {
                verdict.sends.unknown += 1;
                verdict.sends.unknown_written += usize::from(written.is_some());
            }
        }
    }
}
