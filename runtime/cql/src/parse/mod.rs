//! Tokens to the tree, by recursive descent. This file has the cursor, names and the statement
//! itself; each statement, and each part they share, has a file of its own.

mod alter;
mod command;
mod condition;
mod create;
mod describe;
mod expr;
mod modify;
mod select;
mod simple;
mod types;

use crate::error::ParseError;
use crate::lexer::{Token, tokens};
use crate::limits::{MAX_BYTES, MAX_COMMAND_BYTES, MAX_DEPTH, MAX_OPERATORS};
use crate::tree::{Command, Name, Statement, Table};

/// Parses one `SELECT`, `INSERT`, `UPDATE` or `DELETE`, with at most one `;` after it.
///
/// # Errors
/// Anything else, with the place and what was expected: other statements by their name, trailing or
/// unknown syntax, functions that are not native, and text beyond the bounds
/// [`MAX_BYTES`](crate::MAX_BYTES), [`MAX_DEPTH`] and [`MAX_OPERATORS`].
pub fn parse(text: &str) -> Result<Statement, ParseError> {
    let mut parser = Parser::new(text, MAX_BYTES)?;
    let statement = parser.statement()?;
    parser.end()?;
    Ok(statement)
}

/// Parses one statement of any kind that a server takes, with any number of `;` after it.
///
/// Of data statements it takes what Cassandra's grammar takes, also what its analysis refuses: functions of
/// any name, `!=`, `LIKE` and `IS NOT NULL` in `WHERE`.
///
/// # Errors
/// Anything else, with the place and what was expected; text beyond the bounds
/// [`MAX_COMMAND_BYTES`], [`MAX_DEPTH`] and [`MAX_OPERATORS`].
pub fn parse_any(text: &str) -> Result<Command, ParseError> {
    let mut parser = Parser::new(text, MAX_COMMAND_BYTES)?;
    parser.any = true;
    let parsed = parser.command().and_then(|command| parser.end().map(|()| command));
    match parser.verdict {
        Some(verdict) => Ok(verdict),
        None => parsed,
    }
}

