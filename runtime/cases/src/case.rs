//! A case, checked against its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use veltrix_host::event::Chunk;
use veltrix_host::jsonl::{self, Event};
use veltrix_host::schema;
use veltrix_host::stage::{Setting, Told};
use veltrix_manifest::{Binding, Manifest, is_pattern, is_topic_name, parse_time};

use crate::draft::{Draft, Place, Section, fields};
use crate::expected::Expected;
use crate::problem::Problems;

/// What a function sees as now unless a case says otherwise: 2026-01-01T00:00:00Z.
const CLOCK: i64 = 1_767_225_600_000;
/// Most partitions of a topic in a case.
const MOST_PARTITIONS: i32 = 100;

/// A case that can run.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Where it is written.
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// Number of its binding in the manifest.
    pub(crate) binding: usize,
    pub(crate) clock: i64,
    vars: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    pub(crate) events: Vec<Input>,
    pub(crate) rows: Vec<RowIn>,
    /// Statements, and the lines where they begin.
    pub(crate) cql: Vec<(usize, String)>,
    pub(crate) expected: Expected,
    pub(crate) place: Place,
}

/// An event that goes in.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) event: Event,
}

/// A row that is there before.
#[derive(Debug)]
pub(crate) struct RowIn {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) table: String,
    /// Columns, with their values in JSON.
    pub(crate) columns: Vec<(String, Box<RawValue>)>,
}

impl Case {
    /// Checks what is written. `update`: expectations need not be there.
    pub(crate) fn read(draft: Draft, manifest: &Manifest, update: bool, problems: &mut Problems) -> Option<Self> {
        let known = problems.0.len();
        let Draft { name, file, line, binding, clock, vars, secrets, events, rows, cql, out, place } = draft;
        let events = match events {
            Some(section) if section.said().next().is_some() => read_events(&section, problems),
            _ => {
                problems.add(&file, line, format!("{name}: no event goes in; write `in`, or the file `in.jsonl`"));
                return None;
            }
        };
        let found = find_binding(&name, binding, (&file, line), &events, manifest, problems)?;
        let binding = &manifest.bindings[found];
        let clock = match clock {
            None => CLOCK,
            Some((line, text)) => read_clock(&text).unwrap_or_else(|| {
                problems.add(&file, line, format!("`clock` is \"{text}\"; write a time such as 2026-01-31T12:00:00Z"));
                CLOCK
            }),
        };
        let events = place_events(events, binding, clock, problems);
        let rows = rows.map_or_else(Vec::new, |section| read_rows(&section, problems));
        let cql = cql.map_or_else(Vec::new, |section| read_cql(&section, problems));
        let silent = out.as_ref().is_none_or(|section| section.said().next().is_none());
        if silent && !update {
            problems.add(
                &file,
                line,
                format!("{name}: expects nothing; write `out`, or have --update write what comes out"),
            );
        }
        // What is there is read also if it is to be replaced: logs that it expects are expected again.
        let mut unread = Problems::default();
        let told = if update { &mut unread } else { &mut *problems };
        let expected = out.map_or_else(Expected::default, |section| Expected::read(&section, events.len(), told));
        let function = &manifest.functions[&binding.function];
        if let Some(stranger) = secrets.keys().find(|secret| !function.secrets.contains_key(*secret)) {
            problems.add(
                &file,
                line,
                format!("{name}: function {} has no secret `{stranger}` in the manifest", binding.function),
            );
        }
        if manifest.cassandra.is_none() && !(rows.is_empty() && cql.is_empty() && expected.tables.is_empty()) {
            problems.add(&file, line, format!("{name}: has rows, and the manifest has no [cassandra]"));
        }
        let case = Self { name, file, line, binding: found, clock, vars, secrets, events, rows, cql, expected, place };
        (problems.0.len() == known).then_some(case)
    }

