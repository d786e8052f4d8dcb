//! Rows as they are written, and settings that are wrong.

use veltrix_sdk::testing::{Host, Record, Rows, Run, Script, Verdict, event};

use super::*;

const INSERT: &str = "INSERT INTO \"archive\" (\"topic\", \"partition\", \"bucket\", \"offset\", \"topic_id\", \
    \"timestamp\", \"key\", \"value\", \"headers\") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

fn run(record: Record) -> (Run, Script) {
    let script = Script::new().on(INSERT, Rows::none());
    (Host::new().var("table", "archive").var("bucket", "100").cassandra(&script).run(archive, [record]), script)
}

#[test]
fn a_row_has_the_coordinates_and_the_bytes() {
    let odd = event("t").partition(3).offset(1_234).timestamp(1_700_000_000_123).key([0xff, 0]).value([0xfe]);
    let (run, script) = run(odd.header("h", "1").null_header([0xc3]).header("h", ""));
    assert_eq!(run.verdict(), Verdict::Ack);
    let row = &script.calls()[0];
    assert_eq!((row.get::<String>(0).unwrap(), row.get::<i32>(1).unwrap()), ("t".into(), 3));
    assert_eq!((row.get::<i64>(2).unwrap(), row.get::<i64>(3).unwrap()), (12, 1_234));
    assert_eq!(row.get::<String>(4).unwrap(), "topic-of-t");
    assert_eq!(row.get::<Timestamp>(5).unwrap().as_millis(), 1_700_000_000_123);
    assert_eq!((row.get::<Vec<u8>>(6).unwrap(), row.get::<Vec<u8>>(7).unwrap()), (vec![0xff, 0], vec![0xfe]));
    let headers: Vec<(Vec<u8>, Option<Vec<u8>>)> = row.get(8).unwrap();
    assert_eq!(headers, [(b"h".to_vec(), Some(b"1".to_vec())), (vec![0xc3], None), (b"h".to_vec(), Some(vec![]))]);
}

#[test]
fn nothing_is_left_out_and_empty_is_empty() {
    let (_, nothing) = run(event("t"));
    assert_eq!([5, 6, 7].map(|column| nothing.calls()[0].is_unset(column)), [true; 3], "not null, a tombstone");
    let (_, empty) = run(event("t").key("").value(""));
    let bytes = [6, 7].map(|column| empty.calls()[0].get::<Option<Vec<u8>>>(column).unwrap());
    assert_eq!(bytes, [Some(vec![]), Some(vec![])]);
}

#[test]
fn a_topic_without_an_id_waits_unless_it_is_said_that_there_is_none() {
    let script = Script::new().on(INSERT, Rows::none());
    let host = Host::new().var("table", "archive").cassandra(&script).nameless();
    assert_eq!(host.run(archive, [event("t")]).verdict(), Verdict::retry_after(Duration::from_secs(5)));
    assert!(script.calls().is_empty());
    for host in [host, Host::new().var("table", "archive").cassandra(&script)] {
        assert_eq!(host.var("topic_id", "none").run(archive, [event("t")]).verdict(), Verdict::Ack);
        assert_eq!(script.calls().pop().unwrap().get::<String>(4).unwrap(), "");
    }
}

#[test]
fn a_time_to_live_goes_along() {
    let text = format!("{INSERT} USING TTL ?");
    let script = Script::new().on(&text, Rows::none());
    let host = Host::new().var("table", "archive").var("ttl", "2d").cassandra(&script);
    assert_eq!(host.run(archive, [event("t")]).verdict(), Verdict::Ack);
    assert_eq!(script.calls()[0].get::<i32>(9).unwrap(), 172_800);
}

#[test]
#[should_panic(
    expected = "misconfigured: the function's `vars` in the manifest: `table` is missing: write for example \
    table = \"archive\"; `bucket` must be a whole number from 1 to 1000000, not \"many\"; `tll` is no variable of this \
    function, these are: `table`, `bucket`, `ttl`, `topic_id`"
)]
fn all_mistakes_are_told_at_once() {
    Host::new().var("bucket", "many").var("tll", "1d").run(archive, [event("t")]);
}

#[test]
#[should_panic(expected = "the column key is of type text, it has to be blob")]
fn a_column_of_another_type_is_told() {
    let header = CqlType::Tuple(vec![CqlType::Blob, CqlType::Blob]);
    let mut types = vec![CqlType::Text, CqlType::Int, CqlType::BigInt, CqlType::BigInt, CqlType::Text];
    types.extend([CqlType::Timestamp, CqlType::Text, CqlType::Blob, CqlType::List(Box::new(header))]);
    let script = Script::new().on(INSERT, Rows::none()).params(INSERT, types);
    Host::new().var("table", "archive").cassandra(&script).run(archive, [event("t")]);
}

#[test]
#[should_panic(expected = "misconfigured: cassandra, not granted")]
fn a_missing_grant_is_told() {
    Host::new().var("table", "archive").run(archive, [event("t")]);
}
