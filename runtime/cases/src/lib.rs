//! Cases: rows and events in; verdicts, emits, rows and logs out. What `veltrix test` runs; the format is in this crate's
//! README.

mod draft;
mod find;
mod problem;

mod expected;
mod record;

mod case;

mod broker;
mod lane;
mod live;
mod tables;

mod compare;
mod update;

mod junit;
mod run;

pub use find::FOLDER;
pub use junit::junit;
pub use problem::{Problem, Problems};
pub use run::{CaseResult, CasesError, Ending, Options, Report, Servers, run};
