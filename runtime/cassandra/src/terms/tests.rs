//! Expressions as statements have them: their values, the names and types of selectors, and refusals.

use veltrix_cql::{Command, InsertValues, Selection, Statement, parse_any};

use super::*;
use crate::schema::{Catalog, apply};
use crate::types::json::to_json;

const TABLE: &str = "CREATE TABLE t (k int PRIMARY KEY, i int, b bigint, t text, d double, dec decimal, ti tinyint, \
    u uuid, ts timestamp, da date, l list<int>, s set<text>, m map<text, int>, tup tuple<int, text>, ud u3, \
    v vector<float, 2>, bl blob, vi varint)";

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for text in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TYPE u3 (a int)",
        TABLE,
    ] {
        let Command::Schema(ddl) = parse_any(text).unwrap() else { panic!("{text}") };
        catalog = apply(&catalog, &ddl, Some("ks"), 1).unwrap().catalog.unwrap();
    }
    catalog
}

/// What a value for a column of `t` comes to, as JSON.
fn value(column: &str, text: &str) -> Result<String, String> {
    let catalog = catalog();
    let (keyspace, table) = (catalog.keyspace("ks").unwrap(), catalog.table("ks", "t").unwrap());
    let command = parse_any(&format!("INSERT INTO t ({column}) VALUES ({text})")).map_err(|error| error.to_string())?;
    let Command::Data(Statement::Insert(insert)) = command else { panic!("{text}") };
    let InsertValues::Columns(pairs) = insert.values else { panic!("{text}") };
    let of = table.column(column).unwrap().of.clone();
    let receiver = Column { keyspace: "ks".into(), table: "t".into(), name: column.to_owned(), of: of.clone() };
    let mut markers = Vec::new();
    let mut scope = Scope { keyspace, table, markers: &mut markers };
    let term = compile(&pairs[0].1, &receiver, &mut scope).map_err(|error| error.to_string())?;
    let bound = vec![Bound::Value(Bytes::from_static(&[0, 0, 0, 7])); markers.len()];
    let inputs = Inputs { bound: &bound, columns: &[], aggregates: &[] };
    let value = term.value(&inputs).map_err(|error| error.to_string())?;
    if let Some(value) = &value {
        assert_eq!(of.validate(value), Ok(()), "{text} for {of}");
    }
    Ok(to_json(&of, value.as_deref()))
}

/// Name, type and value of a selector, for a row whose columns are all null but some.
fn selected(text: &str) -> Result<String, String> {
    let catalog = catalog();
    let (keyspace, table) = (catalog.keyspace("ks").unwrap(), catalog.table("ks", "t").unwrap());
    let command = parse_any(&format!("SELECT {text} FROM t")).map_err(|error| error.to_string())?;
    let Command::Data(Statement::Select(statement)) = command else { panic!("{text}") };
    let Selection::List(list) = statement.selection else { panic!("{text}") };
    let mut markers = Vec::new();
    let scope = Scope { keyspace, table, markers: &mut markers };
    let mut selectors = Selectors { scope, inputs: Vec::new(), aggregates: Vec::new() };
    let found = select(&list[0].value, &mut selectors).map_err(|error| error.to_string())?;
    let columns: Vec<_> = selectors
        .inputs
        .iter()
        .map(|input| match input {
            Input::Column(at) => match &*table.columns[*at].name {
                "i" => Some(Bytes::from_static(&[0, 0, 0, 5])),
                "t" => Some(Bytes::from_static(b"x")),
                "m" => Some(crate::types::collection::encode(&[&b"a"[..], &[0, 0, 0, 1], b"b", &[0, 0, 0, 2]], true)),
                _ => None,
            },
            Input::Meta { .. } => None,
        })
        .collect();
    let mut inputs = Inputs { bound: &[], columns: &columns, aggregates: &[] };
    let mut aggregates = Vec::new();
    for aggregate in &selectors.aggregates {
        let mut state = aggregate.start();
        aggregate.add(&mut state, &inputs).unwrap();
        aggregate.add(&mut state, &inputs).unwrap();
        aggregates.push(state.finish().unwrap());
    }
    inputs.aggregates = &aggregates;
    let value = found.term.value(&inputs).map_err(|error| error.to_string())?;
    Ok(format!("{} | {} | {}", found.name, found.of, to_json(&found.of, value.as_deref())))
}

