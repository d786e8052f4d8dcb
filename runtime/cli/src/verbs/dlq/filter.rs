//! Which dead letters are meant.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use veltrix_host::dead_letter::Letter;
use veltrix_manifest::parse_time;

use crate::args::topic;

/// All that is named must hold.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filter {
    /// Letters of this function
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// Letters with this reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Events of this time or later, such as 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<i64>,
    /// Events before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<i64>,
    /// Events with this key, as text
    #[arg(long, value_name = "TEXT", conflicts_with = "key_base64")]
    key: Option<String>,
    /// Events with this key, as base64
    #[arg(long, value_name = "BASE64", value_parser = bytes)]
    key_base64: Option<Bytes>,
    /// Events that came from this topic
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    source: Option<String>,
    /// Events that came from this partition of their topic
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Events that had this offset in their topic, or one of these (both ends included)
    #[arg(long, value_name = "N[-M]")]
    offset: Option<Span>,
    /// This letter, by where it lies itself; may be repeated
    #[arg(long = "letter", value_name = "PARTITION:OFFSET")]
    letters: Vec<Place>,
}

/// Bytes of an argument.
#[derive(Debug, Clone)]
struct Bytes(Vec<u8>);

fn bytes(text: &str) -> Result<Bytes, String> {
    STANDARD.decode(text).map(Bytes).map_err(|error| format!("not base64: {error}"))
}

/// Offsets, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<i64>().ok().filter(|n| *n >= 0);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err("write an offset, or two such as 17-25".to_owned()),
        }
    }
}

/// Where a letter lies in its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.split_once(':').and_then(|(partition, offset)| {
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            (partition >= 0 && offset >= 0).then_some(Self { partition, offset })
        });
        place.ok_or_else(|| "write PARTITION:OFFSET as `veltrix dlq list` shows it, such as 0:17".to_owned())
    }
}

impl Filter {
    /// Whether it takes the letter that lies there.
    pub(crate) fn takes(&self, place: Place, letter: &Letter, key: Option<&[u8]>) -> bool {
        let wanted_key = self.key.as_ref().map(String::as_bytes).or(self.key_base64.as_ref().map(|b| &b.0[..]));
        self.function.as_ref().is_none_or(|name| *name == letter.function)
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.from.is_none_or(|from| letter.timestamp >= from)
            && self.to.is_none_or(|to| letter.timestamp < to)
            && wanted_key.is_none_or(|wanted| key == Some(wanted))
            && self.source.as_ref().is_none_or(|topic| *topic == letter.topic)
            && self.partition.is_none_or(|partition| partition == letter.partition)
            && self.offset.is_none_or(|span| (span.first..=span.last).contains(&letter.offset))
            && (self.letters.is_empty() || self.letters.contains(&place))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use veltrix_host::dead_letter::LeftOut;

    use super::*;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        filter: Filter,
    }

    fn filter(arguments: &[&str]) -> Result<Filter, clap::Error> {
        Command::try_parse_from([&["test"], arguments].concat()).map(|command| command.filter)
    }

    fn letter() -> Letter {
        Letter {
            reason: "trap".into(),
            error: String::new(),
            function: "stock".into(),
            revision: String::new(),
            topic: "orders".into(),
            partition: 3,
            offset: 17,
            timestamp: 1_700_000_000_000,
            attempts: 5,
            left_out: LeftOut::default(),
        }
    }

    #[test]
    fn all_that_is_named_must_hold() {
        let place = Place { partition: 0, offset: 4 };
        for (arguments, taken) in [
            (&[][..], true),
            (&["--function", "stock", "--reason", "trap"], true),
            (&["--function", "stock", "--reason", "cpu"], false),
            (&["--from", "2023-11-14T22:13:20Z", "--to", "2023-11-14T22:13:20.001Z"], true),
            (&["--to", "2023-11-14T22:13:20Z"], false),
            (&["--from", "2023-11-14T23:13:21+01:00"], false),
            (&["--key", "k"], true),
            (&["--key-base64", "aw=="], true),
            (&["--key", ""], false),
            (&["--source", "orders", "--partition", "3", "--offset", "17"], true),
            (&["--offset", "10-17"], true),
            (&["--offset", "18-20"], false),
            (&["--partition", "0"], false),
            (&["--letter", "0:5", "--letter", "0:4"], true),
            (&["--letter", "1:4"], false),
        ] {
            assert_eq!(filter(arguments).unwrap().takes(place, &letter(), Some(b"k")), taken, "{arguments:?}");
        }
        assert!(!filter(&["--key", ""]).unwrap().takes(place, &letter(), None), "null is not empty");
    }

    #[test]
    fn what_can_not_be_read_says_what_to_write() {
        for (arguments, told) in [
            (&["--from", "yesterday"][..], "2026-01-31T08:00:00Z"),
            (&["--to", "2026-01-31"], "2026-01-31T08:00:00Z"),
            (&["--offset", "9-3"], "17-25"),
            (&["--offset=-3"], "17-25"),
            (&["--letter", "17"], "PARTITION:OFFSET"),
            (&["--key-base64", "?"], "not base64"),
            (&["--key", "a", "--key-base64", "YQ=="], "cannot be used with"),
            (&["--source", "a b"], "a topic's name"),
        ] {
            let error = filter(arguments).unwrap_err().to_string();
            assert!(error.contains(told), "{arguments:?}: {error}");
        }
    }
}
