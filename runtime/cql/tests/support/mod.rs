//! Cases in a text file, a line each: a word of two letters and a space say what the rest is.

use std::fmt::Display;

use veltrix_cql::ParseError;

/// Runs all cases, of which there must be more than `least`, and reports all that fail, each with its line.
pub(crate) fn check(file: &str, text: &str, least: usize, run: impl Fn(&str, &str) -> Result<(), String>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        count += 1;
        let (kind, case) = line.split_at(3);
        if let Err(message) = run(kind, case) {
            wrong.push(format!("{file}:{}: {message}", number + 1));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > least, "only {count} cases were read");
}

/// What goes in and what comes out, which is the same if the case has one side only.
pub(crate) fn sides(case: &str) -> (&str, &str) {
    case.rsplit_once(" => ").unwrap_or((case, case))
}

/// A case that begins with the place of an error: `parse` must refuse it there, with words of which `message` is part.
pub(crate) fn refuses<T: Display>(
    case: &str,
    message: &str,
    parse: impl Fn(&str) -> Result<T, ParseError>,
) -> Result<(), String> {
    let (place, input) = case.trim_start().split_once(' ').ok_or("a case needs a place")?;
    match parse(&input.replace("\\n", "\n")) {
        Ok(read) => Err(format!("{input}: accepted as {read}")),
        Err(error) if format!("{}:{}", error.line, error.column) != place => Err(format!("{input}: at {error}")),
        Err(error) if !error.message.contains(message) => Err(format!("{input}: says {error}")),
        Err(_) => Ok(()),
    }
}
