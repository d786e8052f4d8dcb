//! What is kept with a commit beside the offset: what is done beyond it, what failing events have cost, and whether
//! workers died at it.
//!
//! Pure. A restart or a rebalance reads it back, so that what is done does not run again and attempts go on counting.
//! The broker keeps at most 4,095 characters; what did not fit is said by [`Encoded`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use super::bits::{self, get, put};
use super::lanes::Millis;
use super::retry::Failing;

/// Tells our notes from those of another consumer, and their version.
const PREFIX: &str = "veltrix2:";
const PREFIX_1: &str = "veltrix1:";
/// Most bytes before base64: 9 + 4,080 characters.
pub const MOST_BYTES: usize = 3_060;
/// Most of them for failing events, so that those never crowd out what is done.
pub const MOST_FAILING_BYTES: usize = 2_000;
/// More failing events than this are damage.
const MOST_FAILING: u64 = 10_000;

const STOPPED: u64 = 1;
const ALONE: u64 = 2;
const KILLED: u64 = 4;
const FLAGS: u32 = 3;

/// Notes on the events from the committed offset on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memo {
    /// Short for the id of the topic that the offsets are of, which a topic of the same name may not be; 0: unknown.
    pub topic: u64,
    /// When it was written, on the clock of `failing`.
    pub at: Millis,
    /// Starts without a clean end since events of this partition were last seen to get on.
    pub unclean: u32,
    /// The event that may begin as soon as this is noted: whoever finds it here was not told how that ended.
    pub begins: Option<i64>,
    /// Offsets of failing events, ascending, and what they have cost.
    pub failing: Vec<(i64, Failing)>,
    /// Ranges of done offsets, the end excluded, ascending.
    pub done: Vec<(i64, i64)>,
}

/// A memo as text, and how much of it that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The text; empty when there is nothing to note.
    pub text: String,
    /// Failing events are noted up to this offset, the end excluded; `None`: all of them.
    pub failing_until: Option<i64>,
    /// Whether all that is done is noted.
    pub whole: bool,
    /// Bytes before base64.
    pub bytes: usize,
}

impl Memo {
    /// Its text, for a commit of this offset.
    pub fn encode(&self, committed: i64) -> Encoded {
        self.encode_within(committed, MOST_BYTES, MOST_FAILING_BYTES)
    }

    /// The same with bounds of one's own.
    pub fn encode_within(&self, committed: i64, most: usize, most_failing: usize) -> Encoded {
        let plain = self.topic == 0 && self.unclean == 0 && self.begins.is_none();
        if plain && self.failing.is_empty() && self.done.is_empty() {
            return Encoded { text: String::new(), failing_until: None, whole: true, bytes: 0 };
        }
        let mut bytes = self.topic.to_le_bytes().to_vec();
        put(&mut bytes, self.unclean.into());
        put(&mut bytes, self.begins.map_or(0, |offset| (offset - committed) as u64 + 1));
        let mut entries = Vec::new();
        let (mut count, mut last, mut failing_until) = (0, committed, None);
        for (offset, failing) in &self.failing {
            let before = entries.len();
            self.put_failing(&mut entries, (offset - last) as u64, failing);
            if entries.len() > most_failing {
                entries.truncate(before);
                failing_until = Some(*offset);
                break;
            }
            (count, last) = (count + 1, *offset);
        }
        put(&mut bytes, count);
        if count > 0 {
            put(&mut bytes, self.at);
            bytes.extend(entries);
        }
        let whole = bits::write(&mut bytes, committed, &self.done, most);
        let text = format!("{PREFIX}{}", BASE64.encode(&bytes));
        Encoded { text, failing_until, whole, bytes: bytes.len() }
    }

    fn put_failing(&self, bytes: &mut Vec<u8>, delta: u64, failing: &Failing) {
        let flag = |is: bool, bit: u64| if is { bit } else { 0 };
        let flags =
            flag(failing.stopped.is_some(), STOPPED) | flag(failing.alone, ALONE) | flag(failing.killed, KILLED);
        put(bytes, delta);
        put(bytes, u64::from(failing.attempts) << FLAGS | flags);
        put(bytes, self.at.saturating_sub(failing.since));
        match failing.stopped {
            Some(stopped) => put(bytes, self.at.saturating_sub(stopped)),
            None => put(bytes, failing.due.saturating_sub(self.at)),
        }
    }

