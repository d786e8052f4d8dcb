//! Tests of the whole against real Kafka and Cassandra, and of the tree itself.

mod breakers;
mod bytes;
mod cases;
mod citizens;
mod control;
mod crash;
mod dedupe;
mod dependencies;
mod dlq;
mod effects;
mod exactly_once;
mod exactly_once_with;
mod functions;
mod guests;
mod handling;
mod lifecycle;
mod local;
mod orders;
mod outages;
mod replay;
mod retries;
mod start;
mod support;
mod topics;
mod verbs;
mod zombies;
