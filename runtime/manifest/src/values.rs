//! The kinds of values that a manifest holds, each with its own problems.

use std::collections::{BTreeMap, HashSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeValue;

use crate::problem::Report;
use crate::quantity::{self, BYTES, TIME, Unit};
use crate::section::{At, Field, Kind, quoted};
use crate::suggest;

/// A string that is not empty.
pub(crate) fn text(example: &'static str) -> impl Kind<String> {
    move |report, field| match field.value.get_ref() {
        DeValue::String(text) if !text.is_empty() && !text.contains(char::is_control) => Some(text.to_string()),
        DeValue::String(text) if text.is_empty() => {
            field.problem(report, "is empty", format!("write for example `{}{example}`", field.prefix));
            None
        }
        _ => {
            field.expected(report, "a string on one line", example);
            None
        }
    }
}

/// A string of ASCII letters, digits and `marks`, as Kafka allows for topics.
pub(crate) fn name(
    what: &'static str,
    marks: &'static str,
    longest: usize,
    example: &'static str,
) -> impl Kind<String> {
    move |report, field| {
        let name = text(example)(report, field)?;
        let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || marks.contains(c));
        if fits && name.len() <= longest && !name.chars().all(|c| c == '.') {
            return Some(name);
        }
        let rule = format!("is no name for {what}: {}", quoted(&name));
        let marks: Vec<String> = marks.chars().map(|mark| format!("`{mark}`")).collect();
        let fix = format!("use at most {longest} letters, digits, {}", marks.join(", "));
        field.problem(report, &rule, fix);
        None
    }
}

/// The name of a topic.
pub(crate) fn topic(report: &mut Report<'_>, field: &Field<'_>) -> Option<String> {
    name("a topic", "._-", 249, "\"orders\"")(report, field)
}

/// One of some words.
pub(crate) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Kind<T> {
    move |report, field| {
        let keys = words.iter().map(|(word, _)| *word);
        let Some(word) = field.value.get_ref().as_str() else {
            let all: Vec<String> = keys.map(|word| format!("{word:?}")).collect();
            field.expected(report, &format!("one of {}", all.join(", ")), &all[0]);
            return None;
        };
        let found = words.iter().find(|(known, _)| *known == word);
        if found.is_none() {
            field.problem(report, &format!("can't be {}", quoted(word)), suggest::hint(word, keys, '"'));
        }
        found.map(|(_, value)| *value)
    }
}

/// A whole number from 1.
pub(crate) fn count(most: u32, example: &'static str) -> impl Kind<NonZeroU32> {
    move |report, field| {
        let number = match field.value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let count = number.filter(|number| *number <= most).and_then(NonZeroU32::new);
        if count.is_none() {
            field.expected(report, &format!("a whole number from 1 to {most}"), example);
        }
        count
    }
}

/// A length of time within `range`.
pub(crate) fn duration(range: RangeInclusive<Duration>, example: &'static str) -> impl Kind<Duration> {
    move |report, field| {
        let bounds = nanoseconds(*range.start())..=nanoseconds(*range.end());
        amount(report, field, "a duration", TIME, bounds, example).map(Duration::from_nanos)
    }
}

/// A number of bytes within `range`.
pub(crate) fn bytes(range: RangeInclusive<u64>, example: &'static str) -> impl Kind<NonZeroU64> {
    move |report, field| amount(report, field, "a size", BYTES, range.clone(), example).and_then(NonZeroU64::new)
}

/// A duration as manifests write it (`5ms`, `90m`), for others that take durations from people.
///
/// # Errors
/// What to write instead.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    quantity::parse(text, TIME).map(Duration::from_nanos).map_err(|meant| match meant {
        Some(better) => format!("did you mean {better}?"),
        None => "write a whole number and a unit (us, ms, s, m, h, d), for example 5ms".to_owned(),
    })
}