    /// Reads back what was committed with this offset. `None`: it is not ours, or damaged, and says nothing.
    pub fn decode(text: &[u8], committed: i64) -> Option<Self> {
        if let Some(text) = text.strip_prefix(PREFIX_1.as_bytes()) {
            return Self::decode_1(&BASE64.decode(text).ok()?, committed);
        }
        let bytes = BASE64.decode(text.strip_prefix(PREFIX.as_bytes())?).ok()?;
        let (topic, mut rest) = bytes.split_first_chunk()?;
        let mut memo = Self { topic: u64::from_le_bytes(*topic), ..Self::default() };
        memo.unclean = u32::try_from(get(&mut rest)?).ok()?;
        memo.begins = match get(&mut rest)? {
            0 => None,
            beyond => Some(add(committed, beyond - 1)?),
        };
        let count = get(&mut rest).filter(|count| *count <= MOST_FAILING)?;
        if count > 0 {
            memo.at = get(&mut rest)?;
        }
        let mut last = committed;
        for _ in 0..count {
            last = add(last, get(&mut rest)?)?;
            let head = get(&mut rest)?;
            let since = memo.at.saturating_sub(get(&mut rest)?);
            let time = get(&mut rest)?;
            let stopped = (head & STOPPED != 0).then(|| memo.at.saturating_sub(time));
            let failing = Failing {
                attempts: u32::try_from(head >> FLAGS).ok()?,
                since,
                due: memo.at.saturating_add(if stopped.is_some() { 0 } else { time }),
                stopped,
                alone: head & ALONE != 0,
                killed: head & KILLED != 0,
            };
            memo.failing.push((last, failing));
        }
        memo.done = bits::read(rest, committed)?;
        Some(memo)
    }

    /// The version before: no times but the first failure's, and ranges as pairs.
    fn decode_1(mut rest: &[u8], committed: i64) -> Option<Self> {
        let mut memo = Self::default();
        let mut last = committed;
        for _ in 0..get(&mut rest).filter(|count| *count <= MOST_FAILING)? {
            last = add(last, get(&mut rest)?)?;
            let attempts = u32::try_from(get(&mut rest)?).ok()?;
            let since = get(&mut rest)?;
            // When it was written is not said: not before the last of these.
            memo.at = memo.at.max(since);
            memo.failing.push((last, Failing { attempts, since, ..Failing::default() }));
        }
        let mut last = committed;
        while !rest.is_empty() {
            let start = add(last, get(&mut rest)?)?;
            last = add(start, get(&mut rest)?)?;
            memo.done.push((start, last));
        }
        Some(memo)
    }

    /// Sets all times to what they mean on a clock that shows `now`: nobody counted between the note and now, and no
    /// wait gets longer, whichever of the two clocks is wrong. When a lane stopped stays as it was, for it is compared
    /// with the time of a resumption.
    pub fn rebase(&mut self, now: Millis) {
        for (_, failing) in &mut self.failing {
            failing.since = now.saturating_sub(self.at.saturating_sub(failing.since));
            failing.due = failing.due.min(now.saturating_add(failing.due.saturating_sub(self.at)));
        }
        self.at = now;
    }

