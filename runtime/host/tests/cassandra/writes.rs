//! Writing: conditions, timestamps, wrong values, guests that go away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use veltrix_host::cassandra::EventTime;
use veltrix_manifest::Grant;
use veltrix_wasm::Options;

use crate::world::{Value, World, cells, defaults, encode, names, text};

const APPLIED: Value<'_> = Value::Bytes(&[1]);
const NOT_APPLIED: Value<'_> = Value::Bytes(&[0]);

#[test]
fn a_conditional_write_says_whether_it_applied_and_what_was_there() {
    let world = World::new(&["t (k text PRIMARY KEY, v text)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = "INSERT INTO t (k, v) VALUES (?, ?) IF NOT EXISTS";
    let first = function.run(insert, &[text("k"), text("1")]).unwrap();
    assert_eq!((names(&first.columns), cells(&first)), (vec!["[applied]".to_owned()], vec![APPLIED]));
    let second = function.run(insert, &[text("k"), text("2")]).unwrap();
    assert_eq!(names(&second.columns), ["[applied]", "k", "v"]);
    assert_eq!(cells(&second), [NOT_APPLIED, text("k"), text("1")]);
    let update = "UPDATE t SET v = ? WHERE k = ? IF v = ?";
    assert_eq!(cells(&function.run(update, &[text("3"), text("k"), text("1")]).unwrap()), [APPLIED]);
    let rejected = function.run(update, &[text("4"), text("k"), text("1")]).unwrap();
    assert_eq!(cells(&rejected), [NOT_APPLIED, text("3")]);
}

#[test]
fn wrong_values_are_invalid_and_not_applied() {
    let world = World::new(&["t (k text PRIMARY KEY, i int)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = "INSERT INTO t (k, i) VALUES (?, ?)";
    for (values, part) in [
        (&[text("k"), text("seven!!")][..], "int"),
        (&[text("k")], "expected 2 values, found 1"),
        (&[text("k"), Value::Null, Value::Null], "found 4 bytes after them"),
        (&[Value::Null, Value::Null], "null"),
        (&[Value::Bytes(&[0xff, 0xfe]), Value::Null], "validate"),
    ] {
        let error = function.run(insert, values).unwrap_err();
        assert_eq!((error.kind, error.applied), (1, 0), "{error:?}");
        assert!(error.message.to_lowercase().contains(&part.to_lowercase()), "{part}: {}", error.message);
    }
    assert_eq!(function.run("SELECT k FROM t", &[]).unwrap().count, 0);
}

#[test]
fn a_missing_table_fails_the_call_until_it_is_there() {
    let world = World::new(&[]);
    let function = world.access(&[("late", Grant::Read)]);
    let error = function.prepare("SELECT k FROM late").unwrap_err();
    assert_eq!((error.kind, error.applied, error.code), (1, 0, 0x2200));
    assert!(error.message.contains("late"), "{}", error.message);
    world.server.execute(&format!("CREATE TABLE {}.late (k text PRIMARY KEY)", world.keyspace));
    function.eventually_prepared("SELECT k FROM late");
}

#[test]
fn plain_writes_carry_increasing_timestamps_of_the_worker_unless_told_otherwise() {
    let world = World::new(&["t (k text PRIMARY KEY, v text)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = "INSERT INTO t (k, v) VALUES (?, ?)";
    let written = |key: &str| {
        let page = function.run("SELECT writetime(v) FROM t WHERE k = ?", &[text(key)]).unwrap();
        match cells(&page)[..] {
            [Value::Bytes(bytes)] => i64::from_be_bytes(bytes.try_into().unwrap()),
            ref other => panic!("{other:?}"),
        }
    };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
    let before = now();
    function.run(insert, &[text("a"), text("1")]).unwrap();
    function.run(insert, &[text("b"), text("1")]).unwrap();
    assert!(before <= written("a") && written("a") < written("b") && written("b") <= now());

    let explicit = Options { timestamp: Some(77), ..defaults() };
    function.run_with(insert, &[text("c"), text("1")], explicit, None).unwrap();
    assert_eq!(written("c"), 77);
    let event = Some(EventTime { timestamp_ms: 5_000, offset: 12_345 });
    let event_time = Options { flags: 2, ..defaults() };
    function.run_with(insert, &[text("d"), text("1")], event_time, event).unwrap();
    assert_eq!(written("d"), 5_000_345);
    function
        .run("INSERT INTO t (k, v) VALUES ('e', '1') USING TIMESTAMP ?", &[Value::Bytes(&88i64.to_be_bytes())])
        .unwrap();
    assert_eq!(written("e"), 88);

    let conditional = "INSERT INTO t (k, v) VALUES (?, ?) IF NOT EXISTS";
    let error = function.run_with(conditional, &[text("f"), text("1")], explicit, None).unwrap_err();
    assert_eq!((error.kind, error.applied), (1, 0));
    let error = function.run_with(insert, &[text("f"), text("1")], event_time, None).unwrap_err();
    assert!(error.message.contains("no time to write with"), "{}", error.message);
}

#[test]
fn a_request_goes_on_when_its_guest_is_gone_and_can_be_waited_for() {
    let world = World::new(&["t (k text PRIMARY KEY, b blob)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = function.prepared("INSERT INTO t (k, b) VALUES (?, ?)");
    let blob = vec![7; 100_000];
    let keys: Vec<_> = (0..100).map(|i| format!("k{i}")).collect();
    for key in &keys {
        let values = encode(&[text(key), Value::Bytes(&blob)]);
        let request = function.access.execute(insert.clone(), values, vec![], defaults(), None, &function.outstanding);
        drop(function.begin(request));
    }
    assert!(function.outstanding.count() > 0);
    world.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), function.outstanding.settled()).await.unwrap()
    });
    assert_eq!(world.cassandra.in_flight(), 0);
    assert_eq!(world.server.count(&format!("SELECT count(*) FROM {}.t", world.keyspace)), 100);
}

#[test]
fn a_write_that_gets_no_answer_in_time_may_have_been_applied() {
    let world = World::new(&["t (k int PRIMARY KEY, b blob)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = function.prepared("INSERT INTO t (k, b) VALUES (?, ?)");
    let options = Options { timeout_ms: 1, ..defaults() };
    let blob = vec![7; 100_000];
    let requests: Vec<_> = (0..200i32)
        .map(|k| {
            let values = encode(&[Value::Bytes(&k.to_be_bytes()), Value::Bytes(&blob)]);
            function.begin(function.access.execute(
                insert.clone(),
                values,
                vec![],
                options,
                None,
                &function.outstanding,
            ))
        })
        .collect();
    let errors: Vec<_> = requests.into_iter().filter_map(|request| world.block_on(request).err()).collect();
    assert!(errors.iter().any(|error| error.kind == 4), "200 writes of 100 kB in 1 ms");
    for error in errors {
        assert_eq!((error.kind, error.applied), (4, 1), "{error:?}");
    }
}
