//! `dedupe`: which events of a binding are the same one, for how long that is remembered, and in how much memory.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::problem::Report;
use crate::quantity::{self, BYTES, COUNT, TIME};
use crate::section::{Field, Section};
use crate::values;

/// `dedupe`: events of one partition with the same identity within the window are handled once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dedupe {
    /// Where the identity is found.
    pub by: DedupeBy,
    /// How far back the same identity makes an event a copy.
    pub window: DedupeWindow,
    /// Most bytes that the identities of one partition take; it also bounds the window, see [`Dedupe::most`].
    pub memory: NonZeroU64,
}

/// Where an event's identity is found. An empty one counts as none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DedupeBy {
    /// In the value of the last header of this name.
    Header(String),
    /// In the key.
    Key,
    /// In the value, which is JSON, at this pointer (RFC 6901): a string, a number or a boolean.
    Json(String),
}

/// How far back the same identity makes an event a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupeWindow {
    /// By the events' timestamps.
    Time(Duration),
    /// By their offsets.
    Offsets(NonZeroU64),
}

impl Dedupe {
    /// Memory that one event of the window takes.
    pub const BYTES_PER_EVENT: u64 = 64;

    /// How many offsets back an event is remembered at most.
    pub fn most(&self) -> u64 {
        (self.memory.get() / Self::BYTES_PER_EVENT).max(1)
    }
}

const MEMORY: NonZeroU64 = NonZeroU64::new(64 << 20).unwrap();
const MOST_MEMORY: u64 = 16 << 30;
const YEAR: Duration = Duration::from_hours(24 * 365);

pub(crate) fn read(report: &mut Report<'_>, binding: &mut Section<'_>) -> Option<Dedupe> {
    let mut section = binding.table(report, "dedupe", "{ by = \"header:event-id\", window = \"10m\" }");
    if !section.is_present() {
        return None;
    }
    let by = section.need(report, "by", "\"header:event-id\"", by);
    let window = section.get(report, "window", values::at(window));
    // Less than what a few thousand events take helps nobody.
    let memory = section.get(report, "memory", values::bytes(64 << 10..=MOST_MEMORY, "\"64MiB\""));
    section.finish(report);
    let default = DedupeWindow::Time(Duration::from_mins(10));
    let (at, window) = window.map_or((None, default), |window| (Some(window.at), window.value));
    let dedupe = Dedupe { by: by?, window, memory: memory.unwrap_or(MEMORY) };
    if let (Some(at), DedupeWindow::Offsets(offsets)) = (at, window)
        && offsets.get() > dedupe.most()
    {
        let needs = offsets.get().saturating_mul(Dedupe::BYTES_PER_EVENT).div_ceil(1 << 20);
        let has = quantity::show(dedupe.memory.get(), BYTES);
        let message = format!("a window of {offsets} offsets takes {needs}MiB a partition, and `memory` is {has}");
        let shorter = format!("`window = \"{} offsets\"`", dedupe.most());
        let fix = match needs << 20 <= MOST_MEMORY {
            true => format!("write `memory = \"{needs}MiB\"`, or {shorter}"),
            false => format!("write {shorter}"),
        };
        report.add(&at, message, fix);
    }
    Some(dedupe)
}

fn by(report: &mut Report<'_>, field: &Field<'_>) -> Option<DedupeBy> {
    const EXAMPLE: &str = "\"header:event-id\"";
    let text = values::text(EXAMPLE)(report, field)?;
    match text.split_once(':') {
        Some(("header", name)) if !name.is_empty() => return Some(DedupeBy::Header(name.to_owned())),
        Some(("json", pointer)) if is_pointer(pointer) => return Some(DedupeBy::Json(pointer.to_owned())),
        Some(("json", path)) if !path.is_empty() => {
            let pointer = path.trim_start_matches(['$', '.', '/']).replace(['.', '~'], "/");
            let what = format!("is no JSON pointer: {text:?}");
            field.problem(report, &what, format!("a pointer begins with `/`: did you mean \"json:/{pointer}\"?"));
            return None;
        }
        Some(_) => {}
        None if text == "key" => return Some(DedupeBy::Key),
        None => {}
    }
    field.expected(report, "\"header:NAME\", \"key\" or \"json:/POINTER\"", EXAMPLE);
    None
}

/// Whether this is a JSON pointer (RFC 6901) into something; the empty one is the whole value.
fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && escapes
}

fn window(report: &mut Report<'_>, field: &Field<'_>) -> Option<DedupeWindow> {
    const EXAMPLE: &str = "\"10m\"";
    const RULE: &str = "a duration from 1ms to 365d, or a number of offsets: \"10m\", \"100000 offsets\"";
    let Some(text) = field.value.get_ref().as_str() else {
        field.expected(report, RULE, EXAMPLE);
        return None;
    };
    let meant = match quantity::parse(text, COUNT) {
        Ok(count) => match NonZeroU64::new(count) {
            Some(count) => return Some(DedupeWindow::Offsets(count)),
            None => None,
        },
        Err(meant) => match quantity::parse(text, TIME).map(Duration::from_nanos) {
            // Timestamps have no finer parts.
            Ok(time) if time.subsec_nanos() % 1_000_000 == 0 && !time.is_zero() && time <= YEAR => {
                return Some(DedupeWindow::Time(time));
            }
            Ok(_) => None,
            Err(time) => meant.or(time),
        },
    };
    match meant {
        Some(better) => {
            field.problem(report, &format!("has an unknown unit: {text:?}"), format!("did you mean {better:?}?"))
        }
        None => field.expected(report, RULE, EXAMPLE),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_pointers_from_paths() {
        for pointer in ["/id", "/a/b", "/", "/a~1b/m~0n", "/0"] {
            assert!(is_pointer(pointer), "{pointer}");
        }
        for path in ["", "id", "$.id", "/a~", "/a~2"] {
            assert!(!is_pointer(path), "{path}");
        }
    }
}
