//! Reading: what statements tell of themselves, rows, pages.

use veltrix_host::cassandra::Statements;
use veltrix_manifest::Grant;
use veltrix_wasm::Options;

use crate::world::{Value, World, cells, defaults, encode, names, text};

#[test]
fn values_and_rows_pass_through_byte_for_byte() {
    let world =
        World::new(&["t (k text PRIMARY KEY, i int, b blob, l list<int>, m map<text, int>, f float, d duration)"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let blob: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let list = [0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 8];
    let row = [text("é"), Value::Bytes(&[0, 0, 0, 5]), Value::Bytes(&blob), Value::Bytes(&list), Value::Null];
    let insert = "INSERT INTO t (k, i, b, l, m) VALUES (?, ?, ?, ?, ?)";
    assert_eq!(function.run(insert, &row).unwrap().count, 0);
    let page = function.run("SELECT k, i, b, l, m FROM t WHERE k = ?", &row[..1]).unwrap();
    assert_eq!((page.count, &page.columns[..], &page.next[..]), (1, &[][..], &[][..]));
    assert_eq!(cells(&page), row);

    // Unset leaves a value, null takes it away, empty is neither.
    let update = [text("é"), Value::Unset, Value::Bytes(&[]), Value::Null, Value::Unset];
    function.run(insert, &update).unwrap();
    let page = function.run("SELECT i, b, l FROM t WHERE k = ?", &row[..1]).unwrap();
    assert_eq!(cells(&page), [row[1], Value::Bytes(&[]), Value::Null]);
    let none = function.run("SELECT i FROM t WHERE k = 'other'", &[]).unwrap();
    assert_eq!((none.count, none.rows.len()), (0, 0));
}

#[test]
fn statements_describe_params_results_key_and_traits() {
    let world =
        World::new(&["t (a int, b text, c int, v text, PRIMARY KEY ((a, b), c))", "n (k text PRIMARY KEY, n counter)"]);
    let function = world.access(&[("t", Grant::ReadWrite), ("n", Grant::ReadWrite)]);
    let statements = Statements::default();
    let describe = |text: &str| statements.add(function.prepared(text)).unwrap();

    let select = describe("SELECT v, c FROM t WHERE c > ? AND b = :name AND a = ?");
    assert_eq!(names(&select.params), ["c", "name", "a"]);
    assert_eq!(
        (names(&select.results), &select.key[..], select.traits),
        (vec!["v".into(), "c".into()], &[2, 1][..], 0)
    );
    let insert = describe("INSERT INTO t (a, b, c) VALUES (1, ?, ?)");
    assert_eq!((insert.traits, insert.results.len(), insert.id), (1, 0, 1));
    assert_eq!(describe("UPDATE t SET v = ? WHERE a = 1 AND b = ? AND c = 1 IF v = ?").traits, 3);
    assert_eq!(describe("UPDATE n SET n = n + ? WHERE k = ?").traits, 5);
    assert_eq!(describe("UPDATE n SET n = n + 1 WHERE k = 'x'").traits, 5);
    // The same text, differently written, is the same statement.
    assert_eq!(describe(&format!("insert into {}.T (a,b,c) values(1,?,?);", world.keyspace)).id, insert.id);
    assert_eq!(statements.get(99).unwrap_err().kind, 1);
}

#[test]
fn pages_end_to_end_and_tokens_are_bound_to_their_statement() {
    let world = World::new(&["t (k int, c int, PRIMARY KEY (k, c))"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let insert = function.prepared("INSERT INTO t (k, c) VALUES (1, ?)");
    world.block_on(async {
        for c in 0..250i32 {
            let values = encode(&[Value::Bytes(&c.to_be_bytes())]);
            let execute =
                function.access.execute(insert.clone(), values, vec![], defaults(), None, &function.outstanding);
            execute.await.unwrap();
        }
    });
    let select = function.prepared("SELECT c FROM t WHERE k = 1");
    let other = function.prepared("SELECT c, k FROM t WHERE k = 1");
    let options = Options { page_size: 100, ..defaults() };
    let execute = |statement: &std::sync::Arc<_>, next: Vec<u8>| {
        let statement = std::sync::Arc::clone(statement);
        world.block_on(function.access.execute(statement, vec![], next, options, None, &function.outstanding))
    };
    let (mut next, mut counts, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let page = execute(&select, next).unwrap();
        counts.push(page.count);
        seen.extend(cells(&page).iter().map(|cell| match cell {
            Value::Bytes(bytes) => i32::from_be_bytes((*bytes).try_into().unwrap()),
            other => panic!("{other:?}"),
        }));
        if page.next.is_empty() {
            break;
        }
        let error = execute(&other, page.next.clone()).unwrap_err();
        assert_eq!((error.kind, error.applied), (1, 0));
        assert!(error.message.contains("belongs to another statement"), "{}", error.message);
        next = page.next;
    }
    assert_eq!(counts, [100, 100, 50]);
    assert!(seen.into_iter().eq(0..250));
}

#[test]
fn rows_whose_columns_changed_since_prepare_bring_their_columns() {
    let world = World::new(&["t (k text PRIMARY KEY, a int)"]);
    let function = world.access(&[("t", Grant::Read)]);
    world.server.execute(&format!("INSERT INTO {}.t (k, a) VALUES ('x', 1)", world.keyspace));
    let select = function.prepared("SELECT * FROM t");
    world.server.execute(&format!("ALTER TABLE {}.t ADD b int", world.keyspace));
    let page = world
        .block_on(function.access.execute(select, vec![], vec![], defaults(), None, &function.outstanding))
        .unwrap();
    assert_eq!(names(&page.columns), ["k", "a", "b"]);
    assert_eq!(cells(&page).len(), 3);
}

#[test]
fn a_page_beyond_its_bound_is_an_error_not_an_allocation() {
    let world = World::new(&["t (k int, c int, b blob, PRIMARY KEY (k, c))"]);
    let function = world.access(&[("t", Grant::ReadWrite)]);
    let blob = vec![1; 1 << 20];
    for c in 0..9i32 {
        let c = c.to_be_bytes();
        function.run("INSERT INTO t (k, c, b) VALUES (1, ?, ?)", &[Value::Bytes(&c), Value::Bytes(&blob)]).unwrap();
    }
    let error = function.run("SELECT b FROM t WHERE k = 1", &[]).unwrap_err();
    assert_eq!((error.kind, error.applied), (7, 0));
    assert!(error.message.contains("smaller page size"), "{}", error.message);
    let smaller = Options { page_size: 4, ..defaults() };
    assert_eq!(function.run_with("SELECT b FROM t WHERE k = 1", &[], smaller, None).unwrap().count, 4);
}