    /// How many offsets from the one up to the other are not noted as done.
    pub fn open_between(&self, from: i64, to: i64) -> i64 {
        let done = self.done.iter().map(|(start, end)| (end.min(&to) - start.max(&from)).max(0));
        (to - from).max(0) - done.sum::<i64>()
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

fn add(offset: i64, delta: u64) -> Option<i64> {
    offset.checked_add(i64::try_from(delta).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn another_consumers_metadata_says_nothing() {
        for text in [
            &b""[..],
            b"NONE",
            b"veltrix1:!!",
            b"veltrix1:/w",
            b"veltrix2:",
            b"veltrix2:AAAAAAAAAAAAAAE",
            b"veltrix9:AA",
            b"\xff\xfe",
        ] {
            assert_eq!(Memo::decode(text, 7), None, "{text:?}");
        }
    }

    #[test]
    fn the_version_before_is_still_read() {
        let memo = Memo::decode(b"veltrix1:AgADgAIFAcgBAQIDBA", 100).unwrap();
        let costs: Vec<_> = memo.failing.iter().map(|(offset, f)| (*offset, f.attempts, f.since)).collect();
        assert_eq!(costs, [(100, 3, 256), (105, 1, 200)]);
        assert_eq!(memo.done, [(101, 103), (106, 110)]);
        assert_eq!((memo.at, memo.unclean, memo.begins), (256, 0, None));
    }

    #[test]
    fn stays_within_the_brokers_limit_and_says_what_it_left_out() {
        let failing = Failing { attempts: 3, since: 0, due: u64::MAX / 2, ..Failing::default() };
        let memo = Memo {
            topic: u64::MAX,
            at: u64::MAX / 4,
            unclean: u32::MAX,
            begins: Some(i64::MAX - 1),
            done: (0..10_000).map(|i| (1_000 * i, 1_000 * i + 300)).collect(),
            failing: (0..500).map(|i| (i, failing)).collect(),
        };
        let encoded = memo.encode(0);
        assert!(encoded.text.len() <= 4_095 && encoded.bytes <= MOST_BYTES, "{}", encoded.text.len());
        let read = Memo::decode(encoded.text.as_bytes(), 0).unwrap();
        let until = encoded.failing_until.expect("they do not fit");
        assert!(until > 80 && !encoded.whole);
        assert_eq!(read.failing, memo.failing[..until as usize]);
        assert!(read.done.len() > 50 && memo.done.starts_with(&read.done[..read.done.len() - 1]));
    }

    #[test]
    fn time_without_a_worker_makes_no_event_older_and_no_wait_longer() {
        let failing = Failing { attempts: 1, since: 900, due: 1_500, ..Failing::default() };
        let noted = Memo { at: 1_000, failing: vec![(3, failing)], ..Memo::default() };
        for (now, since, due) in [(1_200, 1_100, 1_500), (9_000, 8_900, 1_500), (200, 100, 700), (0, 0, 500)] {
            let mut memo = noted.clone();
            memo.rebase(now);
            assert_eq!(memo.failing[0].1, Failing { since, due, ..failing }, "at {now}");
        }
    }

    fn a_failing() -> impl Strategy<Value = Failing> {
        let times = (0..1u64 << 40, any::<bool>(), 0..1u64 << 40);
        (1..9u32, times, any::<bool>(), any::<bool>()).prop_map(|(attempts, (since, stopped, time), alone, killed)| {
            let at = 1 << 41;
            let (due, stopped) = if stopped { (at, Some(time)) } else { (at + time, None) };
            Failing { attempts, since, due, stopped, alone, killed }
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_was_noted(topic in any::<u64>(), committed in 0..i64::MAX / 4, unclean in 0..4u32, begins in prop::option::of(0..1000i64), gaps in prop::collection::vec((1..1000i64, 1..1000i64), 0..50), costs in prop::collection::vec((1..1000i64, a_failing()), 0..50)) {
            let mut at = committed;
            let done = gaps.iter().map(|(gap, len)| { let start = at + gap; at = start + len; (start, at) }).collect();
            let mut at = committed;
            let failing: Vec<_> = costs.iter().map(|(gap, failing)| { at += gap; (at, *failing) }).collect();
            let at = if failing.is_empty() { 0 } else { 1 << 41 };
            let memo = Memo { topic, at, unclean, begins: begins.map(|o| committed + o), done, failing };
            let encoded = memo.encode(committed);
            prop_assert!(encoded.whole && encoded.failing_until.is_none());
            if encoded.text.is_empty() {
                prop_assert_eq!(memo, Memo::default());
            } else {
                prop_assert_eq!(Memo::decode(encoded.text.as_bytes(), committed), Some(memo));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Memo::decode(&bytes, 5);
            for prefix in [PREFIX, PREFIX_1] {
                let _ = Memo::decode(format!("{prefix}{}", BASE64.encode(&bytes)).as_bytes(), i64::MAX - 3);
            }
        }
    }
}
