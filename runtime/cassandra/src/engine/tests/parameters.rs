//! What comes beside a statement: values, pages, clocks.

use bytes::Bytes;

use super::*;
use crate::api::{Batch, BatchKind, BatchStatement, Bound};

fn run(engine: &Engine, text: &str) -> Vec<String> {
    lines(engine.query(text, &parameters()))
}

fn with_rows(count: i32) -> Arc<Engine> {
    let engine = engine();
    run(&engine, "CREATE TABLE t (k int, c int, v int, PRIMARY KEY (k, c))");
    for row in 0..count {
        run(&engine, &format!("INSERT INTO t (k, c, v) VALUES ({}, {row}, {row})", row % 3));
    }
    engine
}

fn int(value: i32) -> Bound {
    Bound::Value(Bytes::copy_from_slice(&value.to_be_bytes()))
}

fn rows(answer: Result<Response, Error>) -> Rows {
    match answer.unwrap() {
        Response::Rows(rows) => rows,
        Response::Warned { response, .. } => rows(Ok(*response)),
        other => panic!("no rows: {other:?}"),
    }
}

/// All rows of a query by pages of a size, and how long each page was.
fn pages(engine: &Engine, text: &str, size: i32) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut sizes, mut state) = (Vec::new(), Vec::new(), None);
    loop {
        let page = rows(engine.query(text, &Parameters { page_size: Some(size), paging_state: state, ..parameters() }));
        let lines = table(&page).split_off(1);
        sizes.push(lines.len());
        all.extend(lines);
        state = page.paging_state;
        if state.is_none() {
            return (all, sizes);
        }
    }
}

#[test]
fn pages_together_are_the_whole() {
    let engine = with_rows(20);
    for query in [
        "SELECT * FROM t",
        "SELECT * FROM t WHERE k = 1",
        "SELECT * FROM t WHERE k = 1 ORDER BY c DESC",
        "SELECT * FROM t WHERE k IN (0, 2)",
        "SELECT * FROM t LIMIT 11",
        "SELECT * FROM t PER PARTITION LIMIT 2",
        "SELECT DISTINCT k FROM t",
        "SELECT k, v FROM t WHERE v > 4 ALLOW FILTERING",
        "SELECT k, count(*) FROM t GROUP BY k",
    ] {
        let whole = run(&engine, query).split_off(1);
        for size in [1, 3, 7, 100] {
            let (paged, sizes) = pages(&engine, query, size);
            assert_eq!(paged, whole, "{query} by {size}");
            assert!(sizes.iter().all(|length| *length <= size as usize), "{query} by {size}: {sizes:?}");
        }
    }
}

#[test]
fn a_paging_state_of_another_server_is_refused() {
    let engine = with_rows(3);
    for state in [&b"nonsense"[..], b"", &[0; 100], &[0xff; 9]] {
        let paging_state = Some(Bytes::copy_from_slice(state));
        let answer = engine.query("SELECT * FROM t", &Parameters { page_size: Some(2), paging_state, ..parameters() });
        if !state.is_empty() {
            assert!(matches!(answer, Err(Error::Protocol(_) | Error::Invalid(_))), "{state:?}: {answer:?}");
        }
    }
}

#[test]
fn what_expires_is_gone_when_the_clock_says_so() {
    let engine = with_rows(0);
    let at = |now, text: &str| lines(engine.query(text, &Parameters { now_in_seconds: Some(now), ..parameters() }));
    at(1000, "INSERT INTO t (k, c, v) VALUES (1, 1, 1) USING TTL 10");
    at(1000, "INSERT INTO t (k, c) VALUES (1, 2)");
    at(1000, "UPDATE t USING TTL 5 SET v = 2 WHERE k = 1 AND c = 2");
    assert_eq!(at(1004, "SELECT c, v, ttl(v) FROM t"), ["c | v | ttl(v)", "1 | 1 | 6", "2 | 2 | 1"]);
    assert_eq!(at(1006, "SELECT c, v, ttl(v) FROM t"), ["c | v | ttl(v)", "1 | 1 | 4", "2 | null | null"]);
    assert_eq!(at(1011, "SELECT c, v FROM t"), ["c | v", "2 | null"]);
}

