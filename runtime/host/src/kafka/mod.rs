//! Kafka clients: their configuration, their log, and topics that must exist.

pub mod client;
pub mod headers;
pub mod identity;
pub mod offsets;
pub mod topics;

pub use client::{Health, KafkaConfig};
pub use identity::TopicId;
