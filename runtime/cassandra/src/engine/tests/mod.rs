//! The engine without its wire: statements and their answers as Cassandra 5.0.5 gave them, and what takes parameters.

mod parameters;

use std::sync::Arc;

use super::Engine;
use crate::api::{Consistency, Error, Parameters, Response, Rows};
use crate::system::System;
use crate::types::json::to_json;

/// An engine with the keyspace `ks`.
fn engine() -> Arc<Engine> {
    let engine = Engine::new(System::default());
    let text = "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    engine.query(text, &parameters()).unwrap();
    engine
}

fn parameters() -> Parameters {
    Parameters { keyspace: Some("ks".to_owned()), ..Parameters::new(Consistency(1)) }
}

/// Rows as the cases write them: names, then a line for each.
fn table(rows: &Rows) -> Vec<String> {
    let mut lines = vec![rows.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" | ")];
    for row in rows.cells.chunks(rows.columns.len()) {
        let cells = row.iter().zip(rows.columns.iter()).map(|(cell, column)| to_json(&column.of, cell.as_deref()));
        lines.push(cells.collect::<Vec<_>>().join(" | "));
    }
    lines
}

fn lines(answer: Result<Response, Error>) -> Vec<String> {
    match answer {
        Ok(Response::Rows(rows)) => table(&rows),
        Ok(Response::Warned { response, .. }) => lines(Ok(*response)),
        Ok(Response::Void | Response::Keyspace(_) | Response::Schema(_)) => Vec::new(),
        Err(Error::Syntax(_)) => vec!["error 2000".to_owned()],
        Err(Error::Invalid(message)) => vec![format!("error 2200 {message}")],
        Err(other) => vec![format!("{other:?}")],
    }
}

/// Runs statements, each behind `> ` and followed by its answer. An error without words leaves them open.
#[track_caller]
fn answers(cases: &str) {
    let engine = engine();
    let mut wrong = String::new();
    // A statement's line begins the file, or follows a line's end: `>` stands within statements as well.
    for case in cases.trim_start_matches("> ").split("\n> ") {
        let (statement, expected) = case.split_once('\n').unwrap_or((case, ""));
        let expected: Vec<_> = expected.lines().collect();
        let got = lines(engine.query(statement, &parameters()));
        let open = matches!(expected[..], ["error 2200"]) && got.len() == 1 && got[0].starts_with("error 2200 ");
        if got != expected && !open {
            wrong.push_str(&format!("> {statement}\n{}\nis not\n{}\n\n", got.join("\n"), expected.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn selects_answer_as_cassandra() {
    answers(include_str!("cases/select.txt"));
}

#[test]
fn modifications_leave_what_cassandra_leaves() {
    answers(include_str!("cases/write.txt"));
}

#[test]
fn conditions_answer_as_cassandra() {
    answers(include_str!("cases/lwt.txt"));
}

#[test]
fn what_cassandra_refuses_is_refused_in_its_words() {
    answers(include_str!("cases/refused.txt"));
}
