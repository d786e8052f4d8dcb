//! Dead letters: the event byte for byte, and headers that say where it came from and why.

use std::collections::BTreeMap;

use rdkafka::message::OwnedHeaders;

use crate::event::EventView;
use crate::kafka::headers;
use crate::verdicts::{FRAMING, headers_size};

/// What the headers of a dead letter say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Why, short and stable.
    pub reason: String,
    /// What happened last, for people.
    pub error: String,
    /// Function that could not handle it.
    pub function: String,
    /// Digest of the module that ran.
    pub revision: String,
    /// Topic that the event came from.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 if it had none.
    pub timestamp: i64,
    /// Attempts charged.
    pub attempts: u32,
    /// The event was too large to be a dead letter: this is at its source alone.
    pub left_out: LeftOut,
}

/// Parts of an event that its dead letter is without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The value.
    pub value: bool,
    /// All headers.
    pub headers: bool,
    /// The key.
    pub key: bool,
}

impl LeftOut {
    /// What has to go so that a record of at most `limit` bytes holds the rest: the value first, the key last.
    pub(crate) fn of(event: EventView<'_>, limit: usize) -> Self {
        let room = limit.saturating_sub(OWN + FRAMING);
        let key = event.key().map_or(0, <[u8]>::len);
        let own = |name: &[u8]| name.starts_with(PREFIX.as_bytes());
        let headers = headers_size(event.headers().filter(|(name, _)| !own(name)));
        let value = event.size() + headers > room && event.value().is_some_and(|value| !value.is_empty());
        let rest = if value { key } else { event.size() };
        Self { value, headers: headers > 0 && rest + headers > room, key: key > room }
    }

    /// Whether anything is.
    pub fn any(self) -> bool {
        self != Self::default()
    }

    /// What is, in words.
    pub fn names(self) -> Vec<&'static str> {
        let all = [(self.value, "value"), (self.headers, "headers"), (self.key, "key")];
        all.into_iter().filter_map(|(left_out, name)| left_out.then_some(name)).collect()
    }
}

/// Collects what the host has added to an event's headers.
#[derive(Debug, Default)]
pub struct LetterHeaders {
    values: BTreeMap<String, String>,
}

impl LetterHeaders {
    /// Whether a header of that name is the host's.
    pub fn is_ours(name: &[u8]) -> bool {
        name.starts_with(PREFIX.as_bytes())
    }

    /// Takes a header; tells whether it was one of ours.
    pub fn take(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        let Some(name) = name.strip_prefix(PREFIX.as_bytes()) else { return false };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.values.insert(text(name), text(value.unwrap_or_default()));
        true
    }

    /// The letter; `None` if what names its event is missing: then no host has written it.
    pub fn finish(mut self) -> Option<Letter> {
        let mut text = |name: &str| self.values.remove(name);
        Some(Letter {
            function: text("function")?,
            topic: text("topic")?,
            partition: text("partition")?.parse().ok()?,
            offset: text("offset")?.parse().ok()?,
            timestamp: text("timestamp").and_then(|t| t.parse().ok()).unwrap_or(-1),
            reason: text("reason").unwrap_or_default(),
            error: text("error").unwrap_or_default(),
            revision: text("revision").unwrap_or_default(),
            attempts: text("attempts").and_then(|t| t.parse().ok()).unwrap_or(0),
            left_out: LeftOut {
                value: text("value").is_some_and(|value| value == OMITTED),
                headers: text("headers").is_some_and(|headers| headers == OMITTED),
                key: text("key").is_some_and(|key| key == OMITTED),
            },
        })
    }
}

/// Prefix of the headers that a dead letter carries.
pub(crate) const PREFIX: &str = "veltrix-dead-letter-";

/// Says that a part was left out.
const OMITTED: &str = "omitted";

/// Error text and reasons beyond this are cut; where records are small, so are these.
const MOST_ERROR: usize = 4_096;
const MOST_REASON: usize = 1_024;
/// Room for our own headers.
const OWN: usize = 8_192;

