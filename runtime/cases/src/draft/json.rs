//! Cases in lines of JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Draft, Place, Section, text_of, unknown};
use crate::problem::Problems;

/// The fields of an object in their order, each value as it is written.
#[derive(Debug)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The fields of the object in a line.
pub(crate) fn fields(line: &str) -> Result<Vec<(String, Box<RawValue>)>, String> {
    let Fields(fields) = serde_json::from_str(line).map_err(|error| told(&error))?;
    for (index, (key, _)) in fields.iter().enumerate() {
        if fields[..index].iter().any(|(other, _)| other == key) {
            return Err(format!("`{key}` is there twice"));
        }
    }
    Ok(fields)
}

/// Reads a table of cases: an object a line.
pub(crate) fn read(file: &Path, prefix: &str, problems: &mut Problems) -> Vec<Draft> {
    let Some(text) = text_of(file, problems) else { return Vec::new() };
    let mut drafts = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match case(file, number, line, problems) {
            Ok(draft) => drafts.push(Draft { name: format!("{prefix}/{}", draft.name), ..draft }),
            Err(problem) => problems.add(file, number, problem),
        }
    }
    if text.trim().is_empty() {
        problems.add(file, 0, "no case in it; write one a line, {\"name\": …, \"in\": […], \"out\": […]}");
    }
    drafts
}

fn case(file: &Path, number: usize, line: &str, problems: &mut Problems) -> Result<Draft, String> {
    let mut draft = Draft { file: file.to_owned(), line: number, ..Draft::default() };
    draft.place = Place::Json { file: file.to_owned(), line: number };
    let list = |raw: &RawValue, key: &str| {
        let items: Vec<Box<RawValue>> = value(raw, key, "a list of objects")?;
        let lines = items.iter().map(|item| (number, item.get().to_owned())).collect();
        Ok::<_, String>(Some(Section { file: file.to_owned(), lines }))
    };
    for (key, raw) in fields(line)? {
        match key.as_str() {
            "name" => draft.name = value(&raw, "name", "a string")?,
            "about" => _ = value::<String>(&raw, "about", "a string")?,
            "binding" => draft.binding = Some((number, value(&raw, "binding", "a string")?)),
            "clock" => draft.clock = Some((number, value(&raw, "clock", "a string")?)),
            "vars" => draft.vars = value::<BTreeMap<_, _>>(&raw, "vars", "an object of strings")?,
            "secrets" => draft.secrets = value::<BTreeMap<_, _>>(&raw, "secrets", "an object of strings")?,
            "in" => draft.events = list(&raw, "in")?,
            "rows" => draft.rows = list(&raw, "rows")?,
            "cql" => {
                let text: String = value(&raw, "cql", "a string")?;
                let lines = text.lines().map(|line| (number, line.to_owned())).collect();
                draft.cql = Some(Section { file: file.to_owned(), lines });
            }
            "out" => draft.out = list(&raw, "out")?,
            other => problems.add(file, number, unknown(other)),
        }
    }
    if draft.name.is_empty() || draft.name.contains(['/', '\n']) {
        return Err("a case has a `name`, some words without `/`".to_owned());
    }
    Ok(draft)
}

fn value<T: DeserializeOwned>(raw: &RawValue, key: &str, what: &str) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|_| format!("`{key}` must be {what}"))
}

/// Without the line, which is always the first.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    format!("not an object of JSON (column {}): {text}", error.column())
}
