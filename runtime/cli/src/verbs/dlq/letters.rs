//! The events of a dead-letter topic as letters.

use rdkafka::message::{BorrowedMessage, Message};
use veltrix_host::dead_letter::{Letter, LetterHeaders};
use veltrix_host::kafka::headers;

use super::filter::Place;
use crate::failure::Outcome;
use crate::verbs::log::Log;

/// Shows every letter; `None` is an event that is none.
pub(super) fn each(
    log: &Log<'_>,
    mut show: impl FnMut(Place, &BorrowedMessage<'_>, Option<Letter>) -> Outcome,
) -> Outcome {
    log.each(|message| {
        show(Place { partition: message.partition(), offset: message.offset() }, message, letter(message))
    })
}

/// What the headers of an event say of it as a letter.
pub(super) fn letter(message: &BorrowedMessage<'_>) -> Option<Letter> {
    let mut found = LetterHeaders::default();
    headers::each(message.headers()?, |name, value| {
        found.take(name, value);
    });
    found.finish()
}
