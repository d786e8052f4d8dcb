//! Bounds that keep hostile text from exhausting stack or memory.

/// Longest statement, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Longest statement that [`parse_any`](crate::parse_any) takes, in bytes: batches are long.
pub const MAX_COMMAND_BYTES: usize = 1024 * 1024;

/// Deepest nesting of terms and types.
pub const MAX_DEPTH: usize = 32;

/// Most chained operators, field accesses and subscripts in a statement. Chains become deep trees
/// without nesting in the text, and a tree is dropped and printed by recursion.
pub const MAX_OPERATORS: usize = 256;
