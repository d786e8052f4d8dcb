//! Events as JSON lines: `{key, value, headers: [[name, value]…], timestamp, partition}`.
//!
//! Reading: a string is its UTF-8, `{"base64": "…"}` is bytes, null is null, any other JSON is its own text. Writing says
//! the same bytes in the plainest of these that reads back as them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An event on its way in or out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// `None` is null, which is not empty.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; names may repeat, values may be null.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Milliseconds since the epoch; `None`: when it is sent.
    pub timestamp: Option<i64>,
    /// `None`: by the key.
    pub partition: Option<i32>,
}

/// Where an event was found, for those who want that too.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its offset.
    pub offset: i64,
}

/// The object of a line. `offset` is taken and left, so that what `tail` prints can be published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(borrow, default)]
    headers: Option<Vec<(&'a RawValue, &'a RawValue)>>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default)]
    partition: Option<i32>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default, rename = "offset")]
    _offset: Option<i64>,
}

/// Tells a null that is there from nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base64 {
    base64: String,
}

/// Reads a line, whatever topic it names.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn decode(line: &str) -> Result<Event, String> {
    decode_with_topic(line).map(|(event, _)| event)
}

/// Reads a line, with the topic if it names one.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn decode_with_topic(line: &str) -> Result<(Event, Option<String>), String> {
    let is_object = line.trim_start().starts_with('{');
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| describe(&error))?;
    if !is_object {
        // Fields in order would be read, too, and nobody means that.
        return Err("not an event: write an object, {\"key\": …, \"value\": …}".to_owned());
    }
    let value = line.value.ok_or("there is no `value`; write `\"value\": null` for a tombstone")?;
    let mut headers = Vec::new();
    for (name, value) in line.headers.into_iter().flatten() {
        let name = bytes(name, "a header's name")?.ok_or("a header's name is null; write a string")?;
        if name.contains(&0) {
            return Err("a header's name has a zero byte, which Kafka's clients can't send".to_owned());
        }
        headers.push((name, bytes(value, "a header's value")?));
    }
    if let Some(partition) = line.partition.filter(|partition| *partition < 0) {
        return Err(format!("`partition` is {partition}; write a number from 0, or leave it out"));
    }
    if let Some(timestamp) = line.timestamp.filter(|timestamp| *timestamp < 0) {
        return Err(format!("`timestamp` is {timestamp}; write milliseconds since 1970, or leave it out"));
    }
    let key = line.key.map_or(Ok(None), |key| bytes(key, "`key`"))?;
    let value = bytes(value, "`value`")?;
    Ok((Event { key, value, headers, timestamp: line.timestamp, partition: line.partition }, line.topic))
}

/// The line is known to the reader by its number: only the column says more.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let kind = if error.is_data() { "not an event" } else { "not JSON" };
    format!("{kind} (column {}): {text}", error.column())
}

fn bytes(raw: &RawValue, what: &str) -> Result<Option<Vec<u8>>, String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => match serde_json::from_str::<String>(text) {
            Ok(text) => Ok(Some(text.into_bytes())),
            Err(error) => Err(format!("{what}: {}", describe(&error))),
        },
        _ => match as_base64(text) {
            Some(encoded) => match STANDARD.decode(encoded) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) => Err(format!("{what}: `base64` does not decode: {error}")),
            },
            None => Ok(Some(text.as_bytes().to_vec())),
        },
    }
}

fn as_base64(text: &str) -> Option<String> {
    // A glance first: most objects are large and are none.
    if !text.starts_with('{') || !text[1..].trim_start().starts_with('"') {
        return None;
    }
    serde_json::from_str::<Base64>(text).ok().map(|object| object.base64)
}

/// Writes a line, without its end.
pub fn encode(event: &Event, place: Option<Place<'_>>) -> String {
    let mut line = String::from("{");
    if let Some(place) = place {
        line += "\"topic\":";
        line += &string(place.topic);
        line += &format!(",\"offset\":{},", place.offset);
    }
    line += "\"key\":";
    line += &text(event.key.as_deref());
    line += ",\"value\":";
    match event.value.as_deref().and_then(as_json) {
        Some(json) => line += json,
        None => line += &text(event.value.as_deref()),
    }
    line += ",\"headers\":[";
    for (index, (name, value)) in event.headers.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        line += &format!("{comma}[{},{}]", text(Some(name)), text(value.as_deref()));
    }
    line += "]";
    if let Some(timestamp) = event.timestamp {
        line += &format!(",\"timestamp\":{timestamp}");
    }
    if let Some(partition) = event.partition {
        line += &format!(",\"partition\":{partition}");
    }
    line + "}"
}

