//! One verb per file.

pub(crate) mod application;
pub(crate) mod cassandra;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod control;
pub(crate) mod cql;
pub(crate) mod dev;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod pause;
pub(crate) mod publish;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod tail;
pub(crate) mod test;
