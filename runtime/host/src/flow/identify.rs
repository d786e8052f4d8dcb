//! An event's identity: found where the binding says, kept as a keyed hash of 128 bits.
//!
//! Pure but for the key, which is random: nobody outside can make identities that collide.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use veltrix_manifest::DedupeBy;

use crate::event::EventView;

/// The hash of an identity; good within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id(pub u64, pub u64);

/// Where a binding's events have their identity.
#[derive(Debug)]
pub struct Identify {
    by: By,
    /// Has taken in the key.
    keyed: Sha256,
}

#[derive(Debug)]
enum By {
    Header(String),
    Key,
    /// The pointer's tokens, unescaped.
    Json(Vec<String>),
}

impl Identify {
    /// With a key of its own.
    pub fn new(by: &DedupeBy) -> Self {
        Self::with_key(by, rand::random())
    }

    fn with_key(by: &DedupeBy, key: [u8; 32]) -> Self {
        let by = match by {
            DedupeBy::Header(name) => By::Header(name.clone()),
            DedupeBy::Key => By::Key,
            DedupeBy::Json(pointer) => {
                let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
                By::Json(pointer.split('/').skip(1).map(unescape).collect())
            }
        };
        Self { by, keyed: Sha256::new().chain_update(key) }
    }

    /// The identity of an event; `None`: it has none, and is no copy of anything.
    pub fn of(&self, event: EventView<'_>) -> Option<Id> {
        match &self.by {
            By::Header(name) => self.hash(b's', event.header(name)?),
            By::Key => self.hash(b's', event.key()?),
            By::Json(tokens) => self.json(tokens, event.value()?),
        }
    }

    /// Nothing says nothing: an empty identity is none.
    fn hash(&self, kind: u8, bytes: &[u8]) -> Option<Id> {
        if bytes.is_empty() {
            return None;
        }
        let digest = self.keyed.clone().chain_update([kind]).chain_update(bytes).finalize();
        let half = |at: usize| u64::from_le_bytes(digest[at..at + 8].try_into().expect("8 bytes"));
        Some(Id(half(0), half(8)))
    }

    fn json(&self, tokens: &[String], bytes: &[u8]) -> Option<Id> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let found = At(tokens).deserialize(&mut json).ok()??.get();
        json.end().ok()?;
        match found.as_bytes()[0] {
            b'"' if found.contains('\\') => self.hash(b's', serde_json::from_str::<String>(found).ok()?.as_bytes()),
            b'"' => self.hash(b's', &found.as_bytes()[1..found.len() - 1]),
            // As written: 1 and 1.0 are different identities.
            b'-' | b'0'..=b'9' => self.hash(b'n', found.as_bytes()),
            b't' | b'f' => self.hash(b'b', found.as_bytes()),
            _ => None,
        }
    }
}

/// Finds the value at a pointer; the rest is only checked. Of a name that is there twice, the last counts.
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() { Deserialize::deserialize(json).map(Some) } else { json.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is) = map.next_key_seed(Is(&self.0[0]))? {
            match is {
                true => found = map.next_value_seed(At(&self.0[1..]))?,
                false => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let digits = self.0[0].bytes().all(|b| b.is_ascii_digit()) && (self.0[0] == "0" || !self.0[0].starts_with('0'));
        let wanted = self.0[0].parse::<usize>().ok().filter(|_| digits);
        let mut found = None;
        for index in 0.. {
            let next = match wanted == Some(index) {
                true => list.next_element_seed(At(&self.0[1..]))?.map(|element| found = element),
                false => list.next_element::<IgnoredAny>()?.map(drop),
            };
            if next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether a name is this one.
struct Is<'p>(&'p str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Chunk;
    use proptest::prelude::*;
    use veltrix_manifest::Ordering;

    fn id(by: &DedupeBy, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> Option<Id> {
        let mut chunk = Chunk::new("t".into(), 0);
        chunk.push(0, 0, key, value, Ordering::Key);
        headers.iter().for_each(|(name, value)| chunk.push_header(name.as_bytes(), *value));
        Identify::with_key(by, [7; 32]).of(chunk.event(0))
    }

    fn json(pointer: &str, value: &str) -> Option<Id> {
        id(&DedupeBy::Json(pointer.into()), None, Some(value.as_bytes()), &[])
    }

    #[test]
    fn an_absent_null_or_empty_identity_is_none() {
        let header = DedupeBy::Header("id".into());
        assert_eq!(id(&header, Some(b"k"), Some(b"v"), &[("ID", Some(b"1"))]), None);
        assert_eq!(id(&header, None, None, &[("id", Some(b"1")), ("id", None)]), None, "the last one counts");
        assert_eq!(id(&header, None, None, &[("id", Some(b""))]), None);
        assert_eq!(id(&DedupeBy::Key, None, None, &[]), None);
        assert_eq!(id(&DedupeBy::Key, Some(b""), None, &[]), None);
        assert!(id(&header, None, None, &[("id", None), ("id", Some(b"\xff"))]).is_some());
        assert!(id(&DedupeBy::Key, Some(b"k"), None, &[]).is_some());
    }

    #[test]
    fn a_pointer_finds_plain_values_alone() {
        for value in [
            "",
            "x",
            "1",
            "null",
            "[]",
            "{}",
            "{\"a\":1}",
            "{\"id\":null}",
            "{\"id\":\"\"}",
            "{\"id\":{}}",
            "{\"id\":[1]}",
            "{\"id\":1} x",
            "{\"id\":1",
            "\u{0}",
        ] {
            assert_eq!(json("/id", value), None, "{value}");
        }
        let one = json("/id", "{\"id\":1}");
        assert!(one.is_some());
        assert_eq!(json("/id", " {\"b\": [{\"id\": 2}], \"id\" : 1 , \"c\": {}} "), one);
        assert_eq!(json("/id", "{\"id\":5,\"id\":1}"), one, "the last one counts");
        assert_eq!(json("/a/0/id", "{\"a\":[{\"id\":1}]}"), one);
        assert_eq!(json("/a~1b/~0", "{\"a/b\":{\"~\":1}}"), one);
        assert_eq!(json("/a/00", "{\"a\":[1]}"), None);
        assert_eq!(json("/a/1", "{\"a\":[1]}"), None);
        assert_ne!(json("/id", "{\"id\":\"1\"}"), one, "a text is no number");
        assert_ne!(json("/id", "{\"id\":1.0}"), one);
        assert_eq!(json("/id", r#"{"id":"a\u0062"}"#), json("/id", r#"{"id":"ab"}"#));
        assert!(json("/id", "{\"id\":true}").is_some());
    }

    #[test]
    fn another_process_has_other_hashes() {
        let mut chunk = Chunk::new("t".into(), 0);
        chunk.push(0, 0, Some(b"k"), None, Ordering::Key);
        let [one, other] = [(); 2].map(|()| Identify::new(&DedupeBy::Key).of(chunk.event(0)));
        assert_ne!(one, other);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_identity_or_none(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[\\[\\]{}\":,a1 ]{0,40}") {
            let _ = id(&DedupeBy::Json("/a/1".into()), None, Some(&bytes), &[]);
            let _ = json("/a", &text);
        }
    }
}