#[test]
fn the_timestamp_of_a_request_is_the_default() {
    let engine = with_rows(0);
    let at =
        |timestamp, text: &str| lines(engine.query(text, &Parameters { timestamp: Some(timestamp), ..parameters() }));
    at(20, "INSERT INTO t (k, c, v) VALUES (1, 1, 20)");
    at(10, "INSERT INTO t (k, c, v) VALUES (1, 1, 10)");
    at(10, "UPDATE t USING TIMESTAMP 30 SET v = 30 WHERE k = 1 AND c = 1");
    assert_eq!(run(&engine, "SELECT v, writetime(v) FROM t"), ["v | writetime(v)", "30 | 30"]);
}

#[test]
fn values_are_bound_by_position_and_by_name() {
    let engine = with_rows(0);
    let insert = engine.prepare("INSERT INTO t (k, c, v) VALUES (?, ?, ?)", Some("ks")).unwrap();
    assert_eq!(insert.markers.iter().map(|marker| marker.name.as_str()).collect::<Vec<_>>(), ["k", "c", "v"]);
    assert_eq!((&insert.partition_key[..], insert.columns.len()), (&[0][..], 0));
    let execute = |values| engine.execute(insert.id, &Parameters { values, ..parameters() });
    execute(vec![int(1), int(1), int(5)]).unwrap();
    execute(vec![int(1), int(1), Bound::Unset]).unwrap();
    assert_eq!(run(&engine, "SELECT v FROM t"), ["v", "5"]);
    execute(vec![int(1), int(1), Bound::Null]).unwrap();
    assert_eq!(run(&engine, "SELECT v FROM t"), ["v", "null"]);
    assert!(matches!(execute(vec![int(1), int(1)]), Err(Error::Invalid(_))));
    assert!(matches!(
        execute(vec![int(1), Bound::Value(Bytes::from_static(b"five!")), int(1)]),
        Err(Error::Invalid(_))
    ));
    let named = "UPDATE t SET v = :v WHERE k = :k AND c = :c";
    let names = Some(vec!["c".to_owned(), "k".to_owned(), "v".to_owned()]);
    let values = vec![int(1), int(1), int(9)];
    engine.query(named, &Parameters { values, names, ..parameters() }).unwrap();
    assert_eq!(run(&engine, "SELECT v FROM t"), ["v", "9"]);
}

#[test]
fn a_prepared_statement_is_forgotten_when_its_table_changes() {
    let engine = with_rows(1);
    let select = engine.prepare("SELECT * FROM t", Some("ks")).unwrap();
    assert_eq!(select.columns.len(), 3);
    run(&engine, "ALTER TABLE t ADD w int");
    let gone = engine.execute(select.id, &parameters());
    assert!(matches!(gone, Err(Error::Unprepared(id)) if id == select.id), "{gone:?}");
    let again = engine.prepare("SELECT * FROM t", Some("ks")).unwrap();
    assert_eq!((again.id, again.columns.len()), (select.id, 4));
    assert_ne!(again.columns_id, select.columns_id);
    assert_eq!(again.columns_id, crate::wire::columns_id(&again.columns));
}

#[test]
fn a_batch_of_the_protocol_is_applied_as_one() {
    let engine = with_rows(0);
    let insert = engine.prepare("INSERT INTO t (k, c, v) VALUES (?, ?, ?)", Some("ks")).unwrap();
    let text = |text: &str| (BatchStatement::Text(text.to_owned()), Vec::new());
    let prepared = (BatchStatement::Prepared(insert.id), vec![int(1), int(1), int(1)]);
    let mut batch = Batch { kind: BatchKind::Logged, statements: vec![prepared, text("DELETE FROM t WHERE k = 2")] };
    engine.batch(&batch, &parameters()).unwrap();
    assert_eq!(run(&engine, "SELECT * FROM t"), ["k | c | v", "1 | 1 | 1"]);
    batch.statements.push(text("INSERT INTO t (k, c, v) VALUES (3, 3, 'no int')"));
    batch.statements.push(text("DELETE FROM t WHERE k = 1"));
    assert!(matches!(engine.batch(&batch, &parameters()), Err(Error::Invalid(_))));
    batch.statements = vec![text("SELECT * FROM t")];
    assert!(matches!(engine.batch(&batch, &parameters()), Err(Error::Invalid(_) | Error::Syntax(_))));
    assert_eq!(run(&engine, "SELECT * FROM t"), ["k | c | v", "1 | 1 | 1"], "nothing of a refused batch is applied");
}
