//! Against a table in memory that keeps its condition: repetitions, conflicts, unknown outcomes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use veltrix_sdk::cql::script::Call;
use veltrix_sdk::cql::{CqlError, CqlErrorKind, Decimal, Timestamp, Value};
use veltrix_sdk::testing::{Host, Record, Rows, Run, Script, Verdict, event};

use super::project;

const SELECT: &str = "SELECT entry, seen, \"version\", \"count\", \"revenue\" FROM \"sales\" WHERE \"shop\" = ? AND \
    \"bucket\" = ? AND entry IN ?";
const INSERT: &str = "INSERT INTO \"sales\" (\"shop\", \"bucket\", entry, \"version\", \"count\", \"revenue\") VALUES \
    (?, ?, ?, ?, ?, ?) IF NOT EXISTS";
const UPDATE: &str = "UPDATE \"sales\" SET \"version\" = ?, \"count\" = ?, \"revenue\" = ? WHERE \"shop\" = ? AND \
    \"bucket\" = ? AND entry = ? IF version = ?";
const MARK: &str = "INSERT INTO \"sales\" (\"shop\", \"bucket\", entry, seen) VALUES (?, ?, ?, ?)";
const HOUR: i64 = 3_600_000;

/// By shop and bucket.
type Key = (String, i64);

#[derive(Default)]
struct Bucket {
    version: Option<i64>,
    count: i64,
    revenue: Decimal,
    seen: BTreeMap<String, Vec<u8>>,
}

/// The table, and what goes wrong with it.
#[derive(Clone, Default)]
struct Table {
    buckets: Rc<RefCell<BTreeMap<Key, Bucket>>>,
    /// Whether the condition of the batch at work was met.
    met: Rc<Cell<bool>>,
    /// So many times someone else writes in between.
    conflicts: Rc<Cell<u32>>,
}

fn key(call: &Call) -> Key {
    (call.named("shop").unwrap(), call.named::<Timestamp>("bucket").unwrap().as_millis())
}

impl Table {
    fn write(&self, call: &Call, before: Option<i64>) -> Result<Rows, CqlError> {
        if self.conflicts.get() > 0 {
            self.conflicts.set(self.conflicts.get() - 1);
            let mut buckets = self.buckets.borrow_mut();
            let bucket = buckets.entry(key(call)).or_default();
            bucket.version = Some(bucket.version.unwrap_or(0) + 1);
            bucket.count += 100;
        }
        let mut buckets = self.buckets.borrow_mut();
        let bucket = buckets.entry(key(call)).or_default();
        self.met.set(bucket.version == before);
        if self.met.get() {
            bucket.version = Some(call.named("version").unwrap());
            bucket.count = call.named("count").unwrap();
            bucket.revenue = call.named("revenue").unwrap();
        }
        Ok(if self.met.get() { Rows::applied() } else { Rows::none().not_applied() })
    }

    fn script(&self) -> Script {
        let (reads, inserts, updates, marks) = (self.clone(), self.clone(), self.clone(), self.clone());
        Script::new()
            .on(SELECT, move |call: &Call| {
                let buckets = reads.buckets.borrow();
                let Some(bucket) = buckets.get(&key(call)) else { return Ok(Rows::none()) };
                let entries: Vec<String> = call.get(2).unwrap();
                let value = |value| Value::new(value).unwrap();
                let mut rows: Vec<Vec<Value>> = vec![vec![
                    Value::new("").unwrap(),
                    Value::new(None::<Vec<u8>>).unwrap(),
                    value(bucket.version.unwrap_or(0)),
                    value(bucket.count),
                    Value::new(&bucket.revenue).unwrap(),
                ]];
                let none = || Value::new(None::<i64>).unwrap();
                rows.extend(bucket.seen.iter().filter(|(entry, _)| entries.contains(entry)).map(|(entry, seen)| {
                    vec![Value::new(entry).unwrap(), Value::new(seen).unwrap(), none(), none(), none()]
                }));
                if bucket.version.is_none() {
                    rows.remove(0);
                }
                Ok(Rows::of(rows))
            })
            .on(INSERT, move |call: &Call| inserts.write(call, None))
            .on(UPDATE, move |call: &Call| updates.write(call, Some(call.get(6).unwrap())))
            .on(MARK, move |call: &Call| {
                if marks.met.get() {
                    let mut buckets = marks.buckets.borrow_mut();
                    let seen = &mut buckets.entry(key(call)).or_default().seen;
                    seen.insert(call.get(2).unwrap(), call.get(3).unwrap());
                }
                Ok(Rows::none())
            })
    }

