//! One verb per file.

pub(crate) mod application;
pub(crate) mod cassandra;
pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod cql;
pub(crate) mod dlq;
pub(crate) mod inspect;
pub(crate) mod publish;
pub(crate) mod run;
pub(crate) mod tail;