/// Null, a string, or base64.
fn text(bytes: Option<&[u8]>) -> String {
    match bytes.map(str::from_utf8) {
        None => "null".to_owned(),
        Some(Ok(text)) => string(text),
        Some(Err(_)) => format!("{{\"base64\":\"{}\"}}", STANDARD.encode(bytes.unwrap_or_default())),
    }
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The bytes, if they are JSON that reads back as exactly them: not a string or null, on one line, with no space around.
fn as_json(bytes: &[u8]) -> Option<&str> {
    if matches!(bytes.first()?, b'"' | b'n') || bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return None;
    }
    let text = str::from_utf8(bytes).ok()?;
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    (raw.get() == text && as_base64(text).is_none()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(json: &str) -> Option<Vec<u8>> {
        decode(&format!("{{\"value\": {json}}}")).unwrap().value
    }

    #[test]
    fn json_is_sent_as_it_stands_and_strings_as_their_text() {
        assert_eq!(
            value(r#"{"b": 1.50,  "a": [12345678901234567890]}"#).unwrap(),
            br#"{"b": 1.50,  "a": [12345678901234567890]}"#
        );
        assert_eq!(value(r#""a\n\u00e9""#).unwrap(), "a\né".as_bytes());
        assert_eq!(value(r#"{ "base64": "/wA=" }"#).unwrap(), [0xff, 0]);
        assert_eq!(value("null"), None);
        assert_eq!(value("\"\"").unwrap(), b"");
        assert_eq!(value("true").unwrap(), b"true");
    }

    #[test]
    fn refuses_what_is_no_event_and_says_what_to_write() {
        for (line, expected) in [
            ("", "not JSON (column 0)"),
            ("{\"value\": }", "not JSON (column 11)"),
            ("[1]", "not an event"),
            ("{}", "there is no `value`"),
            ("{\"valeu\": 1, \"value\": 1}", "unknown field `valeu`"),
            ("{\"value\": 1, \"headers\": {\"a\": \"b\"}}", "not an event"),
            ("{\"value\": 1, \"headers\": [[null, \"b\"]]}", "header's name is null"),
            ("{\"value\": 1, \"headers\": [[\"a\\u0000\", \"b\"]]}", "zero byte"),
            ("{\"value\": 1, \"partition\": -1}", "`partition` is -1"),
            ("{\"value\": 1, \"timestamp\": -5}", "`timestamp` is -5"),
            ("{\"value\": 1, \"timestamp\": \"now\"}", "not an event"),
            ("{\"value\": {\"base64\": \"?\"}}", "`value`: `base64` does not decode"),
            ("{\"value\": \"\\ud800\"}", "`value`: not JSON"),
        ] {
            let error = decode(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn prints_the_plainest_form_that_reads_back() {
        let event = |value: &[u8]| encode(&Event { value: Some(value.to_vec()), ..Event::default() }, None);
        assert_eq!(event(b"{\"a\": 1}"), r#"{"key":null,"value":{"a": 1},"headers":[]}"#);
        assert_eq!(event(b"{\"a\":\n1}"), r#"{"key":null,"value":"{\"a\":\n1}","headers":[]}"#);
        assert_eq!(event(b"null"), r#"{"key":null,"value":"null","headers":[]}"#);
        assert_eq!(event(b"\xff"), r#"{"key":null,"value":{"base64":"/w=="},"headers":[]}"#);
        let place = Place { topic: "orders", offset: 7 };
        let event = Event { key: Some(b"17".to_vec()), timestamp: Some(5), partition: Some(0), ..Event::default() };
        let line = r#"{"topic":"orders","offset":7,"key":"17","value":null,"headers":[],"timestamp":5,"partition":0}"#;
        assert_eq!(encode(&event, Some(place)), line);
        assert_eq!(decode(line).unwrap(), event);
    }

    #[test]
    fn deep_json_is_no_danger() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let event = Event { value: Some(deep.into_bytes()), ..Event::default() };
        assert_eq!(decode(&encode(&event, None)), Ok(event));
    }

    /// Bytes, many of which look like the forms that must be told apart.
    fn payload() -> impl Strategy<Value = Option<Vec<u8>>> {
        let forms = vec![
            "null",
            "\"a\"",
            "5",
            " 5",
            "[]",
            "{}",
            "{\"base64\":\"\"}",
            "{ \"base64\" : \"/w==\" }",
            "{\"base64\":1}",
            "{\"a\":\r1}",
            "tru",
            "\"",
            "nul",
            "1e999",
            "-0",
        ];
        prop_oneof![
            Just(None),
            any::<Vec<u8>>().prop_map(Some),
            any::<String>().prop_map(|text| Some(text.into_bytes())),
            prop::sample::select(forms).prop_map(|text| Some(text.as_bytes().to_vec())),
        ]
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![prop::collection::vec(1..=255u8, 0..6), "[a-z-]{0,6}".prop_map(String::into_bytes)]
    }

    proptest! {
        #[test]
        fn every_event_reads_back_as_itself(
            key in payload(),
            value in payload(),
            headers in prop::collection::vec((name(), payload()), 0..4),
            timestamp in prop::option::of(0..i64::MAX),
            partition in prop::option::of(0..i32::MAX),
        ) {
            let event = Event { key, value, headers, timestamp, partition };
            let line = encode(&event, None);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(decode(&line), Ok(event.clone()));
            prop_assert_eq!(decode(&encode(&event, Some(Place { topic: "t", offset: 0 }))), Ok(event));
        }

        #[test]
        fn arbitrary_lines_are_read_or_refused(line in any::<String>()) {
            let _ = decode(&line);
            let _ = decode(&format!("{{\"value\":{line}}}"));
        }
    }
}
