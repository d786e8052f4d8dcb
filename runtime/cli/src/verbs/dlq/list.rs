//! `dlq list`: a table of letters, and how many there are by reason.

use std::collections::BTreeMap;

use clap::Args;
use rdkafka::message::Message;
use serde_json::{Value, json};
use veltrix_host::dead_letter::Letter;
use veltrix_manifest::Binding;

use super::filter::{Filter, Place};
use super::letters;
use crate::args::{Format, Output};
use crate::cql_value::timestamp;
use crate::failure::Outcome;
use crate::out::Out;
use crate::table;
use crate::verbs::application::{self, Application};
use crate::verbs::log::{Done, Log};

/// Longest cell of the table for what functions and producers choose.
const WIDEST: usize = 48;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    application: Application,
    /// Only letters of this binding
    #[arg(long, value_name = "GROUP|FUNCTION")]
    binding: Option<String>,
    /// Only letters that no redrive has done yet
    #[arg(long)]
    waiting: bool,
    /// Show so many at most; all are counted
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    output: Output,
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No redrive has done it.
    Waiting,
    /// A redrive has done it.
    Redriven,
    /// No binding of the application writes such letters.
    Foreign,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Redriven => "redriven",
            Self::Foreign => "foreign",
        }
    }
}

/// The bindings that write to a dead-letter topic, with what their redrives have done.
pub(super) struct Owners<'a>(Vec<(&'a Binding, BTreeMap<i32, Done>)>);

impl<'a> Owners<'a> {
    pub(super) fn of(bindings: &[&'a Binding], log: &Log<'_>) -> Result<Self, crate::failure::Failure> {
        let done = |binding: &&'a Binding| Ok((*binding, log.done_by(&super::group(binding))?));
        bindings.iter().map(done).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn state(&self, place: Place, letter: &Letter) -> State {
        let mut owners = self.0.iter().filter(|(binding, _)| owns(binding, letter)).peekable();
        if owners.peek().is_none() {
            return State::Foreign;
        }
        let done = |notes: &BTreeMap<i32, Done>| notes.get(&place.partition).is_some_and(|d| d.has(place.offset));
        if owners.all(|(_, notes)| done(notes)) { State::Redriven } else { State::Waiting }
    }
}

/// Whether a letter is one of a binding's.
pub(super) fn owns(binding: &Binding, letter: &Letter) -> bool {
    binding.function == letter.function && application::takes(binding, &letter.topic)
}

pub(crate) fn run(args: &List) -> Outcome {
    let manifest = args.application.load()?;
    let servers = application::kafka(&manifest);
    let bindings = application::bindings(&manifest, args.binding.as_deref())?;
    let mut out = Out::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut reasons: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    let (mut count, mut none) = (0, 0u64);
    for (topic, writers) in super::topics(&bindings)? {
        let log = Log::of(topic, &servers)?;
        let owners = Owners::of(&writers, &log)?;
        letters::each(&log, |place, message, letter| {
            let Some(letter) = letter else {
                none += 1;
                return Ok(());
            };
            let state = owners.state(place, &letter);
            let hidden =
                (args.waiting && state != State::Waiting) || (args.binding.is_some() && state == State::Foreign);
            if hidden || !args.filter.takes(place, &letter, message.key()) {
                return Ok(());
            }
            count += 1;
            let counted = reasons.entry((letter.function.clone(), letter.reason.clone())).or_default();
            counted.0 += 1;
            counted.1 += u64::from(state == State::Waiting);
            if count > args.limit {
                return Ok(());
            }
            match args.output.format {
                Format::Json => out.json(&object(topic, place, &letter, state, message.key())),
                Format::Text => {
                    rows.push(row(topic, place, &letter, state, message.key()));
                    Ok(())
                }
            }
        })?;
    }
    if args.output.format == Format::Json {
        let reasons: Vec<Value> = reasons
            .iter()
            .map(|((function, reason), (all, waiting))| {
                json!({"function": function, "reason": reason, "letters": all, "waiting": waiting})
            })
            .collect();
        out.json(&json!({"letters": count, "no_letters": none, "reasons": reasons}))?;
        return out.flush();
    }
    let header = ["letter", "time", "function", "reason", "attempts", "source", "key", "state", "error"];
    print(&mut out, &header, &rows)?;
    if count > rows.len() {
        out.line(&format!("… and {} more: see them with --limit {count}", count - rows.len()))?;
    }
    let summary: Vec<Vec<String>> = reasons
        .into_iter()
        .map(|((function, reason), (all, waiting))| {
            vec![function, short(&reason), all.to_string(), waiting.to_string()]
        })
        .collect();
    out.line("")?;
    print(&mut out, &["function", "reason", "letters", "waiting"], &summary)?;
    if none > 0 {
        out.line(&format!("{none} events there are no dead letters: no host has written their headers"))?;
    }
    out.flush()
}

fn print(out: &mut Out, header: &[&str], rows: &[Vec<String>]) -> Outcome {
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    table::render(&header, rows).iter().try_for_each(|line| out.line(line))
}

fn row(topic: &str, place: Place, letter: &Letter, state: State, key: Option<&[u8]>) -> Vec<String> {
    vec![
        format!("{topic} {}:{}", place.partition, place.offset),
        time(letter),
        letter.function.clone(),
        short(&letter.reason),
        letter.attempts.to_string(),
        format!("{}/{}@{}", letter.topic, letter.partition, letter.offset),
        short(&super::show::text(key)),
        state.word().to_owned(),
        short(&letter.error),
    ]
}

fn time(letter: &Letter) -> String {
    if letter.timestamp < 0 { "none".to_owned() } else { timestamp(letter.timestamp) }
}

/// On one line, and not too long for a table.
fn short(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// What is said of a letter to machines.
pub(super) fn object(topic: &str, place: Place, letter: &Letter, state: State, key: Option<&[u8]>) -> Value {
    json!({
        "topic": topic,
        "partition": place.partition,
        "offset": place.offset,
        "function": letter.function,
        "reason": letter.reason,
        "error": letter.error,
        "revision": letter.revision,
        "attempts": letter.attempts,
        "source": {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "timestamp": (letter.timestamp >= 0).then_some(letter.timestamp),
        },
        "key": super::show::json(key),
        "left_out": letter.left_out.names(),
        "state": state.word(),
    })
}
