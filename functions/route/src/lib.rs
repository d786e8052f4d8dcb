//! Route: each event goes on to the topic that its content says, as it is or split into the elements of an array.

mod rule;
mod setup;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use function_common::{Cell, Document, Json, Pointer, configured};
use veltrix_sdk::prelude::*;

use setup::{Setup, Target};

thread_local!(static SETUP: Cell<Setup> = const { Cell::new() });

#[handler]
fn route(event: Event) -> Result<()> {
    let setup = configured(&SETUP, Setup::read);
    // A tombstone has no content: no rule matches it.
    let Some(value) = event.value() else {
        return or_skip(go(&setup.default, |topic| event.forward(topic))?);
    };
    let whole = Document::of(&event).value()?;
    let Some(split) = &setup.split else {
        return match &setup.key {
            None => or_skip(send(&setup, whole, |topic| event.forward(topic))?),
            Some(pointer) => {
                let key = key(whole, pointer)?;
                or_skip(send(&setup, whole, |topic| emit(topic).key(&*key).headers_of(&event).value(value))?)
            }
        };
    };
    let array = whole.get(split).filter(Json::is_array);
    let array = array.ok_or_else(|| Error::dead_letter(format!("{} is no array", name(split))))?;
    if array.elements().nth(setup.most).is_some() {
        let message = format!("more than {} elements: see `most`", setup.most);
        return Err(Error::dead_letter("too-many-elements").with_message(message));
    }
    for element in array.elements() {
        let own = setup.key.as_ref().map(|pointer| key(element, pointer)).transpose()?;
        let key = own.as_deref().map(str::as_bytes).or(event.key());
        send(&setup, element, |topic| emit(topic).optional_key(key).headers_of(&event).value(element.raw()))?;
    }
    Ok(())
}

/// Sends to the topic of the first rule that matches, or of all that do. False: the default says to send it nowhere.
fn send(setup: &Setup, json: Json<'_>, mut to: impl FnMut(&str) -> Result<()>) -> Result<bool> {
    let mut any = false;
    for rule in setup.rules.iter().filter(|rule| rule.matches(json)) {
        to(&rule.topic)?;
        any = true;
        if !setup.all {
            break;
        }
    }
    if any { Ok(true) } else { go(&setup.default, to) }
}

/// What becomes of what no rule matches.
fn go(target: &Target, mut to: impl FnMut(&str) -> Result<()>) -> Result<bool> {
    match target {
        Target::Topic(topic) => to(topic).map(|()| true),
        Target::DeadLetter => Err(Error::dead_letter("no-rule")),
        Target::Skip => Ok(false),
    }
}

fn or_skip(sent: bool) -> Result<()> {
    if sent { Ok(()) } else { Err(Error::skip()) }
}

/// The key at a pointer: the text of a string; numbers and booleans as they are written.
fn key<'a>(json: Json<'a>, pointer: &Pointer) -> Result<Cow<'a, str>> {
    let refuse = |what: &str| Err(Error::dead_letter(format!("key: {} is {what}", name(pointer))));
    match json.get(pointer) {
        None => refuse("missing"),
        Some(found) if found.is_null() || found.is_array() || found.is_object() => refuse(found.describe()),
        Some(found) => Ok(found.as_str().unwrap_or(Cow::Borrowed(found.raw()))),
    }
}

/// The pointer, for people.
fn name(pointer: &Pointer) -> String {
    let text = pointer.to_string();
    if text.is_empty() { "value".to_owned() } else { text }
}
