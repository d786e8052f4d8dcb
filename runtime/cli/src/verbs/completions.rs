//! `completions`: what a shell needs to complete verbs and flags.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use crate::args::Args;
use crate::failure::Outcome;
use crate::out::Out;

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// Whose
    shell: Shell,
}

pub(crate) fn run(args: &Completions) -> Outcome {
    // The generator panics when stdout is closed, so it writes elsewhere.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "veltrix", &mut script);
    let mut out = Out::new();
    out.bytes(&script)?;
    out.flush()
}
