//! What a call's options mean for a statement: pure decisions, no I/O.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scylla::frame::types::{Consistency, SerialConsistency};
use veltrix_wasm::Options;

/// The binding's, in both consistency fields.
const DEFAULT: u16 = 0xffff;
/// Bit 1 of the flags: write with the event's time.
const EVENT_TIME: u32 = 2;
/// Cassandra takes this one for "none".
const NO_TIMESTAMP: i64 = i64::MIN;

/// Of the statement or batch that the options are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Traits {
    pub(super) writes: bool,
    pub(super) conditional: bool,
    pub(super) counter: bool,
    /// Has `USING TIMESTAMP` in its text.
    pub(super) timestamped: bool,
}

/// When the event of a call happened, for writes with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime {
    /// Its timestamp in ms since the epoch, not negative.
    pub timestamp_ms: i64,
    /// Its offset, which tells events of one millisecond apart.
    pub offset: i64,
}

/// What to set on a request; `None` leaves the session's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) consistency: Option<Consistency>,
    pub(super) serial: Option<SerialConsistency>,
    /// Without it a write gets the worker's clock, strictly increasing.
    pub(super) timestamp: Option<i64>,
    pub(super) page_size: Option<i32>,
    pub(super) timeout: Duration,
}

/// The error says what to change.
pub(super) fn resolve(
    options: &Options,
    traits: Traits,
    event: Option<EventTime>,
    max_timeout: Duration,
    max_page: u32,
) -> Result<Resolved, String> {
    let timeout = match options.timeout_ms {
        0 => max_timeout,
        ms => Duration::from_millis(ms.into()).min(max_timeout),
    };
    let page_size = match options.page_size {
        0 => None,
        rows => Some(rows.min(max_page).min(i32::MAX as u32) as i32),
    };
    Ok(Resolved {
        consistency: consistency(options.consistency)?,
        serial: serial(options.serial)?,
        timestamp: timestamp(options, traits, event)?,
        page_size,
        timeout,
    })
}

fn consistency(number: u16) -> Result<Option<Consistency>, String> {
    if number == DEFAULT {
        return Ok(None);
    }
    Consistency::try_from(number).map(Some).map_err(|_| {
        format!("consistency {number} is unknown: use a number of the CQL protocol, or {DEFAULT} for the default")
    })
}

fn serial(number: u16) -> Result<Option<SerialConsistency>, String> {
    match number {
        DEFAULT => Ok(None),
        8 => Ok(Some(SerialConsistency::Serial)),
        9 => Ok(Some(SerialConsistency::LocalSerial)),
        _ => Err(format!(
            "serial consistency {number} is unknown: use 8 (SERIAL), 9 (LOCAL_SERIAL), or {DEFAULT} for the default"
        )),
    }
}

/// The write timestamp in µs, if the call determines it. Reads take none.
fn timestamp(options: &Options, traits: Traits, event: Option<EventTime>) -> Result<Option<i64>, String> {
    if traits.conditional && traits.timestamped {
        // The server refuses it on conditional statements, and takes it on their neighbours in a batch: these could then lose
        // to what the condition read.
        return Err("a conditional write, or a batch with one, takes no USING TIMESTAMP: the server orders it itself"
            .to_owned());
    }
    let event_time = options.flags & EVENT_TIME != 0;
    if !traits.writes || (options.timestamp.is_none() && !event_time) {
        return Ok(None);
    }
    if traits.conditional {
        return Err("a conditional write takes no timestamp: the server orders them itself".to_owned());
    }
    if traits.counter {
        return Err("a counter takes no timestamp".to_owned());
    }
    if traits.timestamped {
        return Err("the statement has USING TIMESTAMP already: give a timestamp one way only".to_owned());
    }
    match (options.timestamp, event_time) {
        (Some(_), true) => Err("an explicit timestamp and the event's time exclude each other".to_owned()),
        (Some(NO_TIMESTAMP), false) => Err(format!("timestamp {NO_TIMESTAMP} is reserved")),
        (Some(timestamp), false) => Ok(Some(timestamp)),
        (None, _) => match event {
            Some(event) => Ok(Some(event_timestamp(event, now_ms()))),
            None => {
                Err("the call is for no event, or for one without timestamp: there is no time to write with".to_owned())
            }
        },
    }
}

