//! A strict parser for one CQL data statement: text to a typed tree, and back to canonical text.
//!
//! What is not understood is an error, never ignored. The host prepares the text *reprinted* from
//! the tree, so that this parser and the server's can't disagree on what a statement touches.
//! The embedded server takes more: [`parse_any`] also knows DDL, batches and the rest.
//!
//! ```
//! let mut statement = veltrix_cql::parse("select left from stock where sku = ?;").unwrap();
//! statement.qualify("shop");
//! assert_eq!(statement.to_string(), r#"SELECT "left" FROM "shop"."stock" WHERE "sku" = ?"#);
//! assert!(statement.access().reads && !statement.access().writes);
//! ```
#![deny(missing_docs)]

mod access;
mod error;
mod functions;
mod lexer;
mod limits;
mod parse;
mod print;
mod tree;

pub use access::{Access, is_system_keyspace};
pub use error::ParseError;
pub use functions::FUNCTIONS;
pub use limits::{MAX_BYTES, MAX_COMMAND_BYTES, MAX_DEPTH, MAX_OPERATORS};
pub use parse::{is_reserved, parse, parse_any};
pub use tree::*;
