//! What the stand-in makes of a statement's text.

use super::super::script::text::{normalised, params, selected, traits};

#[test]
fn spaces_and_semicolon_do_not_matter() {
    assert_eq!(normalised("\n  SELECT a\n\tFROM t ; "), "SELECT a FROM t");
}

#[test]
fn parameters_have_the_names_of_their_columns() {
    assert_eq!(params("SELECT a FROM t WHERE Sku = ? AND n>=? LIMIT ?"), ["sku", "n", "[limit]"]);
    assert_eq!(
        params("UPDATE t USING TIMESTAMP ? SET \"Left\" = :next WHERE k = ? IF left = ?"),
        ["[timestamp]", "next", "k", "left"]
    );
    assert_eq!(params("INSERT INTO t (a, b, c) VALUES (?, '?, :x', ?) USING TTL ?"), ["a", "c", "[ttl]"]);
    assert_eq!(params("SELECT a FROM t WHERE k IN (?, ?)"), ["param0", "param1"]);
}

#[test]
fn selected_columns() {
    assert_eq!(selected("SELECT DISTINCT a, \"B\", count(*) AS n FROM t").unwrap(), ["a", "B", "n"]);
    assert_eq!(selected("SELECT * FROM t"), None);
    assert_eq!(selected("SELECT max(a) FROM t"), None);
    assert_eq!(selected(""), None);
}

#[test]
fn writes_and_conditions() {
    assert_eq!(traits("SELECT a FROM t"), 0);
    assert_eq!(traits("INSERT INTO t (a) VALUES ('IF')"), 1);
    assert_eq!(traits("insert into t (a) values (?) if not exists"), 3);
}
