//! `man`: pages of the manual.

use anyhow::Context;
use clap::{Args as ClapArgs, Command, CommandFactory};
use clap_mangen::Man as Page;

use crate::args::Args;
use crate::failure::{Failure, Outcome};
use crate::out::Out;

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Whose page, such as `publish` or `dlq list`; default: that of the whole command
    #[arg(value_name = "VERB")]
    verb: Vec<String>,
}

pub(crate) fn run(args: &Man) -> Outcome {
    let mut command = Args::command();
    // Names of pages and the usage of verbs are worked out here.
    command.build();
    let command = find(command, &args.verb)?;
    let mut page = Vec::new();
    let source = format!("veltrix {}", command.get_version().unwrap_or_default());
    Page::new(command).source(source).render(&mut page).context("the page can't be rendered")?;
    let mut out = Out::new();
    out.bytes(&page)?;
    out.flush()
}

fn find(command: Command, verb: &[String]) -> Result<Command, Failure> {
    let mut found = command;
    for name in verb {
        let within = found.get_bin_name().unwrap_or_else(|| found.get_name()).to_owned();
        found = found
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| Failure::usage(format!("{within} has no verb {name}; `veltrix --help` lists them")))?;
    }
    Ok(found)
}