#[test]
fn constants_become_values() {
    for (column, text, json) in [
        ("i", "5", "5"),
        ("i", "null", "null"),
        ("i", "(1)", "1"),
        ("d", "5", "5.0"),
        ("dec", "1e5", "1E+5"),
        ("l", "[1, 2]", "[1, 2]"),
        ("s", "{'b', 'a', 'b'}", r#"["a", "b"]"#),
        ("m", "{}", "{}"),
        ("m", "{'b': 1, 'a': 2}", r#"{"a": 2, "b": 1}"#),
        ("tup", "(null, 'b')", r#"[null, "b"]"#),
        ("tup", "(1)", "[1, null]"),
        ("tup", "5", "[5, null]"),
        ("ud", "{a: 5}", r#"{"a": 5}"#),
        ("v", "[1, 2.5]", "[1.0, 2.5]"),
        ("i", "1 + 2 * 3", "7"),
        ("ti", "1 + 1", "2"),
        ("vi", "1 + 1", "2"),
        ("d", "1 + 1", "2.0"),
        ("t", "'a' + 'b'", r#""ab""#),
        ("i", "-(-5)", "5"),
        ("i", "abs(-5)", "5"),
        ("i", "(int) ?", "7"),
        ("tup", "(?, 'a')", r#"[7, "a"]"#),
        ("i", "fromjson('5')", "5"),
        ("t", "tojson(5)", r#""5""#),
        ("t", "cast(5 as text)", r#""5""#),
        ("bl", "intasblob(5)", r#""0x00000005""#),
        ("ts", "totimestamp('2020-01-02')", r#""2020-01-02 00:00:00.000Z""#),
    ] {
        assert_eq!(value(column, text).as_deref(), Ok(json), "{text}");
    }
}

#[test]
fn refuses_values_in_cassandras_words() {
    for (column, text, message) in [
        ("k", "'a'", "Invalid STRING constant (a) for \"k\" of type int"),
        ("t", "true", "Invalid BOOLEAN constant (true) for \"t\" of type text"),
        ("l", "['a']", "Invalid list literal for l: value 'a' is not of type int"),
        ("l", "{1}", "Invalid set literal for l of type list<int>"),
        ("s", "[1]", "Unexpected receiver type 'set<text>'; only list and vector are expected"),
        ("m", "{1: 1}", "Invalid map literal for m: key 1 is not of type text"),
        ("l", "[null]", "null is not supported inside collections"),
        ("l", "[?]", "Invalid list literal for l: bind variables are not supported inside collection literals"),
        ("tup", "('a', 1)", "Invalid tuple literal for tup: component 0 is not of type int"),
        ("ud", "{b: 1}", "Unknown field 'b' in value of user defined type u3"),
        ("v", "[1]", "Invalid vector literal for v of type vector<float, 2>; expected 2 elements, but given 1"),
        ("i", "now()", "Type error: cannot assign result of function system.now (type timeuuid) to i (type int)"),
        ("i", "nope()", "Unknown function nope called"),
        ("i", "max(5)", "Aggregation function are not supported in the where clause"),
        ("i", "(text)5", "Cannot cast value 5 to type text"),
        ("i", "(bigint)5", "Cannot assign value (bigint)5 to i of type int"),
        ("i", "1 + 'a'", "the '+' operation is not supported between 1 and 'a'"),
        ("i", "5 / 0", "the operation 'int / int' failed: / by zero"),
        ("i", "? + 1", "Ambiguous '+' operation with args ? and 1: use type hint to disambiguate, example '(int) ?'"),
        ("i", "99999999999", "Unable to make int from '99999999999'"),
    ] {
        assert_eq!(value(column, text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn names_types_and_computes_selectors() {
    for (text, result) in [
        ("i", "i | int | 5"),
        ("i + 1", "i + 1 | int | 6"),
        ("i + b", "i + b | bigint | null"),
        ("-i", "-i | int | -5"),
        ("abs(i)", "system.abs(i) | int | 5"),
        ("count(*)", "count | bigint | 2"),
        ("count(1)", "count | bigint | 2"),
        ("sum(i) + 1", "system.sum(i) + 1 | int | 11"),
        ("max(i + 1)", "system.max(i + 1) | int | 6"),
        ("cast(i as text)", r#"cast(i as text) | text | "5""#),
        ("cast(i as int)", "i | int | 5"),
        ("(list<int>)[1, 2]", "(list<int>)[1, 2] | list<int> | [1, 2]"),
        ("(i, k)", "(i, k) | frozen<tuple<int, int>> | [5, null]"),
        ("(i, t)", r#"(i, t) | frozen<tuple<int, text>> | [5, "x"]"#),
        ("(u3){a: i}", r#"(ks.u3){a: i} | u3 | {"a": 5}"#),
        ("m['b']", "m['b'] | int | 2"),
        ("m['b'..]", r#"m['b'..] | map<text, int> | {"b": 2}"#),
        ("map_keys(m)", r#"system.map_keys(m) | set<text> | ["a", "b"]"#),
        ("tojson(m)", r#"system.tojson(m) | text | "{\"a\": 1, \"b\": 2}""#),
        ("writetime(i)", "writetime(i) | bigint | null"),
        ("writetime(l)", "writetime(l) | list<bigint> | null"),
        ("ttl(m['a'])", "ttl(m['a']) | int | null"),
        ("bigintasblob(5)", r#"system.bigintasblob(5) | blob | "0x0000000000000005""#),
        ("similarity_cosine([1,2],[3,4])", "system.similarity_cosine([1, 2], [3, 4]) | float | 0.99193496"),
        ("mask_inner(t, 0, 0)", r#"system.mask_inner(t, 0, 0) | text | "*""#),
    ] {
        let found = selected(text);
        assert_eq!(found.as_deref(), Ok(result), "{text}");
    }
}

#[test]
fn refuses_selectors_in_cassandras_words() {
    for (text, message) in [
        ("1", "Cannot infer type for term 1 in selection clause (try using a cast to force a type)"),
        ("{a: i}", "Cannot infer type for term {a: i} in selection clause (try using a cast to force a type)"),
        ("nope", "Undefined column name nope in table ks.t"),
        ("nope(i)", "Unknown function 'nope'"),
        ("(bigint)i", "Cannot assign value (bigint)i to (bigint)i of type bigint"),
        ("max(max(i))", "aggregate functions cannot be used as arguments of aggregate functions"),
        (
            "bigintasblob(i)",
            "Type error: i cannot be passed as argument 0 of function system.bigintasblob of type bigint",
        ),
        ("l[0]", "Element selection is only allowed on sets and maps, but l is a list"),
        ("i['x']", "Invalid element selection: i is of type int is not a collection"),
        ("i.x", "Invalid field selection: i of type int is not a user type"),
        ("ud.nope", "ud of type u3 has no field nope"),
        ("writetime(k)", "Cannot use selection function writetime on PRIMARY KEY part k"),
        ("map_keys(l)", "Function system.map_keys requires a map argument, but found argument l of type list<int>"),
        ("fromjson('5')", "fromjson() cannot be used in the selection clause of a SELECT statement"),
        ("uuid(i)", "Invalid number of arguments in call to function system.uuid: 0 required but 1 provided"),
        ("i + t", "the '+' operation is not supported between i and t"),
    ] {
        assert_eq!(selected(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn long_chains_of_operators_take_no_time() {
    let chain = format!("1{}", " + 1".repeat(200));
    assert_eq!(value("i", &chain).as_deref(), Ok("201"));
    assert_eq!(value("ti", &format!("{chain} - 100")).as_deref(), Ok("101"));
    let calls = format!("{}-5{}", "abs(".repeat(14), ")".repeat(14));
    assert_eq!(value("i", &calls).as_deref(), Ok("5"));
}
