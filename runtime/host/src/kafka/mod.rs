//! Kafka clients: their configuration, their log, and topics that must exist.

pub mod client;
pub mod commits;
pub mod embedded;
pub mod flush;
pub mod headers;
pub mod identity;
pub mod membership;
pub mod offsets;
pub mod revival;
pub mod topics;

pub use client::{Health, KafkaConfig};
pub use commits::Commits;
pub use embedded::Embedded;
pub use identity::TopicId;
pub use revival::Revival;
