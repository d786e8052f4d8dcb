//! Statements of any kind: which it is, and those that are short.

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{BatchKind, BatchText, Command, Ddl, Dropped, Name, Statement, Table};

impl Parser<'_> {
    pub(super) fn command(&mut self) -> Result<Command> {
        let Token::Word(word) = *self.peek() else {
            return self.expected("a statement");
        };
        match word.to_ascii_uppercase().as_str() {
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" => self.statement().map(Command::Data),
            "BEGIN" => self.batch().map(Command::Batch),
            "USE" => {
                self.next += 1;
                self.name("a keyspace").map(Command::Use)
            }
            "TRUNCATE" => {
                self.next += 1;
                let _ = self.word("TABLE") || self.word("COLUMNFAMILY");
                self.table().map(Command::Truncate)
            }
            "CREATE" => self.create().map(Command::Schema),
            "ALTER" => self.alter().map(Command::Schema),
            "DROP" => self.drop_statement().map(Command::Schema),
            "DESCRIBE" | "DESC" => self.describe().map(Command::Describe),
            "GRANT" | "REVOKE" | "LIST" if !matches!(self.ahead(1), Token::End) => {
                self.verdict(Command::Refused("Roles and permissions"))
            }
            "ADD" if self.is_word(1, "IDENTITY") => self.verdict(Command::Refused("Roles and permissions")),
            _ => self.expected("a statement"),
        }
    }

    fn batch(&mut self) -> Result<BatchText> {
        self.expect_word("BEGIN")?;
        let kind = if self.word("UNLOGGED") {
            BatchKind::Unlogged
        } else if self.word("COUNTER") {
            BatchKind::Counter
        } else {
            BatchKind::Logged
        };
        self.expect_word("BATCH")?;
        let using = self.using(true)?;
        let mut statements = Vec::new();
        while !self.words(&["APPLY", "BATCH"]) {
            // Each statement has a tree of its own, so that chains of one don't count for the next.
            self.operators = 0;
            statements.push(self.batched()?);
            self.symbol(";");
        }
        Ok(BatchText { kind, using, statements })
    }

    fn batched(&mut self) -> Result<Statement> {
        if self.is_word(0, "INSERT") {
            self.insert().map(Statement::Insert)
        } else if self.is_word(0, "UPDATE") {
            self.update().map(Statement::Update)
        } else if self.is_word(0, "DELETE") {
            self.delete().map(Statement::Delete)
        } else {
            self.expected("INSERT, UPDATE, DELETE or APPLY BATCH")
        }
    }

    fn drop_statement(&mut self) -> Result<Ddl> {
        self.expect_word("DROP")?;
        let what = if self.word("KEYSPACE") {
            Dropped::Keyspace
        } else if self.word("TABLE") || self.word("COLUMNFAMILY") {
            Dropped::Table
        } else if self.word("TYPE") {
            Dropped::Type
        } else if self.word("INDEX") {
            Dropped::Index
        } else {
            return self.excluded("KEYSPACE, TABLE, TYPE or INDEX");
        };
        let if_exists = self.words(&["IF", "EXISTS"]);
        let name = match what {
            Dropped::Keyspace => Table { keyspace: None, name: self.name("a keyspace")? },
            Dropped::Table | Dropped::Type | Dropped::Index => self.table()?,
        };
        Ok(Ddl::Drop { what, name, if_exists })
    }

    /// What no server of this grammar has, by its name; or an error that expects `what`.
    pub(super) fn excluded<T>(&mut self, what: &str) -> Result<T> {
        let next = if self.is_word(0, "OR") && self.is_word(1, "REPLACE") { 2 } else { 0 };
        for (word, name) in [
            ("MATERIALIZED", "Materialized views"),
            ("FUNCTION", "User-defined functions"),
            ("AGGREGATE", "User-defined aggregates"),
            ("TRIGGER", "Triggers"),
            ("ROLE", "Roles and permissions"),
            ("USER", "Roles and permissions"),
            ("IDENTITY", "Roles and permissions"),
            ("GENERATED", "Roles and permissions"),
        ] {
            if self.is_word(next, word) {
                return self.verdict(Command::Refused(name));
            }
        }
        self.expected(what)
    }

    /// `old TO new AND …`
    pub(super) fn renames(&mut self) -> Result<Vec<(Name, Name)>> {
        let mut names = Vec::new();
        loop {
            let old = self.name("a name")?;
            self.expect_word("TO")?;
            names.push((old, self.name("a name")?));
            if !self.word("AND") {
                return Ok(names);
            }
        }
    }
}
