//! What is expected and what came out, as records that can be compared and shown.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use veltrix_host::jsonl::Event;

/// Stands for any value.
pub(crate) const ANY: &str = "<any>";
/// Longer ones are shown over several lines.
const LINE: usize = 110;

/// Fields in the order in which they are written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record(pub(crate) Vec<(&'static str, Value)>);

/// A row; columns that are null are not in it.
pub(crate) type Row = Map<String, Value>;

/// The verdict on an event, after its last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) word: String,
    /// Of an expectation `None` if it does not matter.
    pub(crate) attempts: Option<u32>,
    /// What was said of a failure; likewise.
    pub(crate) message: Option<String>,
}

/// An emitted event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emit {
    pub(crate) topic: String,
    pub(crate) event: Event,
}

/// A line of log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Log {
    /// Which event in, from 1.
    pub(crate) event: Option<usize>,
    pub(crate) level: String,
    pub(crate) message: String,
    pub(crate) fields: Map<String, Value>,
}

impl Record {
    pub(crate) fn verdict(Verdict { word, attempts, message }: &Verdict) -> Self {
        let mut fields = vec![("verdict", json!(word))];
        fields.extend(attempts.map(|attempts| ("attempts", json!(attempts))));
        fields.extend(message.as_ref().map(|message| ("message", json!(message))));
        Self(fields)
    }

    pub(crate) fn emit(Emit { topic, event }: &Emit) -> Self {
        let value = event.value.as_deref().map_or(Value::Null, payload);
        let mut fields = vec![("emit", json!(topic)), ("key", text(event.key.as_deref())), ("value", value)];
        if !event.headers.is_empty() {
            let pair = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| json!([text(Some(name)), text(value.as_deref())]);
            fields.push(("headers", event.headers.iter().map(pair).collect()));
        }
        fields.extend(event.partition.map(|partition| ("partition", json!(partition))));
        fields.extend(event.timestamp.map(|timestamp| ("timestamp", json!(timestamp))));
        Self(fields)
    }

    pub(crate) fn row(table: &str, row: &Row) -> Self {
        Self(vec![("table", json!(table)), ("row", Value::Object(row.clone()))])
    }

    pub(crate) fn log(Log { event, level, message, fields: named }: &Log) -> Self {
        let mut fields = vec![("log", json!(level)), ("message", json!(message))];
        if !named.is_empty() {
            fields.push(("fields", Value::Object(named.clone())));
        }
        fields.extend(event.map(|event| ("event", json!(event))));
        Self(fields)
    }

    /// Takes over, where this stands for any value, what the other has.
    pub(crate) fn filled_from(&self, other: &Self) -> Self {
        let find = |name: &str| other.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        Self(
            self.0
                .iter()
                .map(|(name, value)| (*name, find(name).map_or(value.clone(), |other| fill(value, other))))
                .collect(),
        )
    }

    /// On one line, or if that is long on several.
    pub(crate) fn show(&self) -> String {
        let line = self.line();
        if line.chars().count() <= LINE {
            return line;
        }
        let mut shown = "{".to_owned();
        for (index, (name, value)) in self.0.iter().enumerate() {
            let value = serde_json::to_string_pretty(&sorted(value)).unwrap_or_default().replace('\n', "\n  ");
            shown += if index > 0 { "," } else { "" };
            shown += &format!("\n  \"{name}\": {value}");
        }
        shown + "\n}"
    }

    /// On one line.
    pub(crate) fn line(&self) -> String {
        let field = |(name, value): &(&str, Value)| format!("\"{name}\": {}", spaced(&sorted(value)));
        format!("{{{}}}", self.0.iter().map(field).collect::<Vec<_>>().join(", "))
    }
}

/// With a space behind each colon and comma, as people write it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{}: {}", json!(name), spaced(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The order of fields says nothing.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.clone(), sorted(value))).collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn fill(expected: &Value, actual: &Value) -> Value {
    match (expected, actual) {
        (Value::String(any), actual) if any == ANY && !actual.is_null() => actual.clone(),
        (Value::Object(expected), Value::Object(actual)) => {
            let fill = |(name, value): (&String, &Value)| {
                (name.clone(), actual.get(name).map_or_else(|| value.clone(), |actual| fill(value, actual)))
            };
            Value::Object(expected.iter().map(fill).collect())
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            expected.iter().zip(actual).map(|(expected, actual)| fill(expected, actual)).collect()
        }
        _ => expected.clone(),
    }
}

/// Bytes as JSON if they are some, else as text.
fn payload(bytes: &[u8]) -> Value {
    match bytes.first() {
        // A string of JSON is not the text that it stands for.
        Some(b'"' | b'n') | None => text(Some(bytes)),
        Some(_) => serde_json::from_slice(bytes).unwrap_or_else(|_| text(Some(bytes))),
    }
}

/// Null, a string, or base64.
fn text(bytes: Option<&[u8]>) -> Value {
    match bytes.map(std::str::from_utf8) {
        None => Value::Null,
        Some(Ok(text)) => json!(text),
        Some(Err(_)) => json!({ "base64": STANDARD.encode(bytes.unwrap_or_default()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(value: &str) -> Record {
        let event = Event { value: Some(value.as_bytes().to_vec()), ..Event::default() };
        Record::emit(&Emit { topic: "t".to_owned(), event })
    }

    #[test]
    fn values_of_json_are_compared_as_json_and_others_as_text() {
        assert_eq!(emit(r#"{"b": 1.50, "a": [ ]}"#), emit(r#"{"a":[],"b":1.5}"#));
        assert_eq!(emit(r#"{"b": 1.50, "a": [ ]}"#).show(), emit(r#"{"a":[],"b":1.5}"#).show());
        assert_ne!(emit(r#""a""#), emit("a"));
        assert_ne!(emit("[1,2]"), emit("[2,1]"));
        let null = Record::emit(&Emit { topic: "t".to_owned(), event: Event::default() });
        assert_ne!(emit("null"), null, "a tombstone is not the text");
    }

    #[test]
    fn any_stands_for_each_value_but_for_none() {
        let expected = emit(r#"{"id": "<any>", "n": ["<any>", 2], "x": 1}"#);
        let actual = emit(r#"{"id": {"a": 7}, "n": [5, 2], "x": 1}"#);
        assert_eq!(expected.filled_from(&actual), actual);
        for other in
            [r#"{"n": [5, 2], "x": 1}"#, r#"{"id": null, "n": [5, 2], "x": 1}"#, r#"{"id": 1, "n": [5], "x": 1}"#]
        {
            let other = emit(other);
            assert_ne!(expected.filled_from(&other), other);
        }
    }
}
