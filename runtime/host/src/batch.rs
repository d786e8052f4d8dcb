//! What a call is given: its events in a frame, how to run them, and what it may use.

use std::collections::HashMap;
use std::time::Duration;

use veltrix_frame::{BatchBuilder, Control, EventIn};
use veltrix_wasm::{Budget, Limits};

use crate::event::EventView;
use crate::flow::Mode;

/// A batch may execute this share of one event's CPU limit for each event after its first: enough
/// for real work, and a spinning guest is found before it has used up the limits of its neighbours.
const CPU_SHARE: u32 = 20;

/// How the guest is to run a batch.
pub(crate) fn control(mode: Mode, lanes: usize, limits: Limits) -> Control {
    let deadline = limits.deadline.as_millis() as u32;
    Control { isolate: mode == Mode::Isolate, lanes: lanes as u32, soft_ms: deadline, event_ms: deadline }
}

/// What a call with so many events may use.
pub(crate) fn budget(mode: Mode, events: usize, limits: Limits) -> Budget {
    Budget {
        events: 1 + (events as u32 - 1) / CPU_SHARE,
        isolate: mode == Mode::Isolate,
        // Begun just before the soft limit, an event has its own deadline from there.
        wall: limits.deadline * 2 + Duration::from_secs(1),
    }
}

/// Adds an event to a batch, as that row, and notes its traceparent.
#[inline]
pub(crate) fn push(
    builder: &mut BatchBuilder,
    event: EventView<'_>,
    offset: i64,
    begun: u32,
    row: usize,
    traceparents: &mut HashMap<u32, String>,
) {
    builder.push(EventIn {
        offset,
        timestamp: event.timestamp(),
        // Equality is all that counts, and a collision only makes two lanes wait for each other.
        lane: event.lane() as u32,
        begun,
        key: event.key(),
        value: event.value(),
    });
    for (header, value) in event.headers() {
        builder.push_header(header, value);
        if header == b"traceparent"
            && let Some(value) = value.and_then(|v| std::str::from_utf8(v).ok())
        {
            traceparents.insert(row as u32, value.to_owned());
        }
    }
}
