//! Support for tests against real Kafka and Cassandra: servers, clients, guests and workers.
//!
//! Everything here panics with a sentence when it fails: it is for tests alone.

pub mod build;
pub mod case;
pub mod cassandra;
pub mod copied;
pub mod dev;
pub mod kafka;
pub mod proxy;
pub mod servers;
pub mod wait;
pub mod worker;

pub use case::Case;
pub use cassandra::Cassandra;
pub use copied::copy_application;
pub use dev::Dev;
pub use kafka::{Kafka, Record, Topic};
pub use servers::{OwnServers, Server, Servers, servers};
pub use wait::{eventually, unique};
pub use worker::{App, Exit, Worker};

/// How long to wait for what normally takes moments; generous, as machines may be busy.
pub const SOON: std::time::Duration = std::time::Duration::from_secs(60);
