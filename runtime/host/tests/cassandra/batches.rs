//! Batches of prepared statements.

use veltrix_host::cassandra::Prepared;
use veltrix_manifest::Grant;
use veltrix_wasm::{CqlError, Options, Page};

use crate::world::{Function, Value, World, cells, defaults, encode, text};

fn batch(
    function: &Function<'_>,
    kind: u8,
    texts: &[&str],
    values: &[Value<'_>],
    options: Options,
) -> Result<Page, CqlError> {
    let statements: Vec<std::sync::Arc<Prepared>> = texts.iter().map(|text| function.prepared(text)).collect();
    let values = encode(values);
    function.world.block_on(function.access.batch(kind, statements, values, options, None, &function.outstanding))
}

#[test]
fn writes_all_statements_each_with_its_values() {
    let world =
        World::new(&["t (k text PRIMARY KEY, v text)", "u (k text PRIMARY KEY)", "n (k text PRIMARY KEY, n counter)"]);
    let function = world.access(&[("t", Grant::ReadWrite), ("u", Grant::ReadWrite), ("n", Grant::ReadWrite)]);
    let texts =
        ["INSERT INTO t (k, v) VALUES (?, ?)", "INSERT INTO u (k) VALUES ('fixed')", "DELETE FROM t WHERE k = ?"];
    let page = batch(&function, 0, &texts, &[text("a"), text("1"), text("b")], defaults()).unwrap();
    assert_eq!((page.count, page.columns.len()), (0, 0));
    assert_eq!(cells(&function.run("SELECT k, v FROM t", &[]).unwrap()), [text("a"), text("1")]);
    assert_eq!(cells(&function.run("SELECT k FROM u", &[]).unwrap()), [text("fixed")]);

    let add = "UPDATE n SET n = n + ? WHERE k = 'x'";
    let (one, two) = (1i64.to_be_bytes(), 2i64.to_be_bytes());
    batch(&function, 2, &[add, add], &[Value::Bytes(&one), Value::Bytes(&two)], defaults()).unwrap();
    assert_eq!(cells(&function.run("SELECT n FROM n", &[]).unwrap()), [Value::Bytes(&3i64.to_be_bytes())]);
}

#[test]
fn a_conditional_batch_applies_as_a_whole_or_says_what_was_there() {
    let world = World::new(&["s (k text, v int, head int static, d text, PRIMARY KEY (k, v))"]);
    let function = world.access(&[("s", Grant::ReadWrite)]);
    let texts = ["UPDATE s SET head = ? WHERE k = 'a' IF head = ?", "INSERT INTO s (k, v, d) VALUES ('a', ?, ?)"];
    let one = 1i32.to_be_bytes();
    let values = [Value::Bytes(&one), Value::Null, Value::Bytes(&one), text("first")];
    let first = batch(&function, 1, &texts, &values, defaults()).unwrap();
    assert_eq!(cells(&first)[0], Value::Bytes(&[1]));
    let second = batch(&function, 1, &texts, &values, defaults()).unwrap();
    assert_eq!(cells(&second)[0], Value::Bytes(&[0]));
    assert!(cells(&second).contains(&Value::Bytes(&one)) && !second.columns.is_empty());
    let stamped = Options { timestamp: Some(1), ..defaults() };
    let error = batch(&function, 1, &texts, &values, stamped).unwrap_err();
    assert_eq!((error.kind, error.applied), (1, 0));
}

#[test]
fn refuses_what_is_no_batch() {
    let world = World::new(&["t (k text PRIMARY KEY)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = "INSERT INTO t (k) VALUES (?)";
    for (kind, texts, values, part) in [
        (0, &[][..], &[][..], "no statement"),
        (9, &[insert], &[text("a")], "batch kind 9"),
        (0, &["SELECT k FROM t"], &[], "takes no SELECT"),
        (0, &[insert, insert], &[text("a")], "statement 1 of the batch"),
        (0, &[insert], &[text("a"), text("b")], "after the values of all statements"),
    ] {
        let error = batch(&function, kind, texts, values, defaults()).unwrap_err();
        assert_eq!((error.kind, error.applied), (1, 0));
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
    let many = vec![insert; 1001];
    assert_eq!(batch(&function, 0, &many, &vec![text("a"); 1001], defaults()).unwrap_err().kind, 7);
    assert_eq!(function.run("SELECT k FROM t", &[]).unwrap().count, 0);
}
