//! Histories with a known fault, for the checker's own tests and `--self-test`.

use std::collections::HashSet;

use chaos_guest::{Done, Order, Plan};

use crate::check::{Kind, check};
use crate::history::{Fate, History, Letter, Logged, Observed, Output, Place, Promise, Row, Sent};

/// A history and what the checker has to find in it.
#[derive(Debug)]
pub struct Case {
    /// What is broken.
    pub name: &'static str,
    /// The history.
    pub history: History,
    /// The one kind of violation that there is.
    pub expected: Kind,
}

/// Feeds the checker all cases; says which it got wrong.
///
/// # Errors
/// The names of those cases.
pub fn self_test() -> Result<usize, String> {
    let mut wrong = Vec::new();
    let cases = cases();
    let count = cases.len();
    for case in cases {
        let found = check(&case.history).violations;
        let right = !found.is_empty() && found.iter().all(|violation| violation.kind == case.expected);
        println!("{} {:<55} {:?}", if right { "ok  " } else { "FAIL" }, case.name, case.expected);
        if !right {
            wrong.push(case.name);
        }
    }
    if !check(&sound()).violations.is_empty() {
        wrong.push("a sound history");
    }
    if wrong.is_empty() { Ok(count) } else { Err(wrong.join(", ")) }
}

/// One history for each anomaly.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |name, expected, breaks: fn(&mut History)| {
        let mut history = sound();
        breaks(&mut history);
        cases.push(Case { name, history, expected });
    };
    case("an acknowledged send is not in the log", Kind::Unwritten, |history| {
        let gone = Order { id: 999_999, ..history.sent[0].order.clone() };
        let place = Place { partition: 0, offset: 999_999 };
        history.sent.push(Sent { order: gone, fate: Fate::Acknowledged(place) });
    });
    case("a failed send is in the log", Kind::FailedWritten, |history| history.sent[4].fate = Fate::Failed);
    case("an emit is lost in the middle", Kind::Lost, |history| drop(history.bindings[0].outputs.remove(7)));
    case("the last emits of a key are lost", Kind::Lost, |history| {
        history.bindings[0].outputs.retain(|output| output.done.order.key != "k1" || output.done.order.n < 15);
    });
    case("an event of an unknown send is lost", Kind::Lost, |history| {
        let id = history.bindings[0].outputs.remove(3).done.order.id;
        let sent = history.sent.iter_mut().find(|sent| sent.order.id == id);
        sent.expect("it was sent").fate = Fate::Unknown;
    });
    case("a dead letter is lost", Kind::Lost, |history| drop(history.bindings[0].letters.remove(0)));
    case("the last row of a key is lost", Kind::Lost, |history| drop(rows(history).pop()));
    case("a row is lost in the middle", Kind::Lost, |history| {
        // The log closes up over it, as if the event had been passed over.
        let gone = rows(history).remove(2);
        for row in rows(history).iter_mut().filter(|row| row.key == gone.key && row.place > gone.place) {
            row.place -= 1;
        }
    });
    case("an event has two rows", Kind::Duplicated, |history| {
        let last = rows(history).last().expect("there are rows").clone();
        rows(history).push(Row { place: last.place + 1, ..last });
    });
    case("an exactly-once binding emits twice", Kind::Duplicated, |history| {
        let binding = &mut history.bindings[1];
        let again = outputs_of(binding, "k0")[3..4].to_vec();
        emit_again(binding, again);
    });
    case("an exactly-once binding has a dead letter twice", Kind::Duplicated, |history| {
        let letter = history.bindings[1].letters[0].clone();
        history.bindings[1].letters.push(letter);
    });
    case("a copy is handled", Kind::Duplicated, |history| {
        let copy = history.log.iter().find(|logged| logged.place.offset == COPY as i64).expect("it is there").clone();
        let output = output(&copy, Place { partition: copy.place.partition, offset: 1_000_000 });
        history.bindings[2].outputs.push(output);
    });
    case("a copy of an event has two rows although each event has one", Kind::Duplicated, |history| {
        let rows = history.bindings[3].rows.as_mut().expect("it has rows");
        let last = rows.iter().rfind(|row| row.key == "k1").expect("there are rows").clone();
        rows.push(Row { place: last.place + 1, ..last });
    });
    case("two emits of a key are swapped", Kind::Reordered, |history| {
        let places: Vec<Place> = outputs_of(&history.bindings[0], "k0")[4..6].iter().map(|output| output.at).collect();
        for output in &mut history.bindings[0].outputs {
            if let Some(index) = places.iter().position(|place| *place == output.at) {
                output.at = places[1 - index];
            }
        }
    });
    case("an event is first emitted long after its successors", Kind::Reordered, |history| {
        let late = outputs_of(&history.bindings[0], "k2")[1].at;
        let binding = &mut history.bindings[0];
        let index = binding.outputs.iter().position(|output| output.at == late).expect("it is there");
        let output = binding.outputs.remove(index);
        emit_again(binding, vec![output]);
    });
    case("two rows of a key are swapped", Kind::Reordered, |history| {
        let (a, b) = (rows(history)[2].place, rows(history)[3].place);
        rows(history)[2].place = b;
        rows(history)[3].place = a;
    });
    case("an emit of no event", Kind::Phantom, |history| {
        let output = &mut history.bindings[0].outputs;
        let mut phantom = output.last().expect("there are outputs").clone();
        phantom.at.offset += 1;
        phantom.done.offset += 1_000_000;
        output.push(phantom);
    });
    case("an emit whose content is another event's", Kind::Phantom, |history| {
        let mut mixed = history.bindings[0].outputs[0].clone();
        mixed.at.offset += 1_000_000;
        mixed.done.order.n += 1;
        history.bindings[0].outputs.push(mixed);
    });
    case("a row of no event", Kind::Phantom, |history| {
        let last = rows(history).last().expect("there are rows").clone();
        rows(history).push(Row { place: last.place + 1, id: 999_999, ..last });
    });
    case("a good event is given up", Kind::Unasked, |history| {
        let (mut letter, output) = (history.bindings[0].letters[0].clone(), history.bindings[0].outputs[0].clone());
        letter.source = Place { partition: output.done.partition, offset: output.done.offset };
        history.bindings[0].letters.push(letter);
    });
    case("an event to be skipped is emitted", Kind::Unasked, |history| {
        let skipped =
            history.log.iter().find(|logged| logged.order.plan == Plan::Skip).expect("one is skipped").clone();
        let output = output(&skipped, Place { partition: 0, offset: 1_000_000 });
        history.bindings[0].outputs.push(output);
    });
    case("a dead letter differs from its event", Kind::Altered, |history| {
        history.bindings[0].letters[0].altered = Some("its value".to_owned());
    });
    case("an event is emitted again as another", Kind::Altered, |history| {
        let binding = &mut history.bindings[3];
        let mut again = outputs_of(binding, "k0")[3..4].to_vec();
        again[0].done.begun += 1;
        emit_again(binding, again);
    });
    case("an event is given up too early", Kind::Attempts, |history| {
        let letter = history.bindings[0].letters.iter_mut().find(|letter| letter.reason != "asked");
        letter.expect("one is exhausted").attempts = 3;
    });
    case("a conditional log has a hole", Kind::Torn, |history| {
        rows(history).last_mut().expect("there are rows").place += 1;
    });
    cases
}

