//! Statements and what becomes of them, from `cases.txt`, and the bounds.

mod support;

use support::{check, refuses, sides};
use veltrix_cql::{MAX_BYTES, parse};

#[test]
fn accepts_and_refuses_what_the_cases_say() {
    check("cases.txt", include_str!("cases.txt"), 100, |kind, case| {
        let (input, output) = sides(case);
        match kind {
            "ok " => accepts(input, output),
            "no " => refuses(input, output, parse),
            _ => Err("begin a case with `ok ` or `no `".to_owned()),
        }
    });
}

fn accepts(input: &str, canonical: &str) -> Result<(), String> {
    let text = input.replace("\\n", "\n");
    let tree = parse(&text).map_err(|error| format!("{input}: {error}"))?;
    if tree.to_string() != canonical {
        return Err(format!("{input}\n  expected {canonical}\n  printed  {tree}"));
    }
    let again = parse(canonical).map_err(|error| format!("{canonical}: {error}"))?;
    if again.to_string() != canonical {
        return Err(format!("{canonical} is printed as {again}"));
    }
    Ok(())
}

#[test]
fn bounds_what_hostile_text_can_cost() {
    let deep =
        |open: &str, close: &str| format!("INSERT INTO t (a) VALUES ({}1{})", open.repeat(6000), close.repeat(6000));
    for text in [
        deep("(", ")"),
        deep("[", "]"),
        deep("{", "}"),
        deep("- ", ""),
        deep("abs(", ")"),
        deep("(int)", ""),
        deep("(frozen<", ")"),
        format!("SELECT a{} FROM t", "+1".repeat(20_000)),
        format!("SELECT a{} FROM t", "*1".repeat(20_000)),
        format!("SELECT a{} FROM t", ".a".repeat(20_000)),
        format!("SELECT a{} FROM t", "[1]".repeat(20_000)),
        format!("SELECT (list<{}int{})a FROM t", "list<".repeat(3000), ">".repeat(3000)),
        format!("SELECT {} FROM t", "(a,".repeat(20_000)),
    ] {
        let error = parse(&text).unwrap_err();
        let named = ["nested deeper", "operators", "expected"].iter().any(|part| error.message.contains(part));
        assert!(named, "{error}");
        assert!(text.len() <= MAX_BYTES, "{} bytes test the wrong bound", text.len());
    }
    let long = format!("SELECT a FROM t WHERE k = '{}'", "x".repeat(MAX_BYTES));
    assert!(parse(&long).unwrap_err().message.contains("at most 65536"));
    let wide = format!("SELECT a FROM t WHERE k IN ({}1)", "1,".repeat(30_000));
    assert!(parse(&wide).is_ok());
}