/// Why an event becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter<'a> {
    /// Short and stable: what the function said, or the kind of the last failure.
    pub reason: &'a str,
    /// What happened last, for people.
    pub error: &'a str,
    /// Function that could not handle it.
    pub function: &'a str,
    /// Digest of the module that ran.
    pub revision: &'a str,
    /// Attempts charged.
    pub attempts: u32,
    /// What it goes without.
    pub left_out: LeftOut,
    /// Most bytes of a record.
    pub limit: usize,
}

/// The dead letter's headers: those of the event, without what an earlier failure added, then ours. An event that was
/// fed again from its dead letter is still the one that it was.
pub(crate) fn headers(event: EventView<'_>, topic: &str, partition: i32, letter: &DeadLetter<'_>) -> OwnedHeaders {
    let mut list = OwnedHeaders::new_with_capacity(event.headers().len() + 9);
    let (topic, partition, offset) =
        event.origin().map_or((topic, partition, event.offset()), |o| (&*o.topic, o.partition, o.offset));
    let kept = |name: &[u8]| !letter.left_out.headers && !name.starts_with(PREFIX.as_bytes());
    for (name, value) in event.headers().filter(|(name, _)| kept(name)) {
        headers::push(&mut list, name, value);
    }
    let (offset, timestamp) = (offset.to_string(), event.timestamp().to_string());
    let (partition, attempts) = (partition.to_string(), letter.attempts.to_string());
    let own = [
        ("reason", cut(letter.reason, MOST_REASON.min(letter.limit / 8))),
        ("error", cut(letter.error, MOST_ERROR.min(letter.limit / 4))),
        ("function", letter.function),
        ("revision", letter.revision),
        ("topic", topic),
        ("partition", &partition),
        ("offset", &offset),
        ("timestamp", &timestamp),
        ("attempts", &attempts),
    ];
    for (name, value) in own {
        headers::push(&mut list, format!("{PREFIX}{name}").as_bytes(), Some(value.as_bytes()));
    }
    for name in letter.left_out.names() {
        headers::push(&mut list, format!("{PREFIX}{name}").as_bytes(), Some(OMITTED.as_bytes()));
    }
    list
}

