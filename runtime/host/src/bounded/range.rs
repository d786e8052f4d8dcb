//! What a bounded run handles of a topic.

use std::collections::BTreeMap;

use super::left::Left;
use super::offsets::Offsets;

/// A topic's partitions up to the ends that they had at the start.
#[derive(Debug, Clone)]
pub struct Range {
    /// Its name.
    pub topic: String,
    /// By number; others are left alone.
    pub partitions: BTreeMap<i32, Part>,
}

/// A partition up to its end.
#[derive(Debug, Clone)]
pub struct Part {
    /// The first offset that is not handled.
    pub end: i64,
    /// Only some of its events; `None`: all.
    pub only: Option<Only>,
}

/// A choice of events.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Handled.
    pub take: Offsets,
    /// Left for another run. What is in neither is none of this run's business.
    pub left: Offsets,
}

impl Part {
    /// Whether the event at this offset is handled.
    pub fn takes(&self, offset: i64) -> bool {
        offset < self.end && self.only.as_ref().is_none_or(|only| only.take.contains(offset))
    }

    /// What stays behind, given what was noted as done.
    pub(crate) fn left(&self, done_before: &[(i64, i64)]) -> Left {
        self.only.as_ref().map_or_else(Left::default, |only| Left::new(&only.left, done_before))
    }
}
