//! What a server is told beside data statements, from `commands.txt`.

use veltrix_cql::{Command, parse, parse_any};

#[test]
fn accepts_and_refuses_what_the_cases_say() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (number, line) in include_str!("commands.txt").lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let (kind, case) = line.split_at(3);
        let (input, output) = case.rsplit_once(" => ").unwrap_or((case, case));
        let result = match kind {
            "ok " => accepts(input, output),
            "no " => refuses(input, output),
            "is " => is(case),
            _ => Err("begin a case with `ok `, `no ` or `is `".to_owned()),
        };
        if let Err(message) = result {
            wrong.push(format!("commands.txt:{}: {message}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} cases were read");
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

fn refuses(case: &str, message: &str) -> Result<(), String> {
    let (place, input) = case.trim_start().split_once(' ').ok_or("a case needs a place")?;
    match parse_any(input) {
        Ok(command) => Err(format!("{input}: accepted as {command}")),
        Err(error) if format!("{}:{}", error.line, error.column) != place => Err(format!("{input}: at {error}")),
        Err(error) if !error.message.contains(message) => Err(format!("{input}: says {error}")),
        Err(_) => Ok(()),
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
