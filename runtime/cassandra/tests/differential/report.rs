//! What a run of the corpus found, in a form to be read.

use std::collections::BTreeMap;

use crate::support::answer::Answer;

/// Differences shown of a file; what follows from an early one is seldom worth reading.
const SHOWN: usize = 25;
/// Lines shown of an answer.
const LINES: usize = 30;

/// What was found in one file.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) file: String,
    pub(crate) statements: usize,
    pub(crate) differences: Vec<Difference>,
    /// The same but for the words.
    pub(crate) words: Vec<Difference>,
}

/// Two answers that are not the same.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) line: usize,
    pub(crate) why: &'static str,
    pub(crate) text: String,
    pub(crate) real: Answer,
    pub(crate) embedded: Answer,
}

impl Report {
    /// Of a file that has not run yet.
    pub(crate) fn new(file: &str) -> Self {
        Self { file: file.to_owned(), statements: 0, differences: Vec::new(), words: Vec::new() }
    }
}

/// Prints everything; returns how many statements differ.
pub(crate) fn print(reports: &[Report]) -> usize {
    for report in reports {
        for difference in &report.words {
            let [real, embedded] = [&difference.real, &difference.embedded].map(|answer| answer.lines().join(" "));
            println!(
                "warning: {}.cql:{}: other words\n  real:     {real}\n  embedded: {embedded}",
                report.file, difference.line
            );
        }
    }
    for report in reports {
        for difference in report.differences.iter().take(SHOWN) {
            println!(
                "\n{}.cql:{}: {}\n  {}",
                report.file,
                difference.line,
                difference.why,
                difference.text.replace('\n', "\n  ")
            );
            sides(difference);
        }
        let more = report.differences.len().saturating_sub(SHOWN);
        if more > 0 {
            println!("\n{}.cql: {more} more", report.file);
        }
    }
    causes(reports);
    println!();
    for report in reports {
        let (name, all) = (&report.file, report.statements);
        println!(
            "{name:24} {all:5} statements, {:4} differ, {:4} in words",
            report.differences.len(),
            report.words.len()
        );
    }
    let all: usize = reports.iter().map(|report| report.statements).sum();
    let failed = reports.iter().map(|report| report.differences.len()).sum();
    println!("{all} statements, {failed} differ");
    failed
}

fn sides(difference: &Difference) {
    let [mut real, mut embedded] = [&difference.real, &difference.embedded].map(Answer::lines);
    if real == embedded
        && let (Answer::Rows(a), Answer::Rows(b)) = (&difference.real, &difference.embedded)
    {
        (real, embedded) = (a.bytes(), b.bytes());
    }
    let same = real.iter().zip(&embedded).take_while(|(a, b)| a == b).count();
    // The line before tells what the first line that differs is about.
    let skipped = if same > 6 { same - 2 } else { 0 };
    for (side, lines) in [("real", real), ("embedded", embedded)] {
        println!("  {side}:");
        if skipped > 0 {
            println!("      ({skipped} lines that agree)");
        }
        for (at, line) in lines.iter().enumerate().skip(skipped).take(LINES) {
            println!("    {} {line}", if at < same { ' ' } else { '>' });
        }
    }
}

/// What the embedded one said where it should not have refused, most frequent first.
fn causes(reports: &[Report]) {
    let mut causes = BTreeMap::<String, (usize, String)>::new();
    for report in reports {
        for difference in &report.differences {
            let cause = match &difference.embedded {
                Answer::Error(refusal) => format!("{}: {}", difference.why, refusal.message),
                _ => difference.why.to_owned(),
            };
            let place = format!("{}.cql:{}", report.file, difference.line);
            causes.entry(cause).or_insert((0, place)).0 += 1;
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    println!("\nwhat differs, most frequent first:");
    for (cause, (count, place)) in causes.into_iter().take(SHOWN) {
        println!("{count:5} {cause} (first: {place})");
    }
}
