//! `CREATE`, and the options of `WITH`.

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{
    ColumnDefinition, Command, CreateIndex, CreateTable, Ddl, IndexTarget, Literal, Name, Native, Options, Order,
    PrimaryKey, Property,
};

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<Ddl> {
        self.expect_word("CREATE")?;
        if self.word("KEYSPACE") {
            let if_not_exists = self.if_not_exists();
            let name = self.name("a keyspace")?;
            self.expect_word("WITH")?;
            return Ok(Ddl::CreateKeyspace { name, if_not_exists, options: self.required_options()? });
        }
        if self.word("TABLE") || self.word("COLUMNFAMILY") {
            return self.create_table().map(Ddl::CreateTable);
        }
        if self.word("TYPE") {
            return self.create_type();
        }
        if self.words(&["CUSTOM", "INDEX"]) {
            return self.create_index(true).map(Ddl::CreateIndex);
        }
        if self.word("INDEX") {
            return self.create_index(false).map(Ddl::CreateIndex);
        }
        self.excluded("KEYSPACE, TABLE, TYPE or INDEX")
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.words(&["IF", "NOT", "EXISTS"])
    }

    fn create_type(&mut self) -> Result<Ddl> {
        let if_not_exists = self.if_not_exists();
        let start = self.next;
        let name = self.table()?;
        let unquoted = matches!(self.tokens[self.next - 1].0, Token::Word(_));
        if unquoted && Native::from_name(name.name.as_str()).is_some() {
            self.next = start;
            return self.error(format!("`{}` is a native type", name.name.as_str()));
        }
        self.expect_symbol("(")?;
        let fields = self.list_until(")", |p| Ok((p.name("a field")?, p.type_name()?)))?;
        Ok(Ddl::CreateType { name, if_not_exists, fields })
    }

    fn create_table(&mut self) -> Result<CreateTable> {
        let if_not_exists = self.if_not_exists();
        let table = self.table()?;
        if self.is_word(0, "LIKE") {
            return self.expected("`(`");
        }
        let mut create = CreateTable {
            table,
            if_not_exists,
            columns: Vec::new(),
            primary_keys: Vec::new(),
            clustering_order: Vec::new(),
            compact_storage: false,
            options: Vec::new(),
        };
        self.expect_symbol("(")?;
        self.table_item(&mut create)?;
        // Cassandra takes commas with nothing between them.
        while self.symbol(",") {
            if !self.is_symbol(",") && !self.is_symbol(")") {
                self.table_item(&mut create)?;
            }
        }
        self.expect_symbol(")")?;
        if self.word("WITH") {
            self.table_options(&mut create)?;
        }
        Ok(create)
    }

    /// A column, or `PRIMARY KEY (…)`.
    fn table_item(&mut self, create: &mut CreateTable) -> Result<()> {
        if self.words(&["PRIMARY", "KEY"]) {
            let key = self.primary_key()?;
            create.primary_keys.push(key);
            return Ok(());
        }
        let column = self.column_definition()?;
        if self.words(&["PRIMARY", "KEY"]) {
            create.primary_keys.push(PrimaryKey { partition: vec![column.name.clone()], clustering: Vec::new() });
        }
        create.columns.push(column);
        Ok(())
    }

    /// `name type [STATIC]`
    pub(super) fn column_definition(&mut self) -> Result<ColumnDefinition> {
        let name = self.column()?;
        let of = self.type_name()?;
        let is_static = self.word("STATIC");
        if self.is_word(0, "MASKED") {
            return self.verdict(Command::Refused("Dynamic data masking"));
        }
        Ok(ColumnDefinition { name, of, is_static })
    }

    fn primary_key(&mut self) -> Result<PrimaryKey> {
        self.expect_symbol("(")?;
        let partition = match self.symbol("(") {
            true => self.list_until(")", Self::column)?,
            false => vec![self.column()?],
        };
        let clustering = match self.symbol(",") {
            true => self.list(Self::column)?,
            false => Vec::new(),
        };
        self.expect_symbol(")")?;
        Ok(PrimaryKey { partition, clustering })
    }

    fn table_options(&mut self, create: &mut CreateTable) -> Result<()> {
        loop {
            if self.words(&["COMPACT", "STORAGE"]) {
                create.compact_storage = true;
            } else if self.words(&["CLUSTERING", "ORDER", "BY"]) {
                self.expect_symbol("(")?;
                let order = self.list_until(")", |p| {
                    let column = p.column()?;
                    let descending = p.word("DESC");
                    if !descending && !p.word("ASC") {
                        return p.expected("ASC or DESC");
                    }
                    Ok((column, if descending { Order::Descending } else { Order::Ascending }))
                })?;
                create.clustering_order.extend(order);
            } else {
                let option = self.option()?;
                create.options.push(option);
            }
            if !self.word("AND") {
                return Ok(());
            }
        }
    }

    fn create_index(&mut self, custom: bool) -> Result<CreateIndex> {
        let if_not_exists = self.if_not_exists();
        let name = match self.is_word(0, "ON") {
            true => None,
            false => Some(self.name("the name of the index")?),
        };
        self.expect_word("ON")?;
        let table = self.table()?;
        self.expect_symbol("(")?;
        let targets = match self.symbol(")") {
            true => Vec::new(),
            false => self.list_until(")", Self::index_target)?,
        };
        let using = match self.word("USING") {
            true => match self.peek() {
                Token::String(class) => {
                    let class = class.clone();
                    self.next += 1;
                    Some(class)
                }
                _ => return self.expected("the class of the index, a string"),
            },
            false => None,
        };
        Ok(CreateIndex { custom, if_not_exists, name, table, targets, using, options: self.options()? })
    }

    fn index_target(&mut self) -> Result<(IndexTarget, Name)> {
        // `full` and `entries` are reserved words, `keys` and `values` are not.
        let of = [
            ("VALUES", IndexTarget::Values),
            ("KEYS", IndexTarget::Keys),
            ("ENTRIES", IndexTarget::Entries),
            ("FULL", IndexTarget::Full),
        ]
        .into_iter()
        .find(|(word, _)| self.is_word(0, word) && matches!(self.ahead(1), Token::Symbol("(")));
        let Some((_, target)) = of else {
            return Ok((IndexTarget::Plain, self.column()?));
        };
        self.next += 2;
        let column = self.column()?;
        self.expect_symbol(")")?;
        Ok((target, column))
    }

    /// `WITH …`, if it is next.
    pub(super) fn options(&mut self) -> Result<Options> {
        match self.word("WITH") {
            true => self.required_options(),
            false => Ok(Vec::new()),
        }
    }

    /// What follows `WITH`.
    pub(super) fn required_options(&mut self) -> Result<Options> {
        let mut options = vec![self.option()?];
        while self.word("AND") {
            options.push(self.option()?);
        }
        Ok(options)
    }

    fn option(&mut self) -> Result<(Name, Property)> {
        let name = self.name("an option")?;
        self.expect_symbol("=")?;
        if !self.symbol("{") {
            return Ok((name, Property::Literal(self.property()?)));
        }
        if self.symbol("}") {
            return Ok((name, Property::Map(Vec::new())));
        }
        let entry = |p: &mut Self| {
            let key = p.signed()?;
            p.expect_symbol(":")?;
            Ok((key, p.signed()?))
        };
        Ok((name, Property::Map(self.list_until("}", entry)?)))
    }

    /// A constant or a bare word.
    fn property(&mut self) -> Result<Literal> {
        match self.peek() {
            Token::Word(word) if self.is_name(0) => {
                let literal = Literal::String(word.to_ascii_lowercase());
                self.next += 1;
                Ok(literal)
            }
            _ => self.signed(),
        }
    }

    /// A constant, which may have a sign.
    fn signed(&mut self) -> Result<Literal> {
        if !self.symbol("-") {
            return self.literal();
        }
        match self.literal()? {
            Literal::Integer(text) => Ok(Literal::Integer(format!("-{text}"))),
            Literal::Float(text) => Ok(Literal::Float(format!("-{text}"))),
            Literal::Duration(text) => Ok(Literal::Duration(format!("-{text}"))),
            _ => self.error("expected a number after `-`"),
        }
    }
}