    /// What its function is given. `outside`: other names of its topics.
    pub(crate) fn setting(&self, manifest: &Manifest, outside: BTreeMap<String, String>) -> Setting {
        let binding = &manifest.bindings[self.binding];
        let function = &manifest.functions[&binding.function];
        let mut vars = function.vars.clone();
        vars.extend(self.vars.clone());
        Setting {
            clock: Duration::from_millis(self.clock.unsigned_abs()),
            vars,
            secrets: self.secrets.clone(),
            emits: function.emits.clone(),
            promised: function.secrets.keys().cloned().collect(),
            group: binding.group.clone(),
            outside: outside.into_iter().collect(),
        }
    }

    /// Topics in the order in which they first come.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        let mut seen = BTreeSet::new();
        self.events.iter().map(|input| input.topic.clone()).filter(|topic| seen.insert(topic.clone())).collect()
    }

    /// The events of a topic, a chunk for each partition.
    pub(crate) fn chunks(&self, topic: &str, binding: &Binding) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        for input in self.events.iter().filter(|input| &*input.topic == topic) {
            let place = chunks.iter().position(|chunk| chunk.partition == input.partition);
            let place = place.unwrap_or_else(|| {
                chunks.push(Chunk::new(input.topic.clone(), input.partition));
                chunks.len() - 1
            });
            let Event { key, value, headers, .. } = &input.event;
            let chunk = &mut chunks[place];
            chunk.push(input.offset, input.timestamp, key.as_deref(), value.as_deref(), binding.ordering);
            headers.iter().for_each(|(name, value)| chunk.push_header(name, value.as_deref()));
        }
        chunks
    }

    /// Which event in, from 0, is meant by a place.
    pub(crate) fn index_of(&self, topic: &str, partition: i32, offset: i64) -> Option<usize> {
        let is = |input: &Input| &*input.topic == topic && (input.partition, input.offset) == (partition, offset);
        self.events.iter().position(is)
    }

    /// Secrets that the function asked for in vain.
    pub(crate) fn missing(told: &Told) -> Option<String> {
        let names: Vec<String> = told.missing.iter().map(|name| format!("{name} = \"…\"")).collect();
        (!names.is_empty()).then(|| {
            format!(
                "the function asked for secrets that the case does not give: write `secrets = {{ {} }}`",
                names.join(", ")
            )
        })
    }
}

/// An event and where it is written.
struct Read {
    file: PathBuf,
    line: usize,
    topic: Option<String>,
    event: Event,
}

fn read_events(section: &Section, problems: &mut Problems) -> Vec<Read> {
    let mut events = Vec::new();
    for (line, text) in section.said() {
        match jsonl::decode_with_topic(text) {
            Ok((event, topic)) => events.push(Read { file: section.file.clone(), line, topic, event }),
            Err(problem) => problems.add(&section.file, line, problem),
        }
    }
    events
}

/// The binding that is named, or else the only one that takes all topics.
fn find_binding(
    case: &str,
    named: Option<(usize, String)>,
    (file, line): (&Path, usize),
    events: &[Read],
    manifest: &Manifest,
    problems: &mut Problems,
) -> Option<usize> {
    let there = || {
        let each = manifest.bindings.iter().map(|binding| format!("{} (group {})", binding.function, binding.group));
        each.collect::<Vec<_>>().join(", ")
    };
    let places = |is: &dyn Fn(&Binding) -> bool| -> Vec<usize> {
        manifest.bindings.iter().enumerate().filter(|(_, binding)| is(binding)).map(|(place, _)| place).collect()
    };
    if let Some((line, name)) = named {
        let by_group = places(&|binding| binding.group == name);
        let found = if by_group.is_empty() { places(&|binding| binding.function == name) } else { by_group };
        return match found[..] {
            [only] => Some(only),
            [] => {
                problems.add(file, line, format!("there is no binding `{name}`; there are {}", there()));
                None
            }
            _ => {
                problems.add(
                    file,
                    line,
                    format!("function {name} has several bindings; name one by its group: {}", there()),
                );
                None
            }
        };
    }
    let takes_all =
        |binding: &Binding| events.iter().filter_map(|event| event.topic.as_deref()).all(|topic| binding.takes(topic));
    match places(&takes_all)[..] {
        [only] => Some(only),
        [] => {
            let nowhere = |event: &&Read| {
                event
                    .topic
                    .as_deref()
                    .is_some_and(|topic| !manifest.bindings.iter().any(|binding| binding.takes(topic)))
            };
            let mut told = false;
            for event in events.iter().filter(nowhere) {
                told = true;
                let topic = event.topic.as_deref().unwrap_or_default();
                problems.add(&event.file, event.line, format!("no binding takes topic {topic}"));
            }
            if !told {
                problems.add(file, line, format!("{case}: no binding takes all topics of its events"));
            }
            None
        }
        _ => {
            problems.add(file, line, format!("{case}: which binding? write `binding`; there are {}", there()));
            None
        }
    }
}

