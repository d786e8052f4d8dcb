//! Tests of the whole against real Kafka and Cassandra, and of the tree itself.

mod dependencies;
mod support;