    fn run(&self, records: impl IntoIterator<Item = Record>) -> Run {
        host().cassandra(&self.script()).run(project, records)
    }

    fn totals(&self) -> BTreeMap<Key, (i64, String)> {
        let buckets = self.buckets.borrow();
        buckets.iter().map(|(key, bucket)| (key.clone(), (bucket.count, bucket.revenue.to_string()))).collect()
    }
}

fn host() -> Host {
    Host::new()
        .var("table", "sales")
        .var("key", "/shop -> shop text")
        .var("sums", "/total -> revenue decimal keep")
        .var("bucket", "1h")
}

fn sale(offset: i64, shop: &str, total: &str, time: i64) -> Record {
    let value = format!(r#"{{"shop": "{shop}", "total": {total}}}"#);
    event("sales").offset(offset).key(shop).timestamp(time).value(value)
}

fn sales() -> Vec<Record> {
    vec![
        sale(0, "a", "1.10", 0),
        sale(1, "a", "2", HOUR - 1),
        sale(2, "b", "0.05", 0),
        sale(3, "a", "10", HOUR),
        sale(2_000, "a", "0.90", 5),
    ]
}

fn expected() -> BTreeMap<Key, (i64, String)> {
    BTreeMap::from([
        (("a".into(), 0), (3, "4.00".into())),
        (("a".into(), HOUR), (1, "10".into())),
        (("b".into(), 0), (1, "0.05".into())),
    ])
}

#[test]
fn counts_and_sums_per_key_and_hour() {
    let table = Table::default();
    let run = table.run(sales());
    assert_eq!(run.verdicts(), vec![Verdict::Ack; 5]);
    assert_eq!(table.totals(), expected());
    assert_eq!(table.buckets.borrow()[&("a".to_owned(), 0)].version, Some(1), "one write for all events of a call");
}

#[test]
fn what_comes_again_counts_no_more() {
    let table = Table::default();
    table.run(sales().into_iter().take(2));
    table.run(sales().into_iter().skip(1).take(2));
    for record in sales() {
        assert_eq!(table.run([record]).verdict(), Verdict::Ack);
    }
    assert_eq!(table.run(sales()).verdicts(), vec![Verdict::Ack; 5]);
    assert_eq!(table.totals(), expected());
}

#[test]
fn what_others_write_meanwhile_is_added_to() {
    let table = Table::default();
    table.conflicts.set(3);
    assert_eq!(table.run([sale(0, "a", "1", 0)]).verdict(), Verdict::Ack);
    assert_eq!(table.totals()[&("a".to_owned(), 0)], (301, "1".into()));
    table.conflicts.set(100);
    assert_eq!(table.run([sale(1, "a", "1", 0)]).verdict(), Verdict::retry());
}

#[test]
fn an_event_without_what_is_summed_adds_nothing_and_counts() {
    let table = Table::default();
    let none = |offset, value: &str| event("sales").offset(offset).timestamp(0).value(value);
    table.run([none(0, r#"{"shop": "a"}"#), none(1, r#"{"shop": "a", "total": null}"#), sale(2, "a", "0.5", 0)]);
    assert_eq!(table.totals()[&("a".to_owned(), 0)], (3, "0.5".into()));
}

#[test]
fn what_can_not_be_counted_is_refused_and_its_neighbours_count() {
    let table = Table::default();
    let of = |offset, value: &str| event("sales").offset(offset).timestamp(0).value(value);
    let most = i128::MAX.to_string();
    let run = table.run([
        of(0, "{"),
        of(1, r#"{"total": 1}"#),
        of(2, r#"{"shop": "a", "total": "much"}"#),
        event("sales").offset(3).value(r#"{"shop": "a"}"#),
        event("sales").offset(4).timestamp(0),
        sale(5, "a", &most, 0),
        sale(6, "a", "1", 0),
        sale(7, "a", &format!("{most}0"), 0),
    ]);
    let reasons = ["decode", "/shop is missing", "/total is no decimal", "timestamp is missing"];
    let dead: Vec<Verdict> = reasons.into_iter().map(Verdict::dead_letter).collect();
    assert_eq!(run.verdicts()[..4], dead);
    let overflow = Verdict::dead_letter("overflow");
    assert_eq!(run.verdicts()[4..], [Verdict::Skip, Verdict::Ack, overflow.clone(), overflow]);
    assert_eq!(table.totals()[&("a".to_owned(), 0)], (1, most));
}

#[test]
fn times_of_the_content_make_buckets_too() {
    let table = Table::default();
    let at = |offset, time: &str| event("s").offset(offset).value(format!(r#"{{"shop": "a", "at": {time}}}"#));
    let records = [at(0, "\"1969-12-31T23:59:59Z\""), at(1, "0"), at(2, "null"), at(3, "\"noon\"")];
    let run = host().var("time", "/at").cassandra(&table.script()).run(project, records);
    assert_eq!(run.verdicts()[2..], ["/at is null", "/at is no timestamp"].map(Verdict::dead_letter));
    let buckets: Vec<i64> = table.totals().into_keys().map(|(_, bucket)| bucket).collect();
    assert_eq!(buckets, [-HOUR, 0]);
}

#[test]
fn without_what_names_the_event_nothing_is_counted() {
    let table = Table::default();
    let run = host().cassandra(&table.script()).nameless().run(project, [sale(0, "a", "1", 0)]);
    assert_eq!((run.verdict(), table.totals().len()), (Verdict::retry_after(std::time::Duration::from_secs(5)), 0));
}

#[test]
fn when_cassandra_fails_all_events_of_the_bucket_come_again() {
    let table = Table::default();
    let down = || CqlError::new(CqlErrorKind::Unavailable, "down");
    let script = table.script().once(INSERT, down());
    let run = host().cassandra(&script).run(project, [sale(0, "a", "1", 0), sale(1, "a", "1", 0)]);
    assert_eq!(run.verdicts(), [Verdict::retry(), Verdict::retry()]);
    let script = table.script().once(SELECT, down());
    assert_eq!(host().cassandra(&script).run(project, [sale(0, "a", "1", 0)]).verdict(), Verdict::retry());
    assert!(table.totals().values().all(|(count, _)| *count == 0));
}

#[test]
fn an_unknown_outcome_is_looked_up() {
    // The write was applied, and its answer lost.
    let table = Table::default();
    let applied = table.clone();
    let unknown = || CqlError::new(CqlErrorKind::Timeout, "no answer").unknown_outcome();
    let script = table.script().once(MARK, move |call: &Call| {
        let mut buckets = applied.buckets.borrow_mut();
        buckets.entry(key(call)).or_default().seen.insert(call.get(2).unwrap(), call.get(3).unwrap());
        Err(unknown())
    });
    let run = host().cassandra(&script).run(project, [sale(0, "a", "1", 0)]);
    assert_eq!((run.verdict(), table.totals()[&("a".to_owned(), 0)].0), (Verdict::Ack, 1));
    assert_eq!(script.calls_of(INSERT).len(), 1, "not written again");
    // Not applied: the same again.
    let table = Table::default();
    let script = table.script().once(INSERT, unknown()).once(INSERT, unknown());
    let run = host().cassandra(&script).run(project, [sale(0, "a", "1", 0)]);
    assert_eq!((run.verdict(), table.totals()[&("a".to_owned(), 0)].0), (Verdict::Ack, 1));
    let script = table.script().once(UPDATE, unknown()).once(UPDATE, unknown()).once(UPDATE, unknown());
    assert_eq!(host().cassandra(&script).run(project, [sale(1, "a", "1", 0)]).verdict(), Verdict::retry());
}

#[test]
#[should_panic(expected = "`bucket` says how long a bucket is")]
fn mistakes_are_told() {
    host().var("bucket", "hourly").run(project, [event("t")]);
}

#[test]
#[should_panic(
    expected = "`sums`: revenue can't be a double: sums are of bigint, varint or decimal; the column seen is \
    there already: bucket, entry, version, seen are the function's"
)]
fn columns_and_types_that_can_not_be_are_told() {
    host().var("sums", "/total -> revenue double").var("count", "seen").run(project, [event("t")]);
}
