//! Writes what came out as what is expected, and nothing else.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compare::Actual;
use crate::draft::{Place, fields};
use crate::expected::{Expected, LEVELS};
use crate::record::{Record, Verdict};

/// The lines of what came out. An expectation that holds stays as it is, if it says more than the value.
pub(crate) fn lines(expected: &Expected, actual: &Actual) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, verdict) in actual.verdicts.iter().enumerate() {
        let was = expected.verdicts.get(index);
        let attempts =
            verdict.attempts.filter(|attempts| *attempts > 1 || was.is_some_and(|was| was.attempts.is_some()));
        let message = verdict.message.clone().filter(|_| was.is_some_and(|was| was.message.is_some()));
        lines.push(Record::verdict(&Verdict { word: verdict.word.clone(), attempts, message }).line());
    }
    let known: Vec<Record> = expected.emits.iter().map(Record::emit).collect();
    let emits = actual.emits.iter().map(|emit| {
        let mut plain = emit.clone();
        // They are compared where they are named.
        plain.event.timestamp = None;
        plain.event.partition = None;
        let (whole, plain) = (Record::emit(emit), Record::emit(&plain));
        let holds = known.iter().find(|known| known.filled_from(&whole) == whole || known.filled_from(&plain) == plain);
        holds.unwrap_or(&plain).line()
    });
    lines.extend(emits);
    for (name, table) in &actual.tables {
        let named = expected.tables.get(name);
        if named.is_none() && table.before == table.after {
            continue;
        }
        let known: Vec<Record> = named.into_iter().flatten().map(|row| Record::row(name, row)).collect();
        let rows = table.after.iter().map(|row| Record::row(name, row));
        lines.extend(rows.map(|row| known.iter().find(|known| known.filled_from(&row) == row).unwrap_or(&row).line()));
        if table.after.is_empty() {
            lines.push(Record(vec![("table", name.as_str().into()), ("row", serde_json::Value::Null)]).line());
        }
    }
    if !expected.logs.is_empty() {
        let mut logs: Vec<_> = actual.logs.iter().filter(|log| LEVELS[2..].contains(&log.level.as_str())).collect();
        logs.sort_by_key(|log| log.event.unwrap_or(usize::MAX));
        lines.extend(logs.into_iter().map(|log| Record::log(log).line()));
    }
    lines
}

/// Writes them to their places.
pub(crate) fn write(updates: Vec<(&Place, Vec<String>)>) -> Result<(), String> {
    let failed = |file: &Path, error: std::io::Error| format!("{} can't be written: {error}", file.display());
    // Of a table, from its end to its beginning, so that places stay where they are.
    let mut toml: BTreeMap<&Path, Vec<_>> = BTreeMap::new();
    let mut json: BTreeMap<&Path, Vec<_>> = BTreeMap::new();
    for (place, lines) in updates {
        match place {
            Place::File(file) => {
                std::fs::write(file, lines.join("\n") + "\n").map_err(|error| failed(file, error))?;
            }
            Place::Toml { file, at } => toml.entry(file).or_default().push((at.clone(), lines)),
            Place::Json { file, line } => json.entry(file).or_default().push((*line, lines)),
        }
    }
    for (file, mut updates) in toml {
        let mut text = std::fs::read_to_string(file).map_err(|error| failed(file, error))?;
        updates.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
        for (at, lines) in updates {
            let value = literal(&lines);
            let value = if at.is_empty() { format!("out = {value}\n") } else { value };
            // The line before may be the file's last, without an end.
            let bare = at.is_empty() && !text[..at.start].is_empty() && !text[..at.start].ends_with('\n');
            text.replace_range(at, &if bare { format!("\n{value}") } else { value });
        }
        std::fs::write(file, text).map_err(|error| failed(file, error))?;
    }
    for (file, updates) in json {
        let text = std::fs::read_to_string(file).map_err(|error| failed(file, error))?;
        let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
        for (line, lines) in updates {
            let Some(written) = all.get_mut(line - 1) else { continue };
            let mut fields: Vec<(String, String)> =
                fields(written)?.into_iter().map(|(key, raw)| (key, raw.get().to_owned())).collect();
            let out = format!("[{}]", lines.join(", "));
            match fields.iter_mut().find(|(key, _)| key == "out") {
                Some((_, value)) => *value = out,
                None => fields.push(("out".to_owned(), out)),
            }
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key.as_str())))
                .collect();
            *written = format!("{{{}}}", fields.join(", "));
        }
        std::fs::write(file, all.join("\n") + "\n").map_err(|error| failed(file, error))?;
    }
    Ok(())
}

/// A string of TOML over several lines.
fn literal(lines: &[String]) -> String {
    let text = lines.join("\n");
    if text.contains("'''") {
        return format!("\"\"\"\n{}\n\"\"\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    format!("'''\n{text}\n'''")
}
