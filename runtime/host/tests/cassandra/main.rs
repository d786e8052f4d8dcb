//! The Cassandra adapter against a real server.

mod absent;
mod batches;
mod grants;
mod reprints;
mod rows;
mod world;
mod writes;
