//! What a frame of verdicts and emits says, checked whole before any of it counts. Pure.

use std::time::Duration;

use veltrix_frame::{EmitRow, Outcome, Verdict, VerdictRow};

use crate::event::EventView;
use crate::flow::{CallId, Partition, Ruling};
use crate::function::Function;

/// What is noted of each row of a batch while its frame is read.
const UNTOUCHED: u8 = 0;
const RULED: u8 = 1;
const ACKED: u8 = 2;
/// It is acked, and emits.
pub(crate) const EMITS: u8 = 3;
/// It is acked, and what it emits is refused.
pub(crate) const REFUSED: u8 = 4;

/// Room that a record's framing takes beyond key, value and headers.
pub(crate) const FRAMING: usize = 512;
/// Pause before an event runs again that failed for a dependency that is down.
const STARVED: Duration = Duration::from_millis(250);

/// The open call that a frame is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// The partition.
    pub(crate) flow: &'a Partition,
    /// The call.
    pub(crate) call: CallId,
    /// Events in it.
    pub(crate) events: usize,
}

/// Checks all of a frame, and notes in `states` what it says of each row. Gives back why emits were refused, if any were.
pub(crate) fn check(
    batch: Batch<'_>,
    outcome: &Outcome<'_>,
    function: &Function,
    max_record: usize,
    states: &mut Vec<u8>,
) -> Result<Option<String>, String> {
    let Batch { flow, call, events: rows } = batch;
    states.clear();
    states.resize(rows, UNTOUCHED);
    for row in outcome.verdicts() {
        let Some(state) = states.get_mut(row.event as usize) else {
            return Err(format!("a verdict on event {} of a batch of {rows}", row.event));
        };
        if *state != UNTOUCHED || !flow.is_open(call, row.event) {
            return Err(format!("a second verdict on event {}", row.event));
        }
        *state = if row.verdict == Verdict::Ack { ACKED } else { RULED };
    }
    let mut refusal = None;
    let mut allowed: Option<&str> = None;
    for emit in outcome.emits() {
        let Some(state) = states.get_mut(emit.cause as usize) else {
            return Err(format!("an emit caused by event {} of a batch of {rows}", emit.cause));
        };
        if !matches!(*state, ACKED | EMITS) {
            continue;
        }
        let known = allowed == Some(emit.topic) || function.emits.contains(emit.topic);
        allowed = known.then_some(emit.topic).or(allowed);
        let size = match emit.forward {
            true => flow.event_at(call, emit.cause).map_or(0, event_size),
            false => size(&emit),
        };
        if !known {
            refusal = Some(format!(
                "emit to topic \"{}\" is not granted; add it to `emits` of [function.{}]",
                emit.topic, function.name
            ));
            *state = REFUSED;
        } else if size > max_record {
            refusal = Some(format!(
                "emit of {size} bytes to {} is larger than message.max.bytes ({max_record} bytes)",
                emit.topic
            ));
            *state = REFUSED;
        } else if emit.partition.is_some_and(|p| p < 0) {
            refusal = Some(format!("emit to partition {} of {}", emit.partition.unwrap_or(-1), emit.topic));
            *state = REFUSED;
        } else {
            *state = EMITS;
        }
    }
    Ok(refusal)
}

/// What the host makes of a verdict on an event that is not done. `starved`: it asked for a retry, and what it needs is down.
pub(crate) fn ruling(row: &VerdictRow<'_>, starved: bool) -> Ruling {
    match row.verdict {
        // What is done is ruled on elsewhere: these emits were refused.
        Verdict::Ack | Verdict::Skip => Ruling::Failed { asked: None, ended_call: false },
        Verdict::DeadLetter => Ruling::DeadLetter,
        Verdict::Deferred => Ruling::Deferred,
        Verdict::Retry if starved => Ruling::Free(STARVED),
        Verdict::Retry => {
            let asked = (row.retry_after_ms > 0).then(|| Duration::from_millis(row.retry_after_ms.into()));
            Ruling::Failed { asked, ended_call: false }
        }
    }
}

/// Reason and message of an event that failed.
pub(crate) fn failure_of(row: &VerdictRow<'_>, refusal: Option<&str>) -> (String, String) {
    let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8_lossy(b).into_owned());
    let message = text(row.message).unwrap_or_default();
    match row.verdict {
        Verdict::Ack => ("emit-refused".into(), refusal.unwrap_or_default().into()),
        Verdict::DeadLetter => (text(row.reason).unwrap_or_else(|| "dead-letter".into()), message),
        Verdict::Retry | Verdict::Skip | Verdict::Deferred => {
            (text(row.reason).unwrap_or_else(|| "attempts-exhausted".into()), message)
        }
    }
}

fn size(emit: &EmitRow<'_>) -> usize {
    emit.key.map_or(0, <[u8]>::len) + emit.value.map_or(0, <[u8]>::len) + headers_size(emit.headers.clone()) + FRAMING
}

fn event_size(event: EventView<'_>) -> usize {
    event.size() + headers_size(event.headers()) + FRAMING
}

/// Headers with the lengths in front of their names and values.
pub(crate) fn headers_size<'a>(headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> usize {
    headers.map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len) + 10).sum()
}
