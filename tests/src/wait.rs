//! Waiting for what happens elsewhere, and names that no other test has.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Waits until `probe` gives a value, at most `timeout`; `what` says what was waited for when it never does.
#[track_caller]
pub fn eventually<T>(what: &str, timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within {timeout:?}");
        std::thread::sleep(POLL);
    }
}

/// Holds for all of `duration` that `probe` is true: for what must not happen.
#[track_caller]
pub fn throughout(what: &str, duration: Duration, mut probe: impl FnMut() -> bool) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        assert!(probe(), "{what}: no longer so");
        std::thread::sleep(POLL);
    }
}

/// A name that no other test, process or run uses; fit for topics, groups and keyspaces (letters, digits, `_`).
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:x}_{:x}_{number}", now & 0xffff_ffff, std::process::id())
}
