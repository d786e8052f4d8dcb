//! Rows as they are written, and what is refused.

use std::collections::BTreeMap;

use veltrix_sdk::testing::{Host, Record, Rows, Run, Script, Verdict, event};

use super::materialize;

const COLUMNS: &str = "
    /name         -> name text
    /address/city -> city text null
    /tags         -> tags set<text> keep
    /scores       -> scores map<text, int> null
    /total        -> total decimal null
    value         -> raw json
    timestamp     -> seen timestamp
";
const INSERT: &str = "INSERT INTO \"customers\" (\"id\", \"name\", \"city\", \"tags\", \"scores\", \"total\", \"raw\", \
    \"seen\") VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const DELETE: &str = "DELETE FROM \"customers\" WHERE \"id\" = ?";

fn host() -> Host {
    Host::new().var("table", "customers").var("key", "key -> id int").var("columns", COLUMNS)
}

fn run(record: Record) -> (Run, Script) {
    let script = Script::new().on(INSERT, Rows::none()).on(DELETE, Rows::none());
    (host().cassandra(&script).run(materialize, [record.timestamp(1_000)]), script)
}

fn of(value: &str) -> (Run, Script) {
    run(event("customers").key("7").value(value))
}

#[test]
fn fields_become_columns_by_the_time_of_the_event() {
    let value =
        r#"{"name": "Ada", "address": {"city": "Bern"}, "tags": ["b", "a", "a"], "scores": {"x": 1}, "total": 19.90}"#;
    let (run, script) = of(value);
    assert_eq!(run.verdict(), Verdict::Ack);
    let row = &script.calls()[0];
    assert!(row.is_event_time());
    assert_eq!((row.get::<i32>(0).unwrap(), row.get::<String>(1).unwrap()), (7, "Ada".into()));
    assert_eq!(row.named::<String>("city").unwrap(), "Bern");
    assert_eq!(row.named::<Vec<String>>("tags").unwrap(), ["b", "a", "a"]);
    assert_eq!(row.named::<BTreeMap<String, i32>>("scores").unwrap(), BTreeMap::from([("x".into(), 1)]));
    assert_eq!(row.named::<veltrix_sdk::cql::Decimal>("total").unwrap().to_string(), "19.90");
    assert_eq!(row.named::<String>("raw").unwrap(), value);
    assert_eq!(row.named::<veltrix_sdk::cql::Timestamp>("seen").unwrap().as_millis(), 1_000);
}

