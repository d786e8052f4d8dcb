//! What is kept with a commit beside the offset: events done beyond it, and what failing events have cost.
//!
//! Pure. A restart or a rebalance reads it back, so that what is done does not run again and attempts go on counting.
//! The broker keeps at most 4,095 characters: what does not fit is left out, and only means that a done event runs again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use super::retry::Failing;

/// Tells our notes from those of another consumer, and their version.
const PREFIX: &str = "veltrix1:";
/// Most bytes before base64, with room to spare below the broker's limit.
const MOST_BYTES: usize = 2_400;
/// Most failing events that are noted.
const MOST_FAILING: usize = 100;
/// Most ranges that are noted.
pub const MOST_RANGES: usize = 400;

/// Notes on the events from the committed offset on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memo {
    /// Ranges of done offsets, the end excluded, ascending.
    pub done: Vec<(i64, i64)>,
    /// Offsets of failing events, ascending, and what they have cost.
    pub failing: Vec<(i64, Failing)>,
}

impl Memo {
    /// Its text, for a commit of this offset; empty when there is nothing to note.
    pub fn encode(&self, committed: i64) -> String {
        if self.done.is_empty() && self.failing.is_empty() {
            return String::new();
        }
        let mut bytes = Vec::new();
        let failing = &self.failing[..self.failing.len().min(MOST_FAILING)];
        put(&mut bytes, failing.len() as u64);
        let mut last = committed;
        for (offset, cost) in failing {
            put(&mut bytes, (offset - last) as u64);
            put(&mut bytes, cost.attempts.into());
            put(&mut bytes, cost.since);
            last = *offset;
        }
        let mut last = committed;
        for (start, end) in self.done.iter().take(MOST_RANGES) {
            let before = bytes.len();
            put(&mut bytes, (start - last) as u64);
            put(&mut bytes, (end - start) as u64);
            if bytes.len() > MOST_BYTES {
                bytes.truncate(before);
                break;
            }
            last = *end;
        }
        format!("{PREFIX}{}", BASE64.encode(bytes))
    }

    /// Reads back what was committed with this offset. `None`: it is not ours, or damaged, and says nothing.
    pub fn decode(text: &[u8], committed: i64) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix(PREFIX.as_bytes())?).ok()?;
        let mut rest = &bytes[..];
        let mut memo = Self::default();
        let add = |offset: i64, delta: u64| offset.checked_add(i64::try_from(delta).ok()?);
        let mut last = committed;
        for _ in 0..get(&mut rest)?.min(MOST_FAILING as u64) {
            last = add(last, get(&mut rest)?)?;
            let attempts = u32::try_from(get(&mut rest)?).ok()?;
            memo.failing.push((last, Failing { attempts, since: get(&mut rest)? }));
        }
        let mut last = committed;
        while !rest.is_empty() {
            let start = add(last, get(&mut rest)?)?;
            last = add(start, get(&mut rest)?)?;
            memo.done.push((start, last));
        }
        Some(memo)
    }

    /// Whether an offset is done.
    pub fn is_done(&self, offset: i64) -> bool {
        let after = self.done.partition_point(|(start, _)| *start <= offset);
        after > 0 && offset < self.done[after - 1].1
    }

    /// What an offset has cost.
    pub fn cost(&self, offset: i64) -> Option<Failing> {
        self.failing.binary_search_by_key(&offset, |(o, _)| *o).ok().map(|i| self.failing[i].1)
    }
}

/// LEB128.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_consumers_metadata_says_nothing() {
        for text in [&b""[..], b"NONE", b"veltrix1:!!", b"veltrix1:/w", b"\xff\xfe"] {
            assert_eq!(Memo::decode(text, 7), None, "{text:?}");
        }
    }

    #[test]
    fn stays_within_the_brokers_limit_and_keeps_what_comes_first() {
        let memo = Memo {
            done: (0..10_000).map(|i| (1_000 * i, 1_000 * i + 300)).collect(),
            failing: (0..500).map(|i| (i, Failing { attempts: 3, since: u64::MAX / 2 })).collect(),
        };
        let text = memo.encode(0);
        assert!(text.len() < 4_095, "{}", text.len());
        let read = Memo::decode(text.as_bytes(), 0).unwrap();
        assert!(read.done.len() > 100 && memo.done.starts_with(&read.done));
        assert_eq!(read.failing, memo.failing[..MOST_FAILING]);
    }

    proptest! {
        #[test]
        fn reads_back_what_was_noted(committed in 0..i64::MAX / 4, gaps in prop::collection::vec((1..1000i64, 1..1000i64), 0..50), costs in prop::collection::vec((1..1000i64, 1..9u32, any::<u64>()), 0..50)) {
            let mut at = committed;
            let done = gaps.iter().map(|(gap, len)| { let start = at + gap; at = start + len; (start, at) }).collect();
            let mut at = committed;
            let failing = costs.iter().map(|(gap, attempts, since)| { at += gap; (at, Failing { attempts: *attempts, since: *since }) }).collect();
            let memo = Memo { done, failing };
            let text = memo.encode(committed);
            if text.is_empty() {
                prop_assert_eq!(memo, Memo::default());
            } else {
                prop_assert_eq!(Memo::decode(text.as_bytes(), committed), Some(memo));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Memo::decode(&bytes, 5);
            let _ = Memo::decode(format!("{PREFIX}{}", BASE64.encode(&bytes)).as_bytes(), i64::MAX - 3);
        }
    }
}
