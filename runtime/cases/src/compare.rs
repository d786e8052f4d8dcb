//! What is expected against what came out: two texts, the same if the case passes, and their difference if not.

use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};

use crate::expected::{Expected, LEVELS};
use crate::record::{Emit, Log, Record, Row, Verdict};

/// What came out of a case.
#[derive(Debug, Default)]
pub(crate) struct Actual {
    /// Of each event in.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) emits: Vec<Emit>,
    pub(crate) tables: BTreeMap<String, Table>,
    pub(crate) logs: Vec<Log>,
}

/// A table before and after.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) before: Vec<Row>,
    pub(crate) after: Vec<Row>,
}

/// The difference; `None`: all is as expected.
pub(crate) fn compare(expected: &Expected, actual: &Actual) -> Option<String> {
    let mut sides = Sides::default();
    verdicts(expected, actual, &mut sides);
    emits(expected, actual, &mut sides);
    for name in expected.tables.keys().chain(actual.tables.keys().filter(|name| !expected.tables.contains_key(*name))) {
        let (none, there) = (Table::default(), actual.tables.get(name));
        let table = there.unwrap_or(&none);
        let rows = |rows: &[Row]| rows.iter().map(|row| Record::row(name, row)).collect::<Vec<_>>();
        let wanted = expected.tables.get(name).unwrap_or(&table.before);
        sides.unordered(&rows(wanted), &rows(&table.after));
    }
    if !expected.logs.is_empty() {
        let in_order = |logs: &[Log]| {
            let mut logs: Vec<&Log> = logs.iter().filter(|log| LEVELS[2..].contains(&log.level.as_str())).collect();
            logs.sort_by_key(|log| log.event.unwrap_or(usize::MAX));
            logs.into_iter().map(Record::log).collect::<Vec<_>>()
        };
        sides.ordered(&in_order(&expected.logs), &in_order(&actual.logs));
    }
    (sides.expected != sides.actual).then(|| difference(&sides.expected, &sides.actual))
}

fn verdicts(expected: &Expected, actual: &Actual, sides: &mut Sides) {
    let acked = vec![Verdict { word: "ack".to_owned(), attempts: None, message: None }; actual.verdicts.len()];
    let wanted = if expected.verdicts.is_empty() { &acked } else { &expected.verdicts };
    for (wanted, verdict) in wanted.iter().zip(&actual.verdicts) {
        let attempts = wanted.attempts.and(verdict.attempts);
        // A reason that is not written does not matter.
        let any = verdict.word.strip_prefix(&wanted.word).is_some_and(|rest| rest.starts_with(": "));
        let word = if any { wanted.word.clone() } else { verdict.word.clone() };
        let message = verdict.message.clone().filter(|_| wanted.message.is_some());
        sides.ordered(&[Record::verdict(wanted)], &[Record::verdict(&Verdict { word, attempts, message })]);
    }
}

/// Those of one topic and key in their order, those without a key in none.
fn emits(expected: &Expected, actual: &Actual, sides: &mut Sides) {
    type Groups<'a> = BTreeMap<(&'a str, Option<&'a [u8]>), (Vec<&'a Emit>, Vec<&'a Emit>)>;
    let mut groups = Groups::new();
    fn group(emit: &Emit) -> (&str, Option<&[u8]>) {
        (&emit.topic, emit.event.key.as_deref())
    }
    expected.emits.iter().for_each(|emit| groups.entry(group(emit)).or_default().0.push(emit));
    actual.emits.iter().for_each(|emit| groups.entry(group(emit)).or_default().1.push(emit));
    for ((_, key), (expected, actual)) in groups {
        let wanted: Vec<Record> = expected.iter().copied().map(Record::emit).collect();
        // What the expectation does not name is not looked at.
        let timed = expected.iter().any(|emit| emit.event.timestamp.is_some());
        let placed = expected.iter().any(|emit| emit.event.partition.is_some());
        let actual = actual.iter().map(|emit| {
            let mut emit = Emit::clone(emit);
            emit.event.timestamp = emit.event.timestamp.filter(|_| timed);
            emit.event.partition = emit.event.partition.filter(|_| placed);
            Record::emit(&emit)
        });
        let actual: Vec<Record> = actual.collect();
        if key.is_some() { sides.ordered(&wanted, &actual) } else { sides.unordered(&wanted, &actual) }
    }
}

/// The two texts.
#[derive(Debug, Default)]
struct Sides {
    expected: String,
    actual: String,
}

impl Sides {
    fn ordered(&mut self, expected: &[Record], actual: &[Record]) {
        for index in 0..expected.len().max(actual.len()) {
            let (wanted, got) = (expected.get(index), actual.get(index));
            self.pair(wanted, got);
        }
    }

    /// Each that is expected beside one that is like it, the rest as it comes.
    fn unordered(&mut self, expected: &[Record], actual: &[Record]) {
        let mut left: Vec<&Record> = actual.iter().collect();
        let mut unmet = Vec::new();
        for wanted in expected {
            match left.iter().position(|got| wanted.filled_from(got) == **got) {
                Some(place) => {
                    let got = left.remove(place);
                    self.pair(Some(wanted), Some(got));
                }
                None => unmet.push(wanted),
            }
        }
        for index in 0..unmet.len().max(left.len()) {
            self.pair(unmet.get(index).copied(), left.get(index).copied());
        }
    }

    fn pair(&mut self, expected: Option<&Record>, actual: Option<&Record>) {
        let filled = expected.zip(actual).map(|(expected, actual)| expected.filled_from(actual));
        for (side, record) in [(&mut self.expected, filled.as_ref().or(expected)), (&mut self.actual, actual)] {
            if let Some(record) = record {
                *side += &record.show();
                side.push('\n');
            }
        }
    }
}

fn difference(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    let mut shown = String::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        shown.push(sign);
        shown.push(' ');
        shown += change.value();
    }
    shown
}