type Result<T, E = ParseError> = std::result::Result<T, E>;

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token<'a>, usize)>,
    next: usize,
    depth: usize,
    operators: usize,
    /// Takes what only a server takes.
    any: bool,
    /// What the statement is whatever follows; set together with an error, which then counts no more.
    verdict: Option<Command>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, limit: usize) -> Result<Self> {
        Ok(Self { text, tokens: tokens(text, limit)?, next: 0, depth: 0, operators: 0, any: false, verdict: None })
    }

    /// The end of the text, with at most one `;` before it; servers take any number.
    fn end(&mut self) -> Result<()> {
        while self.symbol(";") && self.any {}
        match self.peek() {
            Token::End => Ok(()),
            _ => self.expected("the end of the statement"),
        }
    }

    /// Ends parsing: the statement is this, whatever follows.
    fn verdict<T>(&mut self, verdict: Command) -> Result<T> {
        self.verdict = Some(verdict);
        self.error("decided")
    }

    /// Where Cassandra's grammar takes what its analysis refuses: in its words for a server, else as an error here.
    fn invalid<T>(&mut self, of_server: impl Into<String>, own: impl Into<String>) -> Result<T> {
        match self.any {
            true => self.verdict(Command::Invalid(of_server.into())),
            false => self.error(own),
        }
    }

    fn statement(&mut self) -> Result<Statement> {
        let Token::Word(word) = *self.peek() else {
            return self.expected("SELECT, INSERT, UPDATE or DELETE");
        };
        let kind = word.to_ascii_uppercase();
        match kind.as_str() {
            "SELECT" => self.select().map(Statement::Select),
            "INSERT" => self.insert().map(Statement::Insert),
            "UPDATE" => self.update().map(Statement::Update),
            "DELETE" => self.delete().map(Statement::Delete),
            "BEGIN" | "APPLY" => {
                self.error("BATCH is not allowed as text: prepare its statements and send them as a batch")
            }
            "USE" => self.error("USE is not allowed: write KEYSPACE.TABLE"),
            "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "GRANT" | "REVOKE" | "LIST" | "DESCRIBE" | "DESC" | "ADD" => {
                self.error(format!("{kind} is not allowed: only SELECT, INSERT, UPDATE and DELETE are"))
            }
            _ => self.expected("SELECT, INSERT, UPDATE or DELETE"),
        }
    }

    fn peek(&self) -> &Token<'a> {
        self.ahead(0)
    }

    /// The token `n` after the next one; the last one is `End`.
    fn ahead(&self, n: usize) -> &Token<'a> {
        &self.tokens[(self.next + n).min(self.tokens.len() - 1)].0
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(ParseError::at(self.text, self.tokens[self.next].1, message))
    }

    fn expected<T>(&self, what: &str) -> Result<T> {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Word(word) => format!("`{word}`"),
            Token::Quoted(_) => "a quoted name".to_owned(),
            Token::String(_) => "a string".to_owned(),
            Token::Integer(text) | Token::Float(text) => format!("`{text}`"),
            Token::Blob(_) => "a blob".to_owned(),
            Token::Uuid(_) => "a uuid".to_owned(),
            Token::Duration(_) => "a duration".to_owned(),
        };
        // Strings are not shown: errors are logged, and what is in a string may be a secret.
        self.error(format!("expected {what}, found {}", shorten(&found)))
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    /// Takes the symbol if it is next.
    fn symbol(&mut self, symbol: &str) -> bool {
        let is = self.is_symbol(symbol);
        if is {
            self.next += 1;
        }
        is
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        match self.symbol(symbol) {
            true => Ok(()),
            false => self.expected(&format!("`{symbol}`")),
        }
    }

    fn is_word(&self, n: usize, keyword: &str) -> bool {
        matches!(self.ahead(n), Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Takes the keyword if it is next.
    fn word(&mut self, keyword: &str) -> bool {
        let is = self.is_word(0, keyword);
        if is {
            self.next += 1;
        }
        is
    }

    fn expect_word(&mut self, keyword: &str) -> Result<()> {
        match self.word(keyword) {
            true => Ok(()),
            false => self.expected(keyword),
        }
    }

    /// Takes all of the keywords if they are next, in that order.
    fn words(&mut self, keywords: &[&str]) -> bool {
        let all = keywords.iter().enumerate().all(|(i, keyword)| self.is_word(i, keyword));
        if all {
            self.next += keywords.len();
        }
        all
    }

    fn is_name(&self, n: usize) -> bool {
        match self.ahead(n) {
            Token::Word(word) => !is_reserved(word),
            Token::Quoted(_) => true,
            _ => false,
        }
    }

    /// An identifier: folded if not quoted.
    fn name(&mut self, what: &str) -> Result<Name> {
        match self.peek() {
            Token::Word(word) if is_reserved(word) => {
                self.expected(&format!("{what} (quote it if `{word}` is meant as a name)"))
            }
            Token::Word(word) => {
                let name = Name(word.to_ascii_lowercase());
                self.next += 1;
                Ok(name)
            }
            Token::Quoted(name) => {
                let name = Name(name.clone());
                self.next += 1;
                Ok(name)
            }
            _ => self.expected(what),
        }
    }

    fn column(&mut self) -> Result<Name> {
        self.name("a column")
    }

    fn table(&mut self) -> Result<Table> {
        let first = self.name("a table")?;
        if !self.symbol(".") {
            return Ok(Table { keyspace: None, name: first });
        }
        Ok(Table { keyspace: Some(first), name: self.name("a table")? })
    }

    /// `item` once or more, between commas.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.symbol(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `item` once or more, between commas, until `close`.
    fn list_until<T>(&mut self, close: &str, item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let items = self.list(item)?;
        match self.symbol(close) {
            true => Ok(items),
            false => self.expected(&format!("`,` or `{close}`")),
        }
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == MAX_DEPTH {
            return self.error(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Counts what makes the tree deeper without nesting.
    fn operator(&mut self) -> Result<()> {
        if self.operators == MAX_OPERATORS {
            return self.error(format!("more than {MAX_OPERATORS} operators"));
        }
        self.operators += 1;
        Ok(())
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Whether a name must be quoted: Cassandra's reserved words, and its constants that look like words.
pub fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "add",
        "allow",
        "alter",
        "and",
        "apply",
        "asc",
        "authorize",
        "batch",
        "begin",
        "by",
        "columnfamily",
        "create",
        "default",
        "delete",
        "desc",
        "describe",
        "drop",
        "entries",
        "execute",
        "false",
        "from",
        "full",
        "grant",
        "if",
        "in",
        "index",
        "infinity",
        "insert",
        "into",
        "is",
        "keyspace",
        "limit",
        "materialized",
        "mbean",
        "mbeans",
        "modify",
        "nan",
        "norecursive",
        "not",
        "null",
        "of",
        "on",
        "or",
        "order",
        "primary",
        "rename",
        "replace",
        "revoke",
        "schema",
        "select",
        "set",
        "table",
        "to",
        "token",
        "true",
        "truncate",
        "unlogged",
        "unset",
        "update",
        "use",
        "using",
        "view",
        "where",
        "with",
    ];
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}
