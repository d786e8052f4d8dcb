//! Cassandra: statements, values and rows.
