//! The application on this machine in one process: embedded servers, builds, reloads, a live view.

mod error;
mod folder;
mod report;
mod summary;

pub mod build;
mod feed;
mod graph;
mod monitor;
mod observe;
mod plan;
mod reload;
mod run;
mod servers;
mod session;
mod totals;
pub mod view;
mod watch;
mod window;

pub use error::DevError;
pub use feed::{Fed, Input, Source};
pub use folder::{Addresses, is_taken};
pub use report::{Lines, Progress, Report};
pub use run::{Options, run};
pub use summary::Summary;
pub use totals::BindingSummary;
