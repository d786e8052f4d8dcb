//! Entries of `topics`: names, and patterns that start with `^`.

use regex_lite::Regex;

use crate::model::is_pattern;
use crate::problem::Report;
use crate::section::{Field, quoted};
use crate::values;

/// What librdkafka's expressions (POSIX extended) lack, or read otherwise than most people expect.
const FOREIGN: [(&str, &str); 8] = [
    ("(?", "leave groups with `(?` out"),
    ("\\d", "write `[0-9]` for `\\d`"),
    ("\\D", "write `[^0-9]` for `\\D`"),
    ("*?", "write `*`: matching is never lazy"),
    ("+?", "write `+`: matching is never lazy"),
    ("??", "write `?`: matching is never lazy"),
    ("}?", "write `}`: matching is never lazy"),
    ("[[:", "write the characters of the class out, for example `[a-z]`"),
];

/// Reads a name or a pattern.
pub(crate) fn read(report: &mut Report<'_>, field: &Field<'_>) -> Option<String> {
    let pattern = field.value.get_ref().as_str().filter(|topic| is_pattern(topic));
    let Some(pattern) = pattern else { return values::topic(report, field) };
    let problem = format!("is no pattern: {}", quoted(pattern));
    if let Some((_, fix)) = FOREIGN.iter().find(|(foreign, _)| pattern.contains(foreign)) {
        field.problem(report, &problem, *fix);
        return None;
    }
    match Regex::new(pattern) {
        Ok(_) => Some(pattern.to_owned()),
        Err(error) => {
            let fix = format!("{error}; a pattern is a regular expression, for example '^orders\\..*'");
            field.problem(report, &problem, fix);
            None
        }
    }
}

/// Whether an entry of [`Binding::topics`](crate::Binding::topics) takes in this topic.
pub fn takes_in(entry: &str, topic: &str) -> bool {
    if is_pattern(entry) {
        return Regex::new(entry).is_ok_and(|pattern| pattern.is_match(topic));
    }
    entry == topic
}
