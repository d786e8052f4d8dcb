//! Tests against real Kafka and Cassandra.

mod support;