#[test]
fn what_is_missing_is_null_or_kept_or_refused() {
    let (run, script) = of(r#"{"name": "Ada", "address": null}"#);
    assert_eq!(run.verdict(), Verdict::Ack);
    let row = &script.calls()[0];
    assert_eq!(row.named::<Option<String>>("city").unwrap(), None);
    assert!(row.is_unset(3), "kept");
    let (_, script) = of(r#"{"name": "Ada", "tags": null}"#);
    assert!(!script.calls()[0].is_unset(3), "null is null");
    for (value, reason) in [
        ("{}", "/name is missing"),
        (r#"{"name": null}"#, "/name is null"),
        (r#"{"name": 5}"#, "/name is no text"),
        (r#"{"name": "a", "total": "many"}"#, "/total is no decimal"),
        (r#"{"name": "a", "tags": ["a", 1]}"#, "/tags is no set<text>"),
        (r#"{"name": "a", "scores": {"x": 2147483648}}"#, "/scores is no map<text, int>"),
        ("{", "decode"),
        ("\u{0}", "decode"),
    ] {
        let (run, script) = of(value);
        assert_eq!(run.verdict(), Verdict::dead_letter(reason), "{value}");
        assert!(script.calls().is_empty());
    }
}

#[test]
fn a_tombstone_deletes_the_row() {
    let (run, script) = run(event("customers").key("7"));
    assert_eq!((run.verdict(), script.calls()[0].text()), (Verdict::Ack, DELETE));
    assert!(script.calls()[0].is_event_time());
    assert_eq!(script.calls()[0].get::<i32>(0).unwrap(), 7);
    for (tombstone, verdict) in [("skip", Verdict::Skip), ("dead-letter", Verdict::dead_letter("tombstone"))] {
        let script = Script::new().on(INSERT, Rows::none());
        let host = host().var("tombstone", tombstone).cassandra(&script);
        assert_eq!(host.run(materialize, [event("customers").key("7").timestamp(1)]).verdict(), verdict);
    }
}

#[test]
fn a_key_that_is_none_is_refused() {
    for (record, reason) in [
        (event("customers").key("x"), "key is no int"),
        (event("customers").key([0xff]), "key is no int"),
        (event("customers"), "key is missing"),
    ] {
        assert_eq!(run(record).0.verdict(), Verdict::dead_letter(reason));
    }
    let script = Script::new().on(INSERT, Rows::none()).on(DELETE, Rows::none());
    let timeless = host().cassandra(&script).run(materialize, [event("customers").key("7").value("{}")]);
    assert_eq!(timeless.verdict(), Verdict::dead_letter("no-timestamp"));
}

#[test]
fn a_key_in_json_has_several_columns() {
    let delete = "DELETE FROM \"t\" WHERE \"tenant\" = ? AND \"id\" = ?";
    let insert = "INSERT INTO \"t\" (\"tenant\", \"id\", \"all\") VALUES (?, ?, ?) USING TTL ?";
    let script = Script::new().on(delete, Rows::none()).on(insert, Rows::none());
    let host = Host::new().var("table", "t").var("key", "key:/t -> tenant text\nkey:/n -> id bigint").var("ttl", "1h");
    let host = host.var("columns", "value -> all json").cassandra(&script);
    let key = r#"{"n": 12345678901, "t": "x"}"#;
    let records = [event("t").key(key).timestamp(1).value("[1]"), event("t").key(key).timestamp(2)];
    assert_eq!(host.run(materialize, records).verdicts(), [Verdict::Ack, Verdict::Ack]);
    assert_eq!(script.calls()[1].get::<i64>(1).unwrap(), 12_345_678_901);
    assert_eq!(script.calls()[0].get::<i32>(3).unwrap(), 3_600);
}

fn problems(host: Host) -> String {
    let run = std::panic::AssertUnwindSafe(|| host.run(materialize, [event("in").key("7").timestamp(1).value("{}")]));
    let panic = std::panic::catch_unwind(run).expect_err("it says what is wrong");
    panic.downcast_ref::<String>().expect("in words").clone()
}

#[test]
fn mistakes_are_told_all_together() {
    let host = Host::new()
        .var("key", "/id -> id int\n/m -> m set<int>\n/n -> n int null")
        .var("columns", "/a -> id int\n/b -> b integer\n/c -> c int\n/d -> c int")
        .var("tombstone", "drop")
        .var("column", "");
    let said = problems(host);
    for says in [
        "`table` is missing",
        "`key`: m can't be a set<int>",
        "`key`: n has to be there",
        "`columns`, line 2: \"integer\" is no type",
        "`columns`: id is part of `key` already",
        "the column c is mapped twice",
        "`tombstone` is \"delete\"",
        "`column` is no variable",
    ] {
        assert!(said.contains(says), "{says}: {said}");
    }
    let said = problems(Host::new().var("table", "t").var("key", "/id -> id int"));
    assert!(said.contains("id comes from the value (/id), and a tombstone has none"), "{said}");
}

#[test]
fn a_list_that_is_not_frozen_is_told() {
    // The script takes the statement that a server takes for such lists alone.
    let update = "UPDATE \"t\" SET \"l\" = \"l\" + ? WHERE \"id\" = ?";
    let script = Script::new()
        .on("INSERT INTO \"t\" (\"id\", \"l\") VALUES (?, ?)", Rows::none())
        .on("DELETE FROM \"t\" WHERE \"id\" = ?", Rows::none())
        .on(update, Rows::none());
    let host = Host::new().var("table", "t").var("key", "key -> id int").var("columns", "/l -> l list<int>");
    assert!(problems(host.cassandra(&script)).contains("the column l is a list that is not frozen"));
}
