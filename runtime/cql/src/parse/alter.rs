//! `ALTER`

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{AlterTable, AlterType, Command, Ddl, Expr};

impl Parser<'_> {
    pub(super) fn alter(&mut self) -> Result<Ddl> {
        self.expect_word("ALTER")?;
        if self.word("KEYSPACE") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let name = self.name("a keyspace")?;
            self.expect_word("WITH")?;
            return Ok(Ddl::AlterKeyspace { name, if_exists, options: self.required_options()? });
        }
        if self.word("TABLE") || self.word("COLUMNFAMILY") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let table = self.table()?;
            return Ok(Ddl::AlterTable { table, if_exists, change: self.alter_table()? });
        }
        if self.word("TYPE") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            let name = self.table()?;
            return Ok(Ddl::AlterType { name, if_exists, change: self.alter_type()? });
        }
        self.excluded("KEYSPACE, TABLE or TYPE")
    }

    fn alter_table(&mut self) -> Result<AlterTable> {
        if self.word("ADD") {
            let if_not_exists = self.if_not_exists();
            let columns = match self.symbol("(") {
                true => self.list_until(")", Self::column_definition)?,
                false => vec![self.column_definition()?],
            };
            return Ok(AlterTable::Add { if_not_exists, columns });
        }
        if self.word("DROP") {
            return self.drop_columns();
        }
        if self.word("RENAME") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            return Ok(AlterTable::Rename { if_exists, names: self.renames()? });
        }
        if self.word("ALTER") {
            let _ = self.words(&["IF", "EXISTS"]);
            let column = self.column()?;
            if self.is_word(0, "MASKED") || self.is_word(0, "DROP") {
                return self.verdict(Command::Refused("Dynamic data masking"));
            }
            self.expect_word("TYPE")?;
            return Ok(AlterTable::Retype(column, self.type_name()?));
        }
        if self.word("WITH") {
            return self.required_options().map(AlterTable::Options);
        }
        self.expected("ADD, DROP, RENAME or WITH")
    }

    fn drop_columns(&mut self) -> Result<AlterTable> {
        if self.is_word(0, "COMPACT") && self.is_word(1, "STORAGE") {
            return self.verdict(Command::Refused("Compact storage"));
        }
        let if_exists = self.words(&["IF", "EXISTS"]);
        let columns = match self.symbol("(") {
            true => self.list_until(")", Self::column)?,
            false => vec![self.column()?],
        };
        let timestamp = match self.words(&["USING", "TIMESTAMP"]) {
            true => Some(self.integer()?),
            false => None,
        };
        Ok(AlterTable::Drop { if_exists, columns, timestamp })
    }

    fn integer(&mut self) -> Result<Expr> {
        let is_integer = |token: &Token<'_>| matches!(token, Token::Integer(_));
        match is_integer(self.peek()) || self.is_symbol("-") && is_integer(self.ahead(1)) {
            true => self.count(),
            false => self.expected("an integer"),
        }
    }

    fn alter_type(&mut self) -> Result<AlterType> {
        if self.word("ADD") {
            let if_not_exists = self.if_not_exists();
            let field = self.name("a field")?;
            return Ok(AlterType::Add { if_not_exists, field, of: self.type_name()? });
        }
        if self.word("RENAME") {
            let if_exists = self.words(&["IF", "EXISTS"]);
            return Ok(AlterType::Rename { if_exists, names: self.renames()? });
        }
        if self.word("ALTER") {
            let field = self.name("a field")?;
            self.expect_word("TYPE")?;
            return Ok(AlterType::Retype(field, self.type_name()?));
        }
        self.expected("ADD, RENAME or ALTER")
    }
}
