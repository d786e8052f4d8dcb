//! `dlq`: dead letters, listed, shown and redriven.

mod filter;
mod letters;
mod list;
pub(crate) mod redrive;
mod show;

use clap::{Args, Subcommand};
use veltrix_manifest::{Binding, DeadLetter};

use crate::failure::{Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the dead letters of an application, and count them by reason
    List(list::List),
    /// Show one dead letter whole: why, where from, key, headers, value
    Show(show::Show),
    /// Feed dead letters to their function again; never writes to the topic that they came from
    Redrive(redrive::Redrive),
}

pub(crate) fn run(args: Dlq) -> Outcome {
    match args.verb {
        Verb::List(args) => list::run(&args),
        Verb::Show(args) => show::run(&args),
        Verb::Redrive(args) => redrive::run(args),
    }
}

/// The dead-letter topics of bindings, each with the bindings that write to it.
fn topics<'a>(bindings: &[&'a Binding]) -> Result<Vec<(&'a str, Vec<&'a Binding>)>, Failure> {
    let mut topics: Vec<(&str, Vec<&Binding>)> = Vec::new();
    for binding in bindings {
        let DeadLetter::Topic(topic) = &binding.dead_letter else { continue };
        match topics.iter_mut().find(|(known, _)| known == topic) {
            Some((_, writers)) => writers.push(binding),
            None => topics.push((topic, vec![binding])),
        }
    }
    if topics.is_empty() {
        return Err(Failure::usage(
            "no binding here has a dead-letter topic: with `dead_letter = \"pause\"` an event that can't be handled stops \
             its lane, and `veltrix resume` lets it go on",
        ));
    }
    Ok(topics)
}

/// The group whose position and notes say which letters of a binding were redriven.
fn group(binding: &Binding) -> String {
    format!("{}.redrive", binding.group)
}
