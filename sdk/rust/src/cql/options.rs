//! How a statement is executed.

use std::time::Duration;

use super::error::{CqlError, CqlErrorKind};
use crate::host;

const IDEMPOTENT: u32 = 1;
const EVENT_TIME: u32 = 2;

/// How many replicas must answer. The binding's is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
#[allow(missing_docs, reason = "the names are Cassandra's")]
pub enum Consistency {
    Any = 0,
    One = 1,
    Two = 2,
    Three = 3,
    Quorum = 4,
    All = 5,
    LocalQuorum = 6,
    EachQuorum = 7,
    /// To read what a conditional write of any data centre left.
    Serial = 8,
    /// To read what a conditional write of this data centre left.
    LocalSerial = 9,
    LocalOne = 10,
}

/// Among which replicas a conditional write is decided. Never mix the two on one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SerialConsistency {
    /// Those of all data centres.
    Serial = 8,
    /// Those of this data centre.
    LocalSerial = 9,
}

impl host::Options {
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        // 0 would mean the binding's.
        self.timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
    }

    pub(crate) fn check(&self) -> Result<(), CqlError> {
        if self.timestamp.is_some() && self.flags & EVENT_TIME != 0 {
            return Err(CqlError::new(CqlErrorKind::Invalid, "both timestamp and event_time are given"));
        }
        Ok(())
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn is_idempotent(&self) -> bool {
        self.flags & IDEMPOTENT != 0
    }

    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn is_event_time(&self) -> bool {
        self.flags & EVENT_TIME != 0
    }

    pub(crate) fn set_idempotent(&mut self) {
        self.flags |= IDEMPOTENT;
    }

    pub(crate) fn set_event_time(&mut self) {
        self.flags |= EVENT_TIME;
    }
}

/// The options that statements and batches share.
macro_rules! option_methods {
    () => {
        /// How many replicas must answer; default: the binding's.
        pub fn consistency(mut self, consistency: Consistency) -> Self {
            self.options.consistency = consistency as u16;
            self
        }

        /// Among which replicas a condition is decided; default: the binding's.
        pub fn serial(mut self, serial: SerialConsistency) -> Self {
            self.options.serial = serial as u16;
            self
        }

        /// The timestamp of what is written, in microseconds since 1970: of two writes the later one stays. Default: one of
        /// the host's that only rises. Refused for conditional statements.
        pub fn timestamp(mut self, micros: i64) -> Self {
            self.options.timestamp = Some(micros);
            self
        }

        /// Takes the event's timestamp for what is written, so that the event that happened last stays, not the one that was
        /// handled last: old events that are handled again overwrite nothing newer. For plain writes only, and for all that
        /// write the column.
        ///
        /// Of events of one millisecond the one with the higher offset stays (offsets modulo 1,000: two that lie on both
        /// sides of a multiple of 1,000 go the other way). An event from the future is written with the worker's time
        /// instead, or it would shadow all that comes before then; handled again, it may have another one.
        pub fn event_time(mut self) -> Self {
            self.options.set_event_time();
            self
        }

        /// Executing it twice does no harm: the host may try again by itself.
        pub fn idempotent(mut self) -> Self {
            self.options.set_idempotent();
            self
        }

        /// How long to wait for the answer, in whole milliseconds, at least one; default: the binding's.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.options.set_timeout(timeout);
            self
        }
    };
}

pub(crate) use option_methods;
