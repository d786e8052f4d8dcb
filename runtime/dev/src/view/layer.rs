//! Lines of log, on their way to the view: those of functions and dead letters apart from the rest.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::journal::{Clock, DeadLetter, Journal, Log, Place};

/// What functions log goes under this target.
const FUNCTION: &str = "function";
/// What the worker says of each dead letter.
const DEAD_LETTER: &str = "dead letter";

/// Writes what is logged into a journal.
#[derive(Debug)]
pub struct JournalLayer(pub(crate) Arc<Journal>);

impl<S: Subscriber> Layer<S> for JournalLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (at, level) = (Clock::now(), *event.metadata().level());
        if event.metadata().target() == FUNCTION {
            return self.0.log(fields.log(at, level));
        }
        match fields.message.as_str() {
            DEAD_LETTER => self.0.dead(fields.dead_letter(at)),
            // What the worker says of itself matters when something is wrong.
            _ if level <= Level::WARN => self.0.note(level, &fields.line()),
            _ => {}
        }
    }
}

/// The fields of an event: those that are known, and the rest as text.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    function: String,
    topic: Option<String>,
    partition: Option<i64>,
    offset: Option<i64>,
    attempts: u64,
    reason: String,
    error: String,
    rest: String,
}

impl Fields {
    fn place(&self) -> Option<Place> {
        Some(Place { topic: self.topic.clone()?, partition: self.partition?, offset: self.offset? })
    }

    fn log(self, at: Clock, level: Level) -> Log {
        Log { at, level, place: self.place(), text: format!("{}{}", self.message, self.rest), function: self.function }
    }

    fn dead_letter(self, at: Clock) -> DeadLetter {
        let place = self.place().unwrap_or(Place { topic: "?".to_owned(), partition: -1, offset: -1 });
        let Self { function, attempts, reason, error, .. } = self;
        DeadLetter { at, function, place, attempts, reason, error }
    }

    /// On one line, all there is.
    fn line(&self) -> String {
        let mut line = self.message.clone();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let _ = write!(line, " {name}={value}");
            }
        };
        add("function", &self.function);
        add("at", &self.place().map_or_else(String::new, |place| place.to_string()));
        add("reason", &self.reason);
        add("error", &self.error);
        line + &self.rest
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        match field.name() {
            "partition" => self.partition = Some(value),
            "offset" => self.offset = Some(value),
            "attempts" => self.attempts = u64::try_from(value).unwrap_or_default(),
            _ => self.record_str(field, &value.to_string()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let value = value.to_owned();
        match field.name() {
            "message" => self.message = value,
            "function" => self.function = value,
            "topic" => self.topic = Some(value),
            "reason" => self.reason = value,
            "error" => self.error = value,
            // The fields of a function's own line, written as text already.
            "fields" if value.is_empty() => {}
            "fields" => drop(write!(self.rest, " {value}")),
            name => drop(write!(self.rest, " {name}={value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn lines_of_functions_and_dead_letters_keep_their_coordinates() {
        let journal = Arc::<Journal>::default();
        let subscriber = tracing_subscriber::registry().with(JournalLayer(journal.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let (function, topic, partition, offset) = ("stock", "orders", 3_i32, 17_i64);
            tracing::event!(target: "function", Level::INFO, function, topic, partition, offset, fields = "sku=mug", "sold");
            tracing::event!(target: "function", Level::DEBUG, function, "of no event");
            let (attempts, reason) = (5_u32, "trap");
            tracing::warn!(function, %topic, partition, offset, attempts, reason, error = "out of\ncheese", "dead letter");
            tracing::info!("nothing to see");
            tracing::error!(%reason, size = 7, "the outbox is full");
        });
        let pages = journal.pages();
        let place = Place { topic: "orders".into(), partition: 3, offset: 17 };
        assert_eq!((&pages.logs[0].place, pages.logs[0].text.as_str()), (&Some(place.clone()), "sold sku=mug"));
        assert_eq!((&pages.logs[1].place, pages.logs[1].level), (&None, Level::DEBUG));
        let dead = &pages.dead[0];
        assert_eq!((dead.function.as_str(), &dead.place, dead.attempts), ("stock", &place, 5));
        assert_eq!((dead.reason.as_str(), dead.error.as_str()), ("trap", "out of cheese"));
        let notes: Vec<_> = pages.notes.iter().flat_map(|note| &note.lines).collect();
        assert_eq!(notes, ["the outbox is full reason=trap size=7"]);
    }
}
