//! `DESCRIBE`

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Describe, Described};

impl Parser<'_> {
    pub(super) fn describe(&mut self) -> Result<Describe> {
        self.next += 1;
        let what = self.described()?;
        let internals = self.words(&["WITH", "INTERNALS"]);
        Ok(Describe { what, internals })
    }

    fn described(&mut self) -> Result<Described> {
        if self.ends(1) {
            for (word, what) in [
                ("CLUSTER", Described::Cluster),
                ("KEYSPACES", Described::Keyspaces),
                ("TABLES", Described::Tables),
                ("TYPES", Described::Types),
                ("FUNCTIONS", Described::Functions),
                ("AGGREGATES", Described::Aggregates),
                ("SCHEMA", Described::Schema { full: false }),
            ] {
                if self.word(word) {
                    return Ok(what);
                }
            }
        }
        if self.words(&["FULL", "SCHEMA"]) {
            return Ok(Described::Schema { full: true });
        }
        let only = self.is_word(0, "ONLY") && self.is_word(1, "KEYSPACE") && self.word("ONLY");
        if self.word("KEYSPACE") {
            let name = if self.ends(0) { None } else { Some(self.name("a keyspace")?) };
            return Ok(Described::Keyspace { only, name });
        }
        if self.words(&["MATERIALIZED", "VIEW"]) {
            return self.table().map(Described::View);
        }
        if !self.ends(1) && !matches!(self.ahead(1), Token::Symbol(".")) {
            if self.word("TABLE") || self.word("COLUMNFAMILY") {
                return self.table().map(Described::Table);
            }
            if self.word("INDEX") {
                return self.table().map(Described::Index);
            }
            if self.word("TYPE") {
                return self.table().map(Described::Type);
            }
            if self.word("FUNCTION") {
                return self.table().map(Described::Function);
            }
            if self.word("AGGREGATE") {
                return self.table().map(Described::Aggregate);
            }
        }
        self.table().map(Described::Anything)
    }

    /// Whether what is described ends before the token `n` after the next one.
    fn ends(&self, n: usize) -> bool {
        match self.ahead(n) {
            Token::End | Token::Symbol(";") => true,
            _ => self.is_word(n, "WITH"),
        }
    }
}
