//! The records of the control topic, and what they come to. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What operators want of a binding: the value of the record whose key is its group. Fields of a later version are
/// passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// It begins nothing until it is resumed.
    pub paused: bool,
    /// Lanes that stopped before then go on; milliseconds since the epoch.
    pub resumed_at: Option<u64>,
    /// Partitions that go on elsewhere, each one once.
    pub seeks: Vec<Seek>,
}

/// A partition that goes back to an earlier offset, or passes over events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seek {
    /// Tells it from earlier ones.
    pub id: String,
    /// Topic of the partition.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// Where it goes on.
    pub offset: i64,
    /// Events from here on that were done before stay done; `None`: all are handled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// The value of a record by which a worker says that a partition has gone back.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    seek: String,
}

/// A record to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The later of two records with the same key counts.
    pub key: String,
    /// JSON.
    pub value: String,
}

impl Seek {
    /// Whether the partition passes over what comes before the offset: all that was done from there on stays done.
    pub fn is_skip(&self) -> bool {
        self.until == Some(self.offset)
    }
}

impl Record {
    /// What operators want of a group from now on.
    pub fn wish(group: &str, wish: &Wish) -> Self {
        Self { key: group.to_owned(), value: serde_json::to_string(wish).expect("plain data") }
    }

    /// The seek is done.
    pub fn done(group: &str, seek: &Seek) -> Self {
        let key = serde_json::to_string(&(group, &seek.topic, seek.partition)).expect("plain data");
        Self { key, value: serde_json::to_string(&Done { seek: seek.id.clone() }).expect("plain data") }
    }
}

/// All records so far.
#[derive(Debug, Default)]
pub struct Board {
    wishes: BTreeMap<String, Wish>,
    /// The last seek that was done, by group, topic and partition.
    done: BTreeMap<(String, String, i32), String>,
}

impl Board {
    /// Takes in a record.
    ///
    /// # Errors
    /// It is none of ours; all stays as it was.
    pub fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let key = str::from_utf8(key).map_err(|error| format!("key: {error}"))?;
        // A group's name is no JSON list of such a kind, or it is nobody's who can be helped.
        if let Ok(place) = serde_json::from_str::<(String, String, i32)>(key) {
            match value {
                None => drop(self.done.remove(&place)),
                Some(value) => {
                    let done: Done = serde_json::from_slice(value).map_err(|error| format!("{key}: {error}"))?;
                    self.done.insert(place, done.seek);
                }
            }
            return Ok(());
        }
        match value {
            None => drop(self.wishes.remove(key)),
            Some(value) => {
                let wish = serde_json::from_slice(value).map_err(|error| format!("{key}: {error}"))?;
                self.wishes.insert(key.to_owned(), wish);
            }
        }
        Ok(())
    }

    /// What is wanted of a group.
    pub fn wish(&self, group: &str) -> Wish {
        self.wishes.get(group).cloned().unwrap_or_default()
    }

    /// Seeks of a group that no worker has done yet.
    pub fn pending<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Seek> {
        let seeks = self.wishes.get(group).map_or(&[][..], |wish| &wish.seeks);
        seeks.iter().filter(move |seek| {
            let place = (group.to_owned(), seek.topic.clone(), seek.partition);
            self.done.get(&place) != Some(&seek.id)
        })
    }
}

/// The control topic of an application.
pub fn topic(application: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let clean: String = application.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    format!("veltrix.control.{clean}").chars().take(249).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seek(id: &str, partition: i32) -> Seek {
        Seek { id: id.into(), topic: "t".into(), partition, offset: 7, until: None }
    }

    fn take(board: &mut Board, record: &Record) {
        board.take(record.key.as_bytes(), Some(record.value.as_bytes())).unwrap();
    }

    #[test]
    fn the_last_wish_counts_and_a_tombstone_takes_it_back() {
        let mut board = Board::default();
        assert_eq!(board.wish("g"), Wish::default());
        take(&mut board, &Record::wish("g", &Wish { paused: true, ..Wish::default() }));
        take(&mut board, &Record::wish("h", &Wish::default()));
        assert!(board.wish("g").paused && !board.wish("h").paused);
        take(&mut board, &Record::wish("g", &Wish { resumed_at: Some(9), ..Wish::default() }));
        assert_eq!((board.wish("g").paused, board.wish("g").resumed_at), (false, Some(9)));
        board.take(b"g", None).unwrap();
        assert_eq!(board.wish("g"), Wish::default());
    }

    #[test]
    fn each_seek_is_done_once() {
        let mut board = Board::default();
        take(&mut board, &Record::wish("g", &Wish { seeks: vec![seek("a", 0), seek("a", 1)], ..Wish::default() }));
        take(&mut board, &Record::done("g", &seek("a", 0)));
        assert_eq!(board.pending("g").map(|s| s.partition).collect::<Vec<_>>(), [1]);
        assert_eq!(board.pending("other").count(), 0);
        take(&mut board, &Record::wish("g", &Wish { seeks: vec![seek("b", 0)], ..Wish::default() }));
        assert_eq!(board.pending("g").map(|s| s.id.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn records_of_others_change_nothing_and_later_fields_are_passed_over() {
        let mut board = Board::default();
        take(&mut board, &Record::wish("g", &Wish { paused: true, ..Wish::default() }));
        assert!(board.take(b"g", Some(b"pause please")).is_err());
        assert!(board.take(b"\xff", Some(b"{}")).is_err());
        assert!(board.wish("g").paused);
        board.take(b"g", Some(br#"{"paused": true, "colour": "red"}"#)).unwrap();
        assert!(board.wish("g").paused);
    }

    #[test]
    fn topics_have_names_that_kafka_takes() {
        assert_eq!(topic("shop"), "veltrix.control.shop");
        assert_eq!(topic("shöp a/b"), "veltrix.control.sh_p_a_b");
        assert_eq!(topic(&"x".repeat(300)).len(), 249);
    }
}
