//! What a run is to be like.

use std::time::Duration;

use crate::fault::Kind;

/// How a run is done. Two runs with the same settings do the same to the system; what it makes of it differs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Faults and workload are drawn from it.
    pub seed: u64,
    /// How many faults.
    pub faults: usize,
    /// Which sorts of them.
    pub kinds: Vec<Kind>,
    /// Events a second, if the workers keep up.
    pub rate: u32,
    /// No fault begins after this time.
    pub limit: Duration,
}

/// Workers of the application.
pub const WORKERS: usize = 3;
/// Partitions of the input.
pub const PARTITIONS: i32 = 6;
/// Partitions of each output.
pub const OUTPUTS: i32 = 3;
/// Keys of the workload.
pub const KEYS: u64 = 24;
/// Attempts after which an event is given up.
pub const ATTEMPTS: u32 = 12;
/// A worker that is silent for so long is taken for dead.
pub const SESSION: Duration = Duration::from_secs(4);
/// Events that are sent and not committed, at most: beyond it the producer waits.
pub const MOST_WAITING: i64 = 3_000;
/// When a fault is over, something must be committed within this time: generous, as the machine may be busy with other things.
pub const PROGRESS: Duration = Duration::from_secs(90);
/// A partition with events that wait must not stand still for so long, whatever happens.
pub const STUCK: Duration = Duration::from_secs(180);
/// When the faults are over, all must be committed within this time.
pub const DRAIN: Duration = Duration::from_secs(240);
/// A worker that is told to end has to.
pub const END: Duration = Duration::from_secs(60);
