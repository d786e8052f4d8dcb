//! The command `veltrix`.

mod args;
mod failure;
mod logs;
mod out;
mod servers;
mod signals;

mod clients;
mod cql_value;
mod table;

mod verbs;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Verb};
use failure::Outcome;

fn main() -> ExitCode {
    let args = Args::parse();
    // Where the live view has the terminal, it has the logs, too.
    if !matches!(&args.verb, Verb::Dev(dev) if dev.is_watched()) {
        logs::start(args.log.or(args.verb.log_format()), args.verb.log());
    }
    match perform(args.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn perform(verb: Verb) -> Outcome {
    match verb {
        Verb::New(args) => verbs::new::run(&args),
        Verb::Run(args) => verbs::run::run(args),
        Verb::Dev(args) => verbs::dev::run(args),
        Verb::Check(args) => verbs::check::run(&args),
        Verb::Inspect(args) => verbs::inspect::run(&args),
        Verb::Publish(args) => verbs::publish::run(&args),
        Verb::Tail(args) => verbs::tail::run(&args),
        Verb::Cql(args) => verbs::cql::run(&args),
        Verb::Dlq(args) => verbs::dlq::run(args),
        Verb::Replay(args) => verbs::replay::run(&args),
        Verb::Pause(args) => verbs::pause::pause(&args),
        Verb::Resume(args) => verbs::pause::resume(&args),
        Verb::Cassandra(args) => verbs::cassandra::run(&args),
        Verb::Test(args) => verbs::test::run(args),
        Verb::Doctor(args) => verbs::doctor::run(&args),
        Verb::Completions(args) => verbs::completions::run(&args),
        Verb::Man(args) => verbs::man::run(&args),
    }
}
