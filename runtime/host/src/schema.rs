//! Applies a schema file: what is absent is created, what is there stays.

use std::path::PathBuf;
use std::sync::Arc;

use scylla::client::session_builder::SessionBuilder;
use tracing::info;
use veltrix_manifest::Cassandra as Settings;

use crate::cassandra::Cassandra;

/// Why the schema was not applied.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file can't be read.
    #[error("schema {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A string or comment has no end.
    #[error("schema {path}:{line}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Cassandra refused a statement.
    #[error("schema {path}:{line}: {message}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// Line where the statement begins, from 1.
        line: usize,
        /// What the server says.
        message: String,
    },
    /// Cassandra went away meanwhile.
    #[error("schema: {0}")]
    Unavailable(String),
}

impl SchemaError {
    /// Whether the file is to be mended.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Syntax { .. } | Self::Refused { .. } => true,
            Self::Unavailable(_) => false,
        }
    }
}

/// Waits for Cassandra, creates the keyspace unless the schema does, then runs the file's statements in
/// order. Those without a keyspace's name are in the application's.
///
/// # Errors
/// See [`SchemaError`].
pub async fn apply(cassandra: &Arc<Cassandra>, settings: &Settings) -> Result<(), SchemaError> {
    let path = settings.schema.clone().unwrap_or_else(|| "none, only the keyspace".into());
    let script = match &settings.schema {
        Some(path) => std::fs::read_to_string(path).map_err(|error| SchemaError::Read { path: path.clone(), error })?,
        None => String::new(),
    };
    let pieces = split(&script).map_err(|(line, message)| SchemaError::Syntax { path: path.clone(), line, message })?;
    let refused = |line, error: &dyn std::fmt::Display| SchemaError::Refused {
        path: path.clone(),
        line,
        message: error.to_string(),
    };
    cassandra.up().await;
    // A session of its own: the keyspace in use is a setting of the session.
    let session = SessionBuilder::new()
        .known_nodes(&settings.nodes)
        .build()
        .await
        .map_err(|error| SchemaError::Unavailable(error.to_string()))?;
    let quoted = format!("\"{}\"", settings.keyspace.replace('"', "\"\""));
    let creates_keyspace = |text: &str| text.to_ascii_lowercase().split_whitespace().take(2).eq(["create", "keyspace"]);
    if !pieces.iter().any(|piece| creates_keyspace(piece.text)) {
        let text = format!(
            "CREATE KEYSPACE IF NOT EXISTS {quoted} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        );
        session.query_unpaged(text, ()).await.map_err(|error| refused(1, &error))?;
    }
    let mut in_keyspace = false;
    for piece in &pieces {
        if !in_keyspace && !creates_keyspace(piece.text) {
            session.use_keyspace(&settings.keyspace, true).await.map_err(|error| refused(piece.line, &error))?;
            in_keyspace = true;
        }
        session.query_unpaged(piece.text, ()).await.map_err(|error| refused(piece.line, &error))?;
    }
    session.await_schema_agreement().await.map_err(|error| SchemaError::Unavailable(error.to_string()))?;
    info!(schema = %path.display(), statements = pieces.len(), keyspace = settings.keyspace, "schema applied");
    Ok(())
}

/// A statement and the line where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Without its semicolon.
    pub text: &'a str,
    /// From 1.
    pub line: usize,
}

/// Splits a script at the semicolons that are not in a string, a quoted name or a comment.
///
/// # Errors
/// The line where something begins that has no end, and what it is.
pub fn split(script: &str) -> Result<Vec<Piece<'_>>, (usize, String)> {
    let bytes = script.as_bytes();
    let line_of = |at: usize| 1 + bytes[..at].iter().filter(|b| **b == b'\n').count();
    let mut pieces = Vec::new();
    let (mut at, mut start, mut begun) = (0, 0, false);
    let find = |from: usize, end: &str| script[from..].find(end).map(|i| from + i + end.len());
    while at < bytes.len() {
        let rest = &script.as_bytes()[at..];
        let unended = |what: &str| (line_of(at), format!("{what} without an end"));
        let next = if rest.starts_with(b"--") || rest.starts_with(b"//") {
            find(at, "\n").unwrap_or(bytes.len())
        } else if rest.starts_with(b"/*") {
            find(at + 2, "*/").ok_or_else(|| unended("comment"))?
        } else if rest.starts_with(b"$$") {
            begun = true;
            find(at + 2, "$$").ok_or_else(|| unended("string"))?
        } else if rest[0] == b'\'' || rest[0] == b'"' {
            begun = true;
            // A doubled quote ends one string and begins the next: the same thing for splitting.
            let quote = if rest[0] == b'\'' { "'" } else { "\"" };
            find(at + 1, quote).ok_or_else(|| unended("quoted text"))?
        } else if rest[0] == b';' {
            if begun {
                pieces.push(Piece { text: script[start..at].trim(), line: line_of(start) });
            }
            begun = false;
            at + 1
        } else {
            begun |= !rest[0].is_ascii_whitespace();
            at + 1
        };
        if !begun {
            start = next;
        }
        at = next;
    }
    if begun {
        pieces.push(Piece { text: script[start..].trim(), line: line_of(start) });
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_semicolons_that_end_statements() {
        let script = "-- one; comment\nCREATE TABLE a (x text); /* ; */\n\nINSERT INTO a (x) VALUES ('it''s; ok');;\nUPDATE \"a;b\" SET x = $$;$$\n";
        let pieces = split(script).unwrap();
        let found: Vec<(usize, &str)> = pieces.iter().map(|p| (p.line, p.text)).collect();
        assert_eq!(
            found,
            [
                (2, "CREATE TABLE a (x text)"),
                (4, "INSERT INTO a (x) VALUES ('it''s; ok')"),
                (5, "UPDATE \"a;b\" SET x = $$;$$"),
            ]
        );
    }

    #[test]
    fn says_where_a_string_begins_that_has_no_end() {
        assert_eq!(split("a;\nb 'c").unwrap_err(), (2, "quoted text without an end".into()));
        assert_eq!(split("/* x").unwrap_err().0, 1);
    }
}
