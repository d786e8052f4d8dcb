//! The empty WASI context of a guest: no files, sockets, environment or arguments; clocks, randomness and logs.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx};

use crate::logs::{Logs, Output, Stream};
use crate::services::Services;

/// Random bytes that a guest may ask for at once.
const MAX_RANDOM: u64 = 1 << 20;
/// Length of the cycle that seeded random bytes come from.
const CYCLE: usize = 4096;

pub(crate) fn context(services: &Arc<dyn Services>, logs: &Arc<Logs>) -> WasiCtx {
    let output = |stream| Output { logs: Arc::clone(logs), stream };
    let mut wasi = WasiCtx::builder();
    wasi.stdout(output(Stream::Stdout))
        .stderr(output(Stream::Stderr))
        .max_random_size(MAX_RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Some(seed) = services.random_seed() {
        wasi.secure_random(Deterministic::new(cycle(seed, 0)))
            .insecure_random(Deterministic::new(cycle(seed, 1)))
            .insecure_random_seed(u128::from(seed));
    }
    if let Some(start) = services.now() {
        let clock = Clock { services: Arc::clone(services), start };
        wasi.wall_clock(clock.clone()).monotonic_clock(clock);
    }
    wasi.build()
}

fn cycle(seed: u64, stream: u64) -> Vec<u8> {
    let blocks = 0..(CYCLE / 32) as u64;
    blocks
        .flat_map(|block| {
            let mut hash = Sha256::new();
            hash.update(seed.to_le_bytes());
            hash.update(stream.to_le_bytes());
            hash.update(block.to_le_bytes());
            <[u8; 32]>::from(hash.finalize())
        })
        .collect()
}

/// The host's clock, where it drives the guest's.
#[derive(Clone)]
struct Clock {
    services: Arc<dyn Services>,
    start: Duration,
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.services.now().unwrap_or(self.start)
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        let since = HostWallClock::now(self).saturating_sub(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}
