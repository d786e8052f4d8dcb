//! Dead letters: the event byte for byte, and headers that say where it came from and why.

use std::collections::BTreeMap;

use rdkafka::message::OwnedHeaders;

use crate::event::EventView;
use crate::kafka::headers;

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
    /// The event was too large to be a dead letter: its value is at its source alone.
    pub omitted: bool,
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
            omitted: text("value").is_some_and(|value| value == OMITTED),
        })
    }
}

/// Prefix of the headers that a dead letter carries.
pub(crate) const PREFIX: &str = "veltrix-dead-letter-";

/// Says that the value was left out.
const OMITTED: &str = "omitted";

/// Error text beyond this is cut.
const MOST_ERROR: usize = 4_096;

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
    /// It goes without its value.
    pub omitted: bool,
}

/// The dead letter's headers: those of the event, without what an earlier failure added, then ours. An event that was
/// fed again from its dead letter is still the one that it was.
pub(crate) fn headers(event: EventView<'_>, topic: &str, partition: i32, letter: &DeadLetter<'_>) -> OwnedHeaders {
    let mut list = OwnedHeaders::new_with_capacity(event.headers().len() + 9);
    let (topic, partition, offset) =
        event.origin().map_or((topic, partition, event.offset()), |o| (&*o.topic, o.partition, o.offset));
    for (name, value) in event.headers().filter(|(name, _)| !name.starts_with(PREFIX.as_bytes())) {
        headers::push(&mut list, name, value);
    }
    let (offset, timestamp) = (offset.to_string(), event.timestamp().to_string());
    let (partition, attempts) = (partition.to_string(), letter.attempts.to_string());
    let own = [
        ("reason", letter.reason),
        ("error", cut(letter.error, MOST_ERROR)),
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
    if letter.omitted {
        headers::push(&mut list, format!("{PREFIX}value").as_bytes(), Some(OMITTED.as_bytes()));
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
            omitted: false,
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
        let letter = DeadLetter { reason: "r", error: "e", function: "f", revision: "v", attempts: 2, omitted: true };
        let list = headers(chunk.event(0), "t.dead", 0, &letter);
        let mut read = LetterHeaders::default();
        headers::each(list.as_borrowed(), |name, value| assert!(read.take(name, value)));
        let read = read.finish().unwrap();
        assert_eq!((&*read.topic, read.partition, read.offset, read.timestamp), ("t", 3, 17, 99));
        assert_eq!((&*read.reason, &*read.error, read.attempts, read.omitted), ("r", "e", 2, true));
        let mut foreign = LetterHeaders::default();
        assert!(!foreign.take(b"reason", None) && foreign.take(b"veltrix-dead-letter-reason", None));
        assert_eq!(foreign.finish(), None);
    }
}
