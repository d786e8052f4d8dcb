//! Where a replay begins or ends.

use std::collections::BTreeMap;
use std::str::FromStr;

use veltrix_manifest::{is_topic_name, parse_time};

use crate::failure::Failure;
use crate::verbs::log::Log;

/// A place in every partition, or in some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The log start.
    Earliest,
    /// Where the log ends now.
    End,
    /// The first event that is at least as young.
    Time(i64),
    /// This offset, in every partition.
    Offset(i64),
    /// Offsets of some partitions.
    Each(Vec<Each>),
}

/// An offset of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Each {
    /// `None`: of the only topic there is.
    topic: Option<String>,
    partition: i32,
    offset: i64,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "end" {
            return Ok(Self::End);
        }
        if let Ok(offset) = text.parse::<i64>() {
            return if offset >= 0 { Ok(Self::Offset(offset)) } else { Err("offsets begin at 0".to_owned()) };
        }
        if let Ok(time) = parse_time(text) {
            return Ok(Self::Time(time));
        }
        text.split(',').map(each).collect::<Option<_>>().map(Self::Each).ok_or_else(|| {
            "write an offset (120), offsets of partitions (0:120,1:80 or orders/0:120), an RFC 3339 time \
             (2026-01-31T08:00:00Z) or `end`"
                .to_owned()
        })
    }
}

fn each(text: &str) -> Option<Each> {
    let (place, offset) = text.trim().rsplit_once(':')?;
    let (topic, partition) = match place.rsplit_once('/') {
        Some((topic, partition)) if is_topic_name(topic) => (Some(topic.to_owned()), partition),
        Some(_) => return None,
        None => (None, place),
    };
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    Some(Each { topic, partition: i32::try_from(number(partition)?).ok()?, offset: number(offset)? })
}

impl Place {
    /// The offset in each partition of a topic that is meant; `flag` is how it was asked for.
    pub(crate) fn of(&self, log: &Log<'_>, only: bool, flag: &str) -> Result<BTreeMap<i32, i64>, Failure> {
        match self {
            Self::Earliest => Ok(log.ends.iter().map(|(partition, (start, _))| (*partition, *start)).collect()),
            Self::End => Ok(log.ends.iter().map(|(partition, (_, end))| (*partition, *end)).collect()),
            Self::Time(millis) => log.at_time(*millis),
            Self::Offset(offset) => {
                log.ends.keys().map(|p| within(log.topic, &log.ends, *p, *offset, flag).map(|o| (*p, o))).collect()
            }
            Self::Each(places) => {
                let mut found = BTreeMap::new();
                for place in places {
                    match &place.topic {
                        None if !only => {
                            let (partition, offset) = (place.partition, place.offset);
                            return Err(Failure::usage(format!(
                                "the binding has several topics: write {flag} TOPIC/{partition}:{offset}, such as {}/{partition}:{offset}",
                                log.topic
                            )));
                        }
                        Some(topic) if topic != log.topic => {}
                        Some(_) | None => {
                            let offset = within(log.topic, &log.ends, place.partition, place.offset, flag)?;
                            found.insert(place.partition, offset);
                        }
                    }
                }
                Ok(found)
            }
        }
    }

    /// Topics that it names.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        let places = if let Self::Each(places) = self { &places[..] } else { &[] };
        places.iter().filter_map(|place| place.topic.as_deref())
    }
}

/// The offset, if the partition reaches from there to its end.
fn within(
    topic: &str,
    ends: &BTreeMap<i32, (i64, i64)>,
    partition: i32,
    offset: i64,
    flag: &str,
) -> Result<i64, Failure> {
    let Some(&(start, end)) = ends.get(&partition) else {
        let count = ends.len();
        return Err(Failure::usage(format!("there is no partition {partition} of {topic}: it has {count}, from 0")));
    };
    if (start..=end).contains(&offset) {
        return Ok(offset);
    }
    let nearest = if offset < start { start } else { end };
    Err(Failure::usage(format!(
        "offset {offset} is not in {topic}/{partition}, which holds {start} to {end} (its end): write {flag} {partition}:{nearest}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        let each = |topic: Option<&str>, partition, offset| Each { topic: topic.map(str::to_owned), partition, offset };
        assert_eq!("120".parse(), Ok(Place::Offset(120)));
        assert_eq!("end".parse(), Ok(Place::End));
        assert_eq!("2023-11-14T22:13:20Z".parse(), Ok(Place::Time(1_700_000_000_000)));
        assert_eq!("0:120, 1:80".parse(), Ok(Place::Each(vec![each(None, 0, 120), each(None, 1, 80)])));
        assert_eq!("a.b/3:0".parse(), Ok(Place::Each(vec![each(Some("a.b"), 3, 0)])));
        for wrong in ["", "yesterday", "0:", ":5", "-1", "0:-1", "a b/0:1", "0:1,", "2026-01-31"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_partition_does_not_hold_is_refused_with_what_to_write() {
        let ends = BTreeMap::from([(0, (5, 99))]);
        let told = |partition, offset| match within("orders", &ends, partition, offset, "--from") {
            Err(Failure::Usage(error)) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(within("orders", &ends, 0, 99, "--from").unwrap(), 99);
        assert_eq!(told(0, 100), "offset 100 is not in orders/0, which holds 5 to 99 (its end): write --from 0:99");
        assert!(told(0, 4).ends_with("write --from 0:5"));
        assert_eq!(told(7, 1), "there is no partition 7 of orders: it has 1, from 0");
    }
}
