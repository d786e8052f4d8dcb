//! What a case expects: lines of JSON, each a verdict, an emit, a row or a line of log.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use veltrix_host::jsonl;

use crate::draft::{Section, fields};
use crate::problem::Problems;
use crate::record::{Emit, Log, Row, Verdict};

/// Levels of log, by their number.
pub(crate) const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "panic"];

/// All that a case expects.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// None at all: every event is acked.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) emits: Vec<Emit>,
    /// Tables that are compared whole.
    pub(crate) tables: BTreeMap<String, Vec<Row>>,
    /// None at all: they do not matter.
    pub(crate) logs: Vec<Log>,
}

impl Expected {
    /// Reads the lines. `events`: how many go in.
    pub(crate) fn read(section: &Section, events: usize, problems: &mut Problems) -> Self {
        let mut expected = Self::default();
        let mut last = 0;
        for (number, line) in section.said() {
            last = number;
            if let Err(problem) = expected.line(line, events) {
                problems.add(&section.file, number, problem);
            }
        }
        let verdicts = expected.verdicts.len();
        if verdicts > 0 && verdicts != events {
            let message =
                format!("{verdicts} verdicts for {events} events; write one for each, or none if all are acked");
            problems.add(&section.file, last, message);
        }
        expected
    }

    /// Whether nothing is expected.
    pub(crate) fn is_empty(&self) -> bool {
        self.verdicts.is_empty() && self.emits.is_empty() && self.tables.is_empty() && self.logs.is_empty()
    }

    fn line(&mut self, line: &str, events: usize) -> Result<(), String> {
        let named = fields(line)?;
        let raw = |key: &str| named.iter().find(|(known, _)| known == key).map(|(_, raw)| raw.get());
        let only = |known: &[&str]| match named.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(format!("unknown key `{key}` beside `{}`", known[0])),
            None => Ok(()),
        };
        if let Some(word) = raw("verdict") {
            only(&["verdict", "attempts", "message"])?;
            let attempts = raw("attempts").map(|raw| read::<u32>(raw, "attempts", "a number")).transpose()?;
            let message = raw("message").map(|raw| read::<String>(raw, "message", "a string")).transpose()?;
            self.verdicts.push(Verdict { word: verdict(read(word, "verdict", "a string")?)?, attempts, message });
        } else if let Some(topic) = raw("emit") {
            only(&["emit", "key", "value", "headers", "partition", "timestamp"])?;
            let rest = named.iter().filter(|(key, _)| key != "emit");
            let rest: Vec<String> =
                rest.map(|(key, raw)| format!("{}:{}", Value::from(key.as_str()), raw.get())).collect();
            let event = jsonl::decode(&format!("{{{}}}", rest.join(",")))?;
            self.emits.push(Emit { topic: read(topic, "emit", "a topic's name")?, event });
        } else if let Some(table) = raw("table") {
            only(&["table", "row"])?;
            let table: String = read(table, "table", "a table's name")?;
            let row =
                raw("row").ok_or("there is no `row` beside `table`; write its columns, or null for an empty table")?;
            let row: Option<Row> = read(row, "row", "an object of columns, or null for an empty table")?;
            let rows = self.tables.entry(table).or_default();
            rows.extend(row.map(|row| row.into_iter().filter(|(_, value)| !value.is_null()).collect()));
        } else if let Some(level) = raw("log") {
            only(&["log", "message", "fields", "event"])?;
            let level: String = read(level, "log", "a level")?;
            if !LEVELS[2..].contains(&level.as_str()) {
                return Err(format!("`log` is \"{level}\"; write one of {}", LEVELS[2..].join(", ")));
            }
            let message = read(raw("message").ok_or("there is no `message` beside `log`")?, "message", "a string")?;
            let fields = raw("fields").map_or(Ok(Map::new()), |raw| read(raw, "fields", "an object"))?;
            let event = raw("event").map(|raw| read::<usize>(raw, "event", "a number")).transpose()?;
            if event.is_some_and(|event| event == 0 || event > events) {
                return Err(format!("`event` is {}; events are counted from 1 to {events}", event.unwrap_or(0)));
            }
            self.logs.push(Log { event, level, message, fields });
        } else {
            return Err(
                "not an expectation; write {\"verdict\": …}, {\"emit\": …}, {\"table\": …} or {\"log\": …}".to_owned()
            );
        }
        Ok(())
    }
}

fn verdict(word: String) -> Result<String, String> {
    let (kind, reason) = word.split_once(": ").map_or((word.as_str(), None), |(kind, reason)| (kind, Some(reason)));
    match (kind, reason) {
        ("ack" | "skip" | "waiting" | "copy" | "misconfigured", None) | ("dead-letter" | "stopped", _) => Ok(word),
        _ => Err(format!(
            "`verdict` is \"{word}\"; write ack, skip, dead-letter: REASON, stopped: REASON, waiting, copy or misconfigured"
        )),
    }
}

fn read<T: serde::de::DeserializeOwned>(raw: &str, key: &str, what: &str) -> Result<T, String> {
    serde_json::from_str(raw).map_err(|_| format!("`{key}` must be {what}, not {raw}"))
}
