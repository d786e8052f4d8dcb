//! What the tests against a real Cassandra share: both servers, a client of either through the Scylla driver, and
//! answers that can be compared and read.

pub(crate) mod answer;
pub(crate) mod compare;
pub(crate) mod driver;
pub(crate) mod request;
pub(crate) mod servers;
pub(crate) mod show;
pub(crate) mod types;
pub(crate) mod values;
