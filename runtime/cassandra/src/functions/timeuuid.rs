//! Version 1 uuids, which hold a time.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::SystemTime;

/// Ticks of 100 ns from 1582-10-15, where these uuids begin, to 1970.
const START: i64 = 122_192_928_000_000_000;
const TICKS: i64 = 10_000;

/// A new one, of now; each is later than the one before.
pub(crate) fn now() -> [u8; 16] {
    static LAST: AtomicI64 = AtomicI64::new(0);
    static NODE: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let clock = START + (since.as_nanos() / 100) as i64;
    let next = |last: i64| Some(clock.max(last + 1));
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(clock);
    let mut node = NODE.load(Ordering::Relaxed);
    if node == 0 {
        let random = uuid::Uuid::new_v4().as_u64_pair().1;
        // The bit that marks a node as made up.
        let made = random & 0x3fff_ffff_ffff_ffff | 0x8000_0100_0000_0000;
        node = NODE.compare_exchange(0, made, Ordering::Relaxed, Ordering::Relaxed).err().unwrap_or(made);
    }
    build(clock.max(last + 1), node)
}

/// The first of a millisecond.
pub(super) fn least(millis: i64) -> [u8; 16] {
    build(ticks(millis), 0x8080_8080_8080_8080)
}

/// The last of a millisecond.
pub(super) fn greatest(millis: i64) -> [u8; 16] {
    build(ticks(millis).saturating_add(TICKS - 1), 0x7f7f_7f7f_7f7f_7f7f)
}

/// Milliseconds since 1970.
pub(super) fn millis(uuid: &[u8]) -> i64 {
    let Ok(high) = uuid.get(..8).unwrap_or_default().try_into().map(u64::from_be_bytes) else { return 0 };
    let ticks = (high & 0xfff) << 48 | (high >> 16 & 0xffff) << 32 | high >> 32;
    // Java cuts off, also before 1970.
    (ticks as i64 - START) / TICKS
}

fn ticks(millis: i64) -> i64 {
    millis.saturating_mul(TICKS).saturating_add(START)
}

fn build(ticks: i64, low: u64) -> [u8; 16] {
    let ticks = ticks as u64;
    let high = ticks << 32 | (ticks >> 32 & 0xffff) << 16 | 0x1000 | ticks >> 48 & 0xfff;
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&high.to_be_bytes());
    uuid[8..].copy_from_slice(&low.to_be_bytes());
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CqlType;

    #[test]
    fn knows_the_bounds_of_a_millisecond() {
        let text = |bytes| uuid::Uuid::from_bytes(bytes).to_string();
        assert_eq!(text(least(1_577_934_245_678)), "896e34e0-2d0c-11ea-8080-808080808080");
        assert_eq!(text(greatest(1_577_934_245_678)), "896e5bef-2d0c-11ea-7f7f-7f7f7f7f7f7f");
        assert_eq!(millis(&least(1_577_934_245_678)), 1_577_934_245_678);
    }

    #[test]
    fn each_is_later_than_the_one_before() {
        let all: Vec<_> = (0..1000).map(|_| now()).collect();
        assert!(all.windows(2).all(|pair| CqlType::Timeuuid.compare(&pair[0], &pair[1]).is_lt()));
        assert_eq!(uuid::Uuid::from_bytes(now()).get_version_num(), 1);
    }
}
