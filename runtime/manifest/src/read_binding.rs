//! `[[binding]]` → a draft of it.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use crate::model::{Batch, Binding, DeadLetter, DeadLetterLimit, Delivery, Ordering, Retry, Start};
use crate::problem::{Report, Span};
use crate::section::{At, Field, Section};
use crate::{dedupe, start, topics, values};

/// A binding, and where that stands which is checked later.
pub(crate) struct DraftBinding {
    pub(crate) binding: Binding,
    pub(crate) topics: Vec<At<String>>,
    /// `None`: missing or unreadable, and reported.
    pub(crate) function: Option<Span>,
    pub(crate) group: Span,
    pub(crate) delivery: Span,
    /// Where `transaction` stands, if it is written.
    pub(crate) transaction: Option<Span>,
    pub(crate) dead_letter: Span,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const YEAR: Duration = Duration::from_hours(24 * 365);
const MICROSECOND: Duration = Duration::from_micros(1);
/// Half of what the broker lets a transaction live: its commit needs time too.
const LONGEST_TRANSACTION: Duration = Duration::from_secs(5);
const SHORTEST_TRANSACTION: Duration = Duration::from_millis(5);

pub(crate) fn all(report: &mut Report<'_>, root: &mut Section<'_>, name: &str) -> Vec<DraftBinding> {
    let Some(field) = root.field("binding") else {
        let fix = "write [[binding]] with `topics` and `function`";
        report.add(&(0..0), "the manifest has no [[binding]]: nothing would run", fix);
        return Vec::new();
    };
    let Some(array) = field.value.get_ref().as_array() else {
        field.problem(report, "must be a list of tables", "write [[binding]], in double brackets");
        return Vec::new();
    };
    if array.is_empty() {
        field.problem(report, "is empty", "write [[binding]] with `topics` and `function`");
    }
    let mut bindings = Vec::new();
    for value in array.iter() {
        match value.get_ref().as_table() {
            Some(table) => bindings.push(binding(report, Section::new("[[binding]]", value.span(), Some(table)), name)),
            None => {
                let field = Field { label: "an entry of `binding`".to_owned(), prefix: String::new(), value };
                field.problem(report, "must be a table", "write [[binding]], in double brackets");
            }
        }
    }
    bindings
}

fn binding(report: &mut Report<'_>, mut section: Section<'_>, name: &str) -> DraftBinding {
    let topics = section.need(report, "topics", "[\"orders\"]", values::some("[\"orders\"]", topics::read));
    let function = section.need(report, "function", "\"NAME\"", values::at(values::text("\"NAME\"")));
    let (function, function_at) = function.map_or((String::new(), None), |read| (read.value, Some(read.at)));
    let group = section.get(report, "group", values::at(values::name("a group", "._-", 255, "\"shop.inventory\"")));
    let start = section.get(report, "start", start::read);
    let ordering = section.get(
        report,
        "ordering",
        values::choice(&[("key", Ordering::Key), ("partition", Ordering::Partition), ("none", Ordering::None)]),
    );
    let delivery = section.get(
        report,
        "delivery",
        values::at(values::choice(&[
            ("at-least-once", Delivery::AtLeastOnce),
            ("exactly-once", Delivery::ExactlyOnce),
        ])),
    );
    let transaction = section.get(
        report,
        "transaction",
        values::at(values::duration(SHORTEST_TRANSACTION..=LONGEST_TRANSACTION, "\"100ms\"")),
    );
    let concurrency = section.get(report, "concurrency", values::count(65_536, "256"));
    let batch = batch(report, &mut section);
    let retry = retry(report, &mut section);
    let dead_letter = section.get(report, "dead_letter", values::at(dead_letter));
    let dead_letter_limit = dead_letter_limit(report, &mut section);
    let dedupe = dedupe::read(report, &mut section);
    let header = section.at.clone();
    section.finish(report);

    let topics = topics.unwrap_or_default();
    let group_at = group.as_ref().map_or(header.clone(), |group| group.at.clone());
    DraftBinding {
        function: function_at,
        group: group_at,
        delivery: delivery.as_ref().map_or(header.clone(), |read| read.at.clone()),
        transaction: transaction.as_ref().map(|read| read.at.clone()),
        dead_letter: dead_letter.as_ref().map_or(header, |read| read.at.clone()),
        binding: Binding {
            topics: topics.iter().map(|topic| topic.value.clone()).collect(),
            group: group.map_or_else(|| format!("{name}.{function}"), |group| group.value),
            function,
            start: start.unwrap_or(Start::Earliest),
            ordering: ordering.unwrap_or(Ordering::Key),
            delivery: delivery.map_or(Delivery::AtLeastOnce, |read| read.value),
            transaction: transaction.map_or(Duration::from_millis(100), |read| read.value),
            concurrency: concurrency.unwrap_or(const { NonZeroU32::new(256).unwrap() }),
            batch,
            retry,
            dead_letter: dead_letter.map_or(DeadLetter::Pause, |read| read.value),
            dead_letter_limit,
            dedupe,
        },
        topics,
    }
}

fn batch(report: &mut Report<'_>, binding: &mut Section<'_>) -> Batch {
    let mut section = binding.table(report, "batch", "{ events = 500, bytes = \"1MiB\", wait = \"5ms\" }");
    let events = section.get(report, "events", values::count(65_536, "500"));
    let bytes = section.get(report, "bytes", values::bytes(1..=1 << 30, "\"1MiB\""));
    let wait = section.get(report, "wait", values::duration(Duration::ZERO..=Duration::from_mins(1), "\"5ms\""));
    section.finish(report);
    Batch {
        events: events.unwrap_or(const { NonZeroU32::new(500).unwrap() }),
        bytes: bytes.unwrap_or(const { NonZeroU64::new(1 << 20).unwrap() }),
        wait: wait.unwrap_or(Duration::from_millis(5)),
    }
}

fn retry(report: &mut Report<'_>, binding: &mut Section<'_>) -> Retry {
    let mut section = binding.table(report, "retry", "{ attempts = 5, backoff = \"100ms\" }");
    let attempts = section.get(report, "attempts", values::count(1_000_000, "5"));
    let backoff = section.get(report, "backoff", values::at(values::duration(Duration::ZERO..=DAY, "\"100ms\"")));
    let max_backoff = section.get(report, "max_backoff", values::duration(MICROSECOND..=DAY, "\"30s\""));
    let max_age = section.get(report, "max_age", values::duration(MICROSECOND..=YEAR, "\"1h\""));
    section.finish(report);
    let max_backoff = max_backoff.unwrap_or(Duration::from_secs(30));
    if let Some(backoff) = backoff.as_ref().filter(|backoff| backoff.value > max_backoff) {
        let message = "`backoff` is longer than `max_backoff`, which is 30s unless set";
        report.add(&backoff.at, message, "write a longer `max_backoff` too, or a shorter `backoff`");
    }
    Retry {
        attempts: attempts.unwrap_or(const { NonZeroU32::new(5).unwrap() }),
        backoff: backoff.map_or(Duration::from_millis(100), |backoff| backoff.value),
        max_backoff,
        max_age: max_age.unwrap_or(HOUR),
    }
}

fn dead_letter_limit(report: &mut Report<'_>, binding: &mut Section<'_>) -> DeadLetterLimit {
    let mut section = binding.table(report, "dead_letter_limit", "{ percent = 50, events = 100, window = \"1m\" }");
    let percent = section.get(report, "percent", values::count(100, "50"));
    let events = section.get(report, "events", values::count(1_000_000_000, "100"));
    let window = section.get(report, "window", values::duration(Duration::from_secs(1)..=DAY, "\"1m\""));
    section.finish(report);
    DeadLetterLimit {
        percent: percent.unwrap_or(const { NonZeroU32::new(50).unwrap() }),
        events: events.unwrap_or(const { NonZeroU32::new(100).unwrap() }),
        window: window.unwrap_or(Duration::from_mins(1)),
    }
}

fn dead_letter(report: &mut Report<'_>, field: &Field<'_>) -> Option<DeadLetter> {
    if field.value.get_ref().as_str() == Some("pause") {
        return Some(DeadLetter::Pause);
    }
    values::name("a topic", "._-", 249, "\"orders.dead\"")(report, field).map(DeadLetter::Topic)
}
