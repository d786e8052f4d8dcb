//! Clients as applications use them, unmodified, against the embedded server: the scylla driver, the Python driver, `cqlsh` and
//! the Java driver. `VELTRIX_CASSANDRA=host:port` runs them against a real Cassandra instead.
//!
//! They need `python3` with `venv`, `mvn` and `java` 17; what these fetch is kept under the target directory.

mod cqlsh;
mod java;
mod python;
mod scylla;
mod server;
mod tools;