/// Milliseconds make room for a tie-break by offset. An event from the future would shadow all writes until then.
fn event_timestamp(event: EventTime, now_ms: i64) -> i64 {
    event.timestamp_ms.min(now_ms).saturating_mul(1000).saturating_add(event.offset.rem_euclid(1000))
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Traits = Traits { writes: true, conditional: false, counter: false, timestamped: false };

    fn options() -> Options {
        Options { consistency: DEFAULT, serial: DEFAULT, timestamp: None, page_size: 0, timeout_ms: 0, flags: 0 }
    }

    fn resolved(options: Options, traits: Traits) -> Result<Resolved, String> {
        let event = EventTime { timestamp_ms: 5_000, offset: 12_345 };
        resolve(&options, traits, Some(event), Duration::from_secs(10), 10_000)
    }

    #[test]
    fn defaults_change_nothing() {
        let expected = Resolved {
            consistency: None,
            serial: None,
            timestamp: None,
            page_size: None,
            timeout: Duration::from_secs(10),
        };
        assert_eq!(resolved(options(), PLAIN), Ok(expected));
    }

    #[test]
    fn bounds_page_size_and_timeout() {
        let wide = resolved(Options { page_size: u32::MAX, timeout_ms: 60_000, ..options() }, PLAIN).unwrap();
        assert_eq!((wide.page_size, wide.timeout), (Some(10_000), Duration::from_secs(10)));
        let narrow = resolved(Options { page_size: 5, timeout_ms: 20, ..options() }, PLAIN).unwrap();
        assert_eq!((narrow.page_size, narrow.timeout), (Some(5), Duration::from_millis(20)));
    }

    #[test]
    fn knows_consistencies_by_their_numbers() {
        let set = resolved(Options { consistency: 1, serial: 8, ..options() }, PLAIN).unwrap();
        assert_eq!((set.consistency, set.serial), (Some(Consistency::One), Some(SerialConsistency::Serial)));
        assert!(resolved(Options { consistency: 99, ..options() }, PLAIN).unwrap_err().contains("consistency 99"));
        assert!(resolved(Options { serial: 1, ..options() }, PLAIN).unwrap_err().contains("serial consistency 1"));
    }

    #[test]
    fn event_time_breaks_ties_by_offset_and_is_never_in_the_future() {
        let event = Options { flags: EVENT_TIME, ..options() };
        assert_eq!(resolved(event, PLAIN).unwrap().timestamp, Some(5_000_345));
        let at = |timestamp_ms| event_timestamp(EventTime { timestamp_ms, offset: 1 }, 10_000);
        assert_eq!((at(9_999), at(99_999), at(i64::MAX)), (9_999_001, 10_000_001, 10_000_001));
        let without = resolve(&event, PLAIN, None, Duration::from_secs(10), 10_000);
        assert!(without.unwrap_err().contains("no time to write with"));
    }

    #[test]
    fn refuses_a_timestamp_where_it_has_no_meaning() {
        let explicit = Options { timestamp: Some(7), ..options() };
        assert_eq!(resolved(explicit, PLAIN).unwrap().timestamp, Some(7));
        assert_eq!(resolved(explicit, Traits { writes: false, ..PLAIN }).unwrap().timestamp, None);
        for (traits, options) in [
            (Traits { conditional: true, ..PLAIN }, explicit),
            (Traits { conditional: true, ..PLAIN }, Options { flags: EVENT_TIME, ..options() }),
            (Traits { counter: true, ..PLAIN }, explicit),
            (Traits { timestamped: true, ..PLAIN }, explicit),
            (Traits { timestamped: true, conditional: true, ..PLAIN }, options()),
            (PLAIN, Options { flags: EVENT_TIME, ..explicit }),
            (PLAIN, Options { timestamp: Some(i64::MIN), ..options() }),
        ] {
            assert!(resolved(options, traits).is_err(), "{traits:?} {options:?}");
        }
    }
}