/// At most so many bytes, at a character's end.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Chunk, Origin};
    use veltrix_manifest::Ordering;

    #[test]
    fn keeps_the_events_headers_and_replaces_those_of_an_earlier_failure() {
        let mut chunk = Chunk::new("t".into(), 3);
        chunk.push(17, 99, Some(b"k"), None, Ordering::Key);
        chunk.push_header(b"a", None);
        chunk.push_header(b"veltrix-dead-letter-reason", Some(b"old"));
        chunk.push_header(b"a", Some(b"\xff"));
        let letter = DeadLetter {
            reason: "trap",
            error: &"é".repeat(3_000),
            function: "f",
            revision: "r",
            attempts: 5,
            left_out: LeftOut::default(),
            limit: 1_000_000,
        };
        let list = headers(chunk.event(0), "t", 3, &letter);
        let mut seen = Vec::new();
        headers::each(list.as_borrowed(), |n, v| {
            seen.push((String::from_utf8_lossy(n).into_owned(), v.map(<[u8]>::to_vec)));
        });
        assert_eq!(seen[0], ("a".into(), None));
        assert_eq!(seen[1], ("a".into(), Some(b"\xff".to_vec())));
        assert_eq!(seen[2], ("veltrix-dead-letter-reason".into(), Some(b"trap".to_vec())));
        assert_eq!(seen[3].1.as_ref().unwrap().len(), 4_096);
        let find = |name: &str| {
            seen.iter().find(|(n, _)| *n == format!("{PREFIX}{name}")).and_then(|(_, v)| v.clone()).unwrap()
        };
        assert_eq!(find("topic"), b"t");
        assert_eq!(
            (find("partition"), find("offset"), find("timestamp"), find("attempts")),
            (b"3".to_vec(), b"17".to_vec(), b"99".to_vec(), b"5".to_vec())
        );
        assert_eq!(seen.len(), 11);
    }

    #[test]
    fn a_letter_that_fails_again_names_the_event_it_was_and_is_read_back() {
        let mut chunk = Chunk::new("t.dead".into(), 0);
        chunk.push(4, 99, None, None, Ordering::Key);
        chunk.push_origin(Origin { topic: "t".into(), partition: 3, offset: 17, id: None });
        let left_out = LeftOut { value: true, headers: true, key: false };
        let (reason, error, limit) = ("r", "e", 1_000);
        let letter = DeadLetter { reason, error, function: "f", revision: "v", attempts: 2, left_out, limit };
        let list = headers(chunk.event(0), "t.dead", 0, &letter);
        let mut read = LetterHeaders::default();
        headers::each(list.as_borrowed(), |name, value| assert!(read.take(name, value)));
        let read = read.finish().unwrap();
        assert_eq!((&*read.topic, read.partition, read.offset, read.timestamp), ("t", 3, 17, 99));
        assert_eq!((&*read.reason, &*read.error, read.attempts, read.left_out), ("r", "e", 2, left_out));
        let mut foreign = LetterHeaders::default();
        assert!(!foreign.take(b"reason", None) && foreign.take(b"veltrix-dead-letter-reason", None));
        assert_eq!(foreign.finish(), None);
    }

    #[test]
    fn what_does_not_fit_goes_value_first_and_key_last() {
        const LIMIT: usize = 100_000;
        let left_out = |key: usize, header: usize, value: usize| {
            let mut chunk = Chunk::new("t".into(), 0);
            let bytes = vec![0; key.max(value).max(header)];
            chunk.push(0, 0, (key > 0).then_some(&bytes[..key]), (value > 0).then_some(&bytes[..value]), Ordering::Key);
            if header > 0 {
                chunk.push_header(b"h", Some(&bytes[..header]));
            }
            // What an earlier failure added is replaced.
            chunk.push_header(b"veltrix-dead-letter-error", Some(&[0; LIMIT]));
            let left_out = LeftOut::of(chunk.event(0), LIMIT);
            assert_eq!(left_out.any(), !left_out.names().is_empty());
            left_out.names().join(" ")
        };
        assert_eq!(left_out(10_000, 10_000, 50_000), "");
        assert_eq!(left_out(10_000, 10_000, 90_000), "value");
        assert_eq!(left_out(50_000, 60_000, 1), "value headers");
        assert_eq!(left_out(10, LIMIT, 0), "headers", "a tombstone has no value to leave out");
        assert_eq!(left_out(LIMIT, 10, 1), "value headers key");
        assert_eq!(left_out(LIMIT, 0, 0), "key");
    }

    #[test]
    fn a_letter_fits_whatever_its_function_says_and_however_small_records_are() {
        let text = "x".repeat(1 << 20);
        for limit in [4_000, 20_000, 1_000_000] {
            let mut chunk = Chunk::new("t".into(), 0);
            chunk.push(0, 0, Some(text.as_bytes()), Some(text.as_bytes()), Ordering::Key);
            chunk.push_header(b"h", Some(text.as_bytes()));
            let left_out = LeftOut::of(chunk.event(0), limit);
            let (function, revision, topic) = (&*"f".repeat(64), &*"0".repeat(64), &*"t".repeat(249));
            let letter = DeadLetter { reason: &text, error: &text, function, revision, attempts: 5, left_out, limit };
            let list = headers(chunk.event(0), topic, 0, &letter);
            let mut size = FRAMING;
            headers::each(list.as_borrowed(), |name, value| size += headers_size(std::iter::once((name, value))));
            assert!(left_out == LeftOut { value: true, headers: true, key: true } && size < limit, "{size} of {limit}");
        }
    }
}
