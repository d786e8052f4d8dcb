//! Dead letters: the event byte for byte, and headers that say where it came from and why.

use rdkafka::message::OwnedHeaders;

use crate::event::EventView;
use crate::kafka::headers;

/// Prefix of the headers that a dead letter carries.
pub(crate) const PREFIX: &str = "veltrix-dead-letter-";

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
}

/// The dead letter's headers: those of the event, without what an earlier failure added, then ours.
pub(crate) fn headers(event: EventView<'_>, topic: &str, partition: i32, letter: &DeadLetter<'_>) -> OwnedHeaders {
    let mut list = OwnedHeaders::new_with_capacity(event.headers().len() + 9);
    for (name, value) in event.headers().filter(|(name, _)| !name.starts_with(PREFIX.as_bytes())) {
        headers::push(&mut list, name, value);
    }
    let (offset, timestamp) = (event.offset().to_string(), event.timestamp().to_string());
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
    use crate::event::Chunk;
    use veltrix_manifest::Ordering;

    #[test]
    fn keeps_the_events_headers_and_replaces_those_of_an_earlier_failure() {
        let mut chunk = Chunk::new("t".into(), 3);
        chunk.push(17, 99, Some(b"k"), None, Ordering::Key);
        chunk.push_header(b"a", None);
        chunk.push_header(b"veltrix-dead-letter-reason", Some(b"old"));
        chunk.push_header(b"a", Some(b"\xff"));
        let letter =
            DeadLetter { reason: "trap", error: &"é".repeat(3_000), function: "f", revision: "r", attempts: 5 };
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
}
