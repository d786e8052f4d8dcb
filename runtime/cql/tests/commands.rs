//! What a server is told beside data statements, from `commands.txt`.

mod support;

use support::{check, refuses, sides};
use veltrix_cql::{Command, parse, parse_any};

#[test]
fn accepts_and_refuses_what_the_cases_say() {
    check("commands.txt", include_str!("commands.txt"), 60, |kind, case| {
        let (input, output) = sides(case);
        match kind {
            "ok " => accepts(input, output),
            "no " => refuses(input, output, parse_any),
            "is " => is(case),
            _ => Err("begin a case with `ok `, `no ` or `is `".to_owned()),
        }
    });
}

fn accepts(input: &str, canonical: &str) -> Result<(), String> {
    let command = parse_any(input).map_err(|error| format!("{input}: {error}"))?;
    if command.to_string() != canonical {
        return Err(format!("{input}\n  expected {canonical}\n  printed  {command}"));
    }
    match parse_any(canonical) {
        Ok(again) if again == command => {}
        again => return Err(format!("{canonical} is read as {again:?}")),
    }
    // The host's parser takes data statements alone, and of these no more than it always did.
    match (parse(input), command) {
        (Ok(_), Command::Data(_)) | (Err(_), _) => Ok(()),
        (Ok(statement), _) => Err(format!("{input}: is the data statement {statement}")),
    }
}

fn is(case: &str) -> Result<(), String> {
    let (text, input) = case.trim_start_matches('"').split_once("\" ").ok_or("a case needs a text in quotes")?;
    match parse_any(input) {
        Ok(Command::Refused(found)) if found == text => Ok(()),
        Ok(Command::Invalid(found)) if found == text => Ok(()),
        other => Err(format!("{input}: is {other:?}")),
    }
}
