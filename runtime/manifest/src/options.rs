//! How strictly a manifest is read, and what its operator overrides.

/// Options of [`load_with`](crate::load_with).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Whether modules and the schema must exist.
    pub files: bool,
    /// `host:port` of brokers that replace the manifest's, which then may be missing; empty: no override.
    pub kafka: Vec<String>,
    /// `host:port` of nodes that replace the manifest's, which then may be missing; empty: no override.
    pub cassandra: Vec<String>,
}

impl Default for Options {
    /// Files must exist; nothing is overridden.
    fn default() -> Self {
        Self { files: true, kafka: Vec::new(), cassandra: Vec::new() }
    }
}
