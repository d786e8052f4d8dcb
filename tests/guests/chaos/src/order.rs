//! What is in an event, and in what the function makes of it. The workload and the checker use the same types.

use serde::{Deserialize, Serialize};

/// The value of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// No other send of the run has it.
    pub id: u64,
    /// The event's key.
    pub key: String,
    /// Counts the sends of the key.
    pub n: u32,
    /// What the function shall do.
    pub plan: Plan,
}

/// How the function is to handle an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Handle it.
    Ack,
    /// Fail before any effect until begun so many times.
    Retry(u32),
    /// The same, after its effects.
    Late(u32),
    /// Panic until begun so many times.
    Panic(u32),
    /// Use up its CPU limit until begun so many times.
    Spin(u32),
    /// Wait for so many milliseconds first.
    Slow(u32),
    /// To the dead letters at once.
    Dead,
    /// Fail until it becomes a dead letter.
    Exhaust,
    /// Nothing to do.
    Skip,
}

/// What the function emits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// What it was asked for.
    pub order: Order,
    /// Where the event was.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// How often it was begun before.
    pub begun: u32,
    /// Whether its row was appended by this run; without a table always.
    pub applied: bool,
}
