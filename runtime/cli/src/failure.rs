//! How a verb ends: exit codes, and what is said on stderr.

use std::fmt;
use std::process::ExitCode;

use anyhow::Error;
use veltrix_manifest::Problems;

/// Why a verb did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The manifest, a module or an argument is wrong: 2.
    Usage(Error),
    /// It failed at run time: 1.
    Run(Error),
    /// All was said already: 1.
    Said,
    /// All was said already: 2.
    SaidUsage,
    /// Whoever read stdout has gone: nobody is left to tell, and nothing is wrong.
    Closed,
}

pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::Usage(Error::msg(message.to_string()))
    }

    pub(crate) fn run(message: impl fmt::Display) -> Self {
        Self::Run(Error::msg(message.to_string()))
    }

    /// Says why on stderr; gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(error) => {
                say(&error);
                ExitCode::from(2)
            }
            Self::Run(error) => {
                say(&error);
                ExitCode::from(1)
            }
            Self::Said => ExitCode::from(1),
            Self::SaidUsage => ExitCode::from(2),
            Self::Closed => ExitCode::SUCCESS,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        crate::out::error(&problems.to_string());
        Self::SaidUsage
    }
}

fn say(error: &Error) {
    crate::out::error(&format!("error: {error:#}"));
}
