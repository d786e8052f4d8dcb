//! Sends against the log: Kafka and the producer itself.

use std::collections::HashSet;

use super::{Kind, Log, Verdict, Violation};
use crate::history::{Fate, History};

pub(super) fn check(history: &History, log: &Log<'_>, verdict: &mut Verdict) {
    let mut accuse = |kind, place, text| {
        verdict.violations.push(Violation { kind, binding: None, place, text });
    };
    // A send may be a copy of another, and that one may be in the log more than once, as a producer that has lost a
    // connection begins a new epoch: so a failed send is only in the log if no other send of its id may be.
    let may_be_written = history.sent.iter().filter(|sent| sent.fate != Fate::Failed);
    let writable: HashSet<u64> = may_be_written.map(|sent| sent.order.id).collect();
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
                if let Some(places) = written.filter(|_| !writable.contains(&id)) {
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
