//! Rows as tuples, single values, rows and structs.

use super::super::script::Rows;
use super::super::*;
use super::*;

const SELECT: &str = "SELECT sku, left FROM stock";

fn rows<T: FromRow>() -> Result<Vec<T>, CqlError> {
    let script = Script::new().on(SELECT, Rows::of([("a", Some(1)), ("b", None)]));
    with(&script, cql(SELECT).all())
}

#[test]
fn rows_are_tuples() {
    let expected = [("a".to_owned(), Some(1)), ("b".to_owned(), None)];
    assert_eq!(rows::<(String, Option<i32>)>().unwrap(), expected);
}

#[test]
fn rows_are_read_by_name_and_index() {
    let rows = rows::<Row>().unwrap();
    assert_eq!(rows[0].get::<String>("sku").unwrap(), "a");
    assert_eq!(rows[0].get::<i32>(1).unwrap(), 1);
    assert_eq!(rows[1].get::<Option<i32>>("left").unwrap(), None);
    assert!(rows[0].get::<i32>("amount").unwrap_err().message().contains("no column `amount`, there are sku, left"));
    assert!(rows[0].get::<i32>(2).unwrap_err().message().contains("no column 2, there are 2"));
}

#[derive(Debug, PartialEq)]
struct Stock {
    amount: Option<i32>,
    sku: String,
}
crate::from_row!(Stock { amount = "left", sku });

#[test]
fn rows_are_structs() {
    assert_eq!(rows::<Stock>().unwrap()[1], Stock { amount: None, sku: "b".to_owned() });
}

#[test]
fn a_wrong_type_names_column_and_statement() {
    let error = rows::<(i64, Option<i32>)>().unwrap_err();
    assert_eq!(error.kind(), CqlErrorKind::Type);
    let text =
        "cassandra, types: column 0 `sku`: CQL text and Rust i64 don't go together (in `SELECT sku, left FROM stock`)";
    assert_eq!(error.to_string(), text);
    assert!(
        rows::<(String, i32)>().unwrap_err().message().contains("`left`: null int read as Rust i32, use Option<i32>")
    );
    assert!(rows::<String>().unwrap_err().message().contains("2 columns (sku, left) read as 1"));
    assert!(rows::<(String, i32, i32)>().unwrap_err().message().contains("read as 3"));
}