const KEYS: u64 = 3;
const EACH: u64 = 20;
const ATTEMPTS: u32 = 12;
/// Of these sends the one is a copy of the other of its key before.
const COPY: u64 = 34;

/// A history in which all is well: an at-least-once binding with rows, an exactly-once one, one without copies, and one with
/// rows and emits by `once`.
pub fn sound() -> History {
    let mut history = History::default();
    for number in 0..KEYS * EACH {
        // One is sent twice.
        let id = if number == COPY { COPY - KEYS } else { number };
        let plan = match id % 10 {
            3 => Plan::Retry(2),
            5 => Plan::Dead,
            7 => Plan::Skip,
            8 => Plan::Exhaust,
            _ => Plan::Ack,
        };
        let order = Order { id, key: format!("k{}", id % KEYS), n: (id / KEYS) as u32, plan };
        let place = Place { partition: (id % KEYS % 2) as i32, offset: number as i64 };
        history.sent.push(Sent { order: order.clone(), fate: Fate::Acknowledged(place) });
        history.log.push(Logged { place, order });
    }
    for name in ["keyed", "exact", "deduped", "once"] {
        let (exactly_once, dedupe, once) = (name == "exact", name == "deduped", name == "once");
        let promise = Promise { exactly_once, dedupe, row_per_event: once, same_emits: once, attempts: ATTEMPTS };
        let mut binding = Observed {
            name: name.to_owned(),
            promise,
            outputs: Vec::new(),
            letters: Vec::new(),
            rows: (once || name == "keyed").then(Vec::new),
        };
        let mut seen = HashSet::new();
        for logged in &history.log {
            if seen.insert(logged.order.id) || !dedupe {
                handle(&mut binding, logged);
            }
        }
        history.bindings.push(binding);
    }
    history
}

fn handle(binding: &mut Observed, logged: &Logged) {
    let (order, place) = (&logged.order, logged.place);
    let at = Place { partition: 0, offset: binding.letters.len() as i64 };
    let letter =
        |reason: &str, attempts| Letter { at, source: place, reason: reason.to_owned(), attempts, altered: None };
    match order.plan {
        Plan::Dead => binding.letters.push(letter("asked", 1)),
        Plan::Exhaust => binding.letters.push(letter("attempts-exhausted", ATTEMPTS)),
        Plan::Skip => {}
        _ => {
            let at = Place { partition: place.partition, offset: binding.outputs.len() as i64 };
            binding.outputs.push(output(logged, at));
            let each = binding.promise.row_per_event;
            if let Some(rows) = binding.rows.as_mut().filter(|rows| each || rows.iter().all(|row| row.id != order.id)) {
                let place = rows.iter().filter(|row| row.key == order.key).count() as u32;
                rows.push(Row { key: order.key.clone(), place, n: order.n, id: order.id, source: logged.place });
                rows.sort_by(|a, b| (&a.key, a.place).cmp(&(&b.key, b.place)));
            }
        }
    }
}

fn output(logged: &Logged, at: Place) -> Output {
    let (partition, offset) = (logged.place.partition, logged.place.offset);
    Output { at, done: Done { order: logged.order.clone(), partition, offset, begun: 0, applied: true } }
}

/// The emits of a key, in order.
pub fn outputs_of(binding: &Observed, key: &str) -> Vec<Output> {
    binding.outputs.iter().filter(|output| output.done.order.key == key).cloned().collect()
}

/// Adds emits at the end of their partitions.
pub fn emit_again(binding: &mut Observed, outputs: Vec<Output>) {
    for mut output in outputs {
        output.at.offset = binding.outputs.iter().map(|other| other.at.offset).max().unwrap_or(0) + 1;
        binding.outputs.push(output);
    }
}

fn rows(history: &mut History) -> &mut Vec<Row> {
    history.bindings[0].rows.as_mut().expect("the first binding has rows")
}
