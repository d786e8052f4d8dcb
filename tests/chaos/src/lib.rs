//! Real faults on real Kafka and Cassandra under three workers, and a checker that says what they broke.
//!
//! Modules in the order of a run.

pub mod settings;

pub mod fault;
pub mod link;

mod application;
mod cluster;
mod fleet;
mod producer;
mod watch;

mod run;

pub mod history;
mod observe;

pub mod broken;
pub mod check;

pub mod report;

pub use report::Report;
pub use run::run;
pub use settings::Settings;