/// Whether Kafka accepts this name for a topic.
pub fn is_topic_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= 249 && name.chars().all(fits) && !name.chars().all(|c| c == '.')
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn amount(
    report: &mut Report<'_>,
    field: &Field<'_>,
    what: &str,
    units: &'static [Unit],
    range: RangeInclusive<u64>,
    example: &str,
) -> Option<u64> {
    let names: Vec<&str> = units.iter().map(|unit| unit.name).collect();
    let rule = format!("{what}: a whole number and a unit ({})", names.join(", "));
    let DeValue::String(text) = field.value.get_ref() else {
        field.expected(report, &rule, example);
        return None;
    };
    match quantity::parse(text, units) {
        Ok(amount) if range.contains(&amount) => Some(amount),
        Ok(_) => {
            let (least, most) = (quantity::show(*range.start(), units), quantity::show(*range.end(), units));
            field.expected(report, &format!("from {least} to {most}"), example);
            None
        }
        Err(Some(better)) => {
            field.problem(
                report,
                &format!("has an unknown unit: {}", quoted(text)),
                format!("did you mean {better:?}?"),
            );
            None
        }
        Err(None) => {
            field.expected(report, &rule, example);
            None
        }
    }
}

/// A path, relative to the manifest's folder.
pub(crate) fn path(dir: &Path, example: &'static str) -> impl Kind<PathBuf> {
    move |report, field| Some(resolve(dir, &text(example)(report, field)?))
}

/// A path of the manifest as seen from the current folder.
pub(crate) fn resolve(dir: &Path, path: &str) -> PathBuf {
    if dir == Path::new(".") { PathBuf::from(path) } else { dir.join(path) }
}

/// `host:port` of a server.
pub(crate) fn address(report: &mut Report<'_>, field: &Field<'_>) -> Option<String> {
    const EXAMPLE: &str = "\"localhost:9092\"";
    let address = text(EXAMPLE)(report, field)?;
    if is_address(&address) {
        return Some(address);
    }
    let fix = "write `host:port`, for example \"localhost:9092\"; one entry per server";
    field.problem(report, &format!("is no address: {}", quoted(&address)), fix);
    None
}

/// Whether this is `host:port` of one server.
pub fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bracketed.unwrap_or(host);
        let fits =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (bracketed.is_some() && c == ':');
        !host.is_empty() && host.chars().all(fits) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

/// A list whose entries are all different; entries that can't be read are left out.
pub(crate) fn list<T>(example: &'static str, entry: impl Kind<T>) -> impl Kind<Vec<At<T>>> {
    move |report, field| {
        let Some(array) = field.value.get_ref().as_array() else {
            field.expected(report, "a list", example);
            return None;
        };
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        for value in array.iter() {
            let field = Field { label: format!("an entry of {}", field.label), prefix: String::new(), value };
            if let Some(text) = value.get_ref().as_str()
                && !seen.insert(text)
            {
                field.problem(report, &format!("is there twice: {}", quoted(text)), "remove one of them");
                continue;
            }
            values.extend(entry(report, &field).map(|read| At { at: value.span(), value: read }));
        }
        Some(values)
    }
}

/// As [`list`], with at least one entry.
pub(crate) fn some<T>(example: &'static str, entry: impl Kind<T>) -> impl Kind<Vec<At<T>>> {
    let list = list(example, entry);
    move |report, field| {
        if field.value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
            field.problem(report, "is empty", format!("write for example `{}{example}`", field.prefix));
            return None;
        }
        list(report, field)
    }
}

/// A table of names chosen by the author, each with the same kind of value.
pub(crate) fn map<T>(example: &'static str, entry: impl Kind<T>) -> impl Kind<BTreeMap<String, T>> {
    move |report, field| {
        let Some(table) = field.value.get_ref().as_table() else {
            field.expected(report, "a table", example);
            return None;
        };
        let mut values = BTreeMap::new();
        for (key, value) in table {
            if key.get_ref().trim().is_empty() {
                report.add(&key.span(), format!("a key of {} is empty", field.label), "write a name or remove it");
                continue;
            }
            let field = Field { label: format!("`{}`", key.get_ref()), prefix: format!("{} = ", key.get_ref()), value };
            values.extend(entry(report, &field).map(|read| (key.get_ref().to_string(), read)));
        }
        Some(values)
    }
}

/// Keeps where the value stands.
pub(crate) fn at<T>(kind: impl Kind<T>) -> impl Kind<At<T>> {
    move |report, field| kind(report, field).map(|value| At { at: field.value.span(), value })
}
