//! `dlq show`: one letter whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rdkafka::message::{BorrowedMessage, Message};
use serde_json::{Value, json};
use veltrix_host::dead_letter::{Letter, LetterHeaders};
use veltrix_host::jsonl::{self, Event};
use veltrix_host::kafka::headers;

use super::filter::Place;
use super::letters;
use super::list::{self, Owners, State};
use crate::args::{Format, Output};
use crate::cql_value::timestamp;
use crate::failure::{Failure, Outcome};
use crate::out::Out;
use crate::verbs::application::{self, Application};
use crate::verbs::log::Log;

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which one, as `veltrix dlq list` names it: PARTITION:OFFSET, such as 0:17
    #[arg(value_name = "LETTER")]
    place: Place,
    #[command(flatten)]
    application: Application,
    /// The binding whose dead-letter topic is meant, where there are several
    #[arg(long, value_name = "GROUP|FUNCTION")]
    binding: Option<String>,
    /// `json`: {"letter": …, "event": …}, the event as `publish` takes it
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Show) -> Outcome {
    let manifest = args.application.load()?;
    let servers = application::kafka(&manifest);
    let bindings = application::bindings(&manifest, args.binding.as_deref())?;
    let topics = super::topics(&bindings)?;
    let [(topic, writers)] = &topics[..] else {
        let names: Vec<&str> = topics.iter().map(|(topic, _)| *topic).collect();
        let names = names.join(", ");
        return Err(Failure::usage(format!(
            "there are several dead-letter topics ({names}): name a binding with --binding"
        )));
    };
    let log = Log::of(topic, &servers)?;
    let Place { partition, offset } = args.place;
    let holds = match log.ends.get(&partition) {
        None => format!("it has {} partitions, from 0", log.ends.len()),
        Some((start, end)) if start == end => format!("partition {partition} is empty"),
        Some((start, end)) => format!("partition {partition} holds offsets {start} to {}", end - 1),
    };
    let absent = || Failure::run(format!("there is no letter {partition}:{offset} in {topic}: {holds}"));
    let (start, end) = *log.ends.get(&partition).ok_or_else(absent)?;
    if !(start..end).contains(&offset) {
        return Err(absent());
    }
    let owners = Owners::of(writers, &log)?;
    let mut out = Out::new();
    let mut found = false;
    log.partition(partition, offset, offset + 1, &mut |message| {
        found = true;
        let (place, letter) = (args.place, letters::letter(message));
        let state = letter.as_ref().map_or(State::Foreign, |letter| owners.state(place, letter));
        match args.output.format {
            Format::Json => {
                let told = letter.as_ref().map(|l| list::object(topic, place, l, state, message.key()));
                let told = told.unwrap_or(Value::Null);
                let event = jsonl::encode(&event(message, letter.as_ref()), None);
                out.line(&format!("{{\"letter\":{told},\"event\":{event}}}"))
            }
            Format::Text => text_of(&mut out, topic, place, message, letter.as_ref(), state),
        }
    })?;
    if !found {
        return Err(Failure::run(format!(
            "there is no letter {partition}:{offset} in {topic}: that offset holds no event"
        )));
    }
    out.flush()
}

/// The event that it was: without the headers that the host added.
fn event(message: &BorrowedMessage<'_>, letter: Option<&Letter>) -> Event {
    let own = || message.timestamp().to_millis();
    let mut event = Event {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: Vec::new(),
        timestamp: letter.map_or_else(own, |letter| Some(letter.timestamp)).filter(|time| *time >= 0),
        partition: None,
    };
    if let Some(found) = message.headers() {
        headers::each(found, |name, value| {
            if !LetterHeaders::is_ours(name) {
                event.headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
            }
        });
    }
    event
}

/// Instead of a part of the event that the letter is without.
const LEFT_OUT: &str = "left out, as it was too large for a dead letter; it is at its source";

fn text_of(
    out: &mut Out,
    topic: &str,
    place: Place,
    message: &BorrowedMessage<'_>,
    letter: Option<&Letter>,
    state: State,
) -> Outcome {
    let mut field = |name: &str, value: &str| out.line(&format!("{name:<9} {value}").replace('\n', "\n          "));
    field("letter", &format!("{topic} {}:{}", place.partition, place.offset))?;
    match letter {
        None => field("", "no dead letter: no host has written its headers")?,
        Some(letter) => {
            field("reason", &letter.reason)?;
            field("error", &letter.error)?;
            field("function", &format!("{} (revision {})", letter.function, letter.revision))?;
            field("source", &format!("{}/{}@{}", letter.topic, letter.partition, letter.offset))?;
            let time = if letter.timestamp < 0 { "none".to_owned() } else { timestamp(letter.timestamp) };
            field("time", &time)?;
            field("attempts", &letter.attempts.to_string())?;
            field("state", state.word())?;
        }
    }
    let event = event(message, letter);
    let left_out = letter.map(|letter| letter.left_out).unwrap_or_default();
    let part = |left_out: bool, bytes: Option<&[u8]>| if left_out { LEFT_OUT.to_owned() } else { text(bytes) };
    field("key", &part(left_out.key, event.key.as_deref()))?;
    if left_out.headers {
        field("headers", LEFT_OUT)?;
    }
    for (name, value) in &event.headers {
        field("header", &format!("{}: {}", text(Some(name)), text(value.as_deref())))?;
    }
    field("value", &part(left_out.value, event.value.as_deref()))
}

/// Bytes for people: their text, or base64; null is not empty.
pub(super) fn text(bytes: Option<&[u8]>) -> String {
    match bytes.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => "null".to_owned(),
        Some((_, Ok(""))) => "\"\"".to_owned(),
        Some((_, Ok(text))) => text.to_owned(),
        Some((bytes, Err(_))) => format!("base64 {}", STANDARD.encode(bytes)),
    }
}

/// Bytes for machines, as in JSON lines.
pub(super) fn json(bytes: Option<&[u8]>) -> Value {
    match bytes.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => Value::Null,
        Some((_, Ok(text))) => json!(text),
        Some((bytes, Err(_))) => json!({"base64": STANDARD.encode(bytes)}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_null_from_empty_and_text_from_bytes() {
        assert_eq!(
            [text(None), text(Some(b"")), text(Some("é".as_bytes())), text(Some(b"\xff"))],
            ["null", "\"\"", "é", "base64 /w=="]
        );
        assert_eq!(
            [json(None), json(Some(b"")), json(Some(b"\xff"))],
            [Value::Null, json!(""), json!({"base64": "/w=="})]
        );
    }
}