/// Gives events their topics, partitions, offsets and times.
fn place_events(read: Vec<Read>, binding: &Binding, clock: i64, problems: &mut Problems) -> Vec<Input> {
    let mut ends: BTreeMap<(Arc<str>, i32), i64> = BTreeMap::new();
    let mut inputs = Vec::new();
    for Read { file, line, topic, event } in read {
        let only = match &binding.topics[..] {
            [only] if !is_pattern(only) => Some(only),
            _ => None,
        };
        let Some(topic) = topic.as_ref().or(only) else {
            problems.add(
                &file,
                line,
                format!("the event names no `topic`; the binding takes {}", binding.topics.join(", ")),
            );
            continue;
        };
        if !is_topic_name(topic) || !binding.takes(topic) {
            let (function, topics) = (&binding.function, binding.topics.join(", "));
            problems.add(&file, line, format!("topic {topic} is not bound to {function}, which takes {topics}"));
            continue;
        }
        let partition = event.partition.unwrap_or(0);
        if partition >= MOST_PARTITIONS {
            problems.add(
                &file,
                line,
                format!("`partition` is {partition}; a topic of a case has {MOST_PARTITIONS} at most"),
            );
            continue;
        }
        let topic: Arc<str> = topic.as_str().into();
        let end = ends.entry((topic.clone(), partition)).or_default();
        let offset = std::mem::replace(end, *end + 1);
        inputs.push(Input { topic, partition, offset, timestamp: event.timestamp.unwrap_or(clock), event });
    }
    inputs
}

fn read_rows(section: &Section, problems: &mut Problems) -> Vec<RowIn> {
    let mut rows = Vec::new();
    for (line, text) in section.said() {
        match read_row(text) {
            Ok((table, columns)) => rows.push(RowIn { file: section.file.clone(), line, table, columns }),
            Err(problem) => problems.add(&section.file, line, problem),
        }
    }
    rows
}

type Columns = Vec<(String, Box<RawValue>)>;

fn read_row(text: &str) -> Result<(String, Columns), String> {
    const SHAPE: &str = "write {\"table\": \"NAME\", \"row\": {\"COLUMN\": VALUE, …}}";
    let (mut table, mut columns) = (None, None);
    for (key, raw) in fields(text)? {
        match key.as_str() {
            "table" => table = serde_json::from_str::<String>(raw.get()).ok(),
            "row" => columns = fields(raw.get()).ok(),
            other => return Err(format!("unknown key `{other}`; {SHAPE}")),
        }
    }
    match (table, columns) {
        (Some(table), Some(columns)) if !columns.is_empty() => Ok((table, columns)),
        _ => Err(format!("not a row; {SHAPE}")),
    }
}

fn read_cql(section: &Section, problems: &mut Problems) -> Vec<(usize, String)> {
    let text: Vec<&str> = section.lines.iter().map(|(_, line)| line.as_str()).collect();
    let number = |line: usize| section.lines.get(line - 1).map_or(0, |(number, _)| *number);
    match schema::split(&text.join("\n")) {
        Ok(pieces) => pieces.iter().map(|piece| (number(piece.line), piece.text.to_owned())).collect(),
        Err((line, problem)) => {
            problems.add(&section.file, number(line), problem);
            Vec::new()
        }
    }
}

fn read_clock(text: &str) -> Option<i64> {
    parse_time(text).ok().filter(|clock| *clock >= 0)
}
