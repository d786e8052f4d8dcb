//! `SELECT`.

use super::expr::Scope;
use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Command, Expr, Literal, Name, Order, Select, Selected, Selection};

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<Select> {
        self.expect_word("SELECT")?;
        let json = self.modifier("JSON");
        let distinct = self.modifier("DISTINCT");
        let selection = match self.symbol("*") {
            true => Selection::All,
            false => self.list(Self::selected).map(Selection::List)?,
        };
        self.expect_word("FROM")?;
        let table = self.table()?;
        let filter = self.filter()?;
        let group_by = match self.words(&["GROUP", "BY"]) {
            true => self.list(|p| p.expr(Scope::Selector))?,
            false => Vec::new(),
        };
        let order_by = match self.words(&["ORDER", "BY"]) {
            true => self.list(Self::order)?,
            false => Vec::new(),
        };
        let per_partition_limit = match self.words(&["PER", "PARTITION", "LIMIT"]) {
            true => Some(self.count()?),
            false => None,
        };
        let limit = match self.word("LIMIT") {
            true => Some(self.count()?),
            false => None,
        };
        let allow_filtering = self.words(&["ALLOW", "FILTERING"]);
        Ok(Select {
            json,
            distinct,
            selection,
            table,
            filter,
            group_by,
            order_by,
            per_partition_limit,
            limit,
            allow_filtering,
        })
    }

    /// Takes a word that is no keyword if a selector follows it; else it is a column itself.
    fn modifier(&mut self, word: &str) -> bool {
        let follows = match self.ahead(1) {
            Token::Symbol(symbol) => ["*", "?", ":", "[", "{"].contains(symbol),
            Token::Word(next) => !["from", "as"].iter().any(|w| next.eq_ignore_ascii_case(w)),
            Token::End => false,
            _ => true,
        };
        follows && self.word(word)
    }

    fn selected(&mut self) -> Result<Selected> {
        let value = self.expr(Scope::Selector)?;
        let alias = match self.word("AS") {
            true => Some(self.name("an alias")?),
            false => None,
        };
        Ok(Selected { value, alias })
    }

    fn order(&mut self) -> Result<(Name, Order)> {
        let column = self.column()?;
        if self.is_word(0, "ANN") {
            if self.any {
                return self.verdict(Command::Refused("Vector search (ORDER BY … ANN OF)"));
            }
            return self.error("ORDER BY … ANN OF is not supported");
        }
        let order = match self.word("DESC") {
            true => Order::Descending,
            false => {
                self.word("ASC");
                Order::Ascending
            }
        };
        Ok((column, order))
    }

    /// An integer or a bind marker.
    pub(super) fn count(&mut self) -> Result<Expr> {
        if self.is_marker() {
            return self.marker().map(Expr::Marker);
        }
        let sign = if self.symbol("-") { "-" } else { "" };
        match self.peek() {
            Token::Integer(digits) => {
                let literal = Literal::Integer(format!("{sign}{digits}"));
                self.next += 1;
                Ok(literal.into())
            }
            _ => self.expected("an integer or a bind marker"),
        }
    }
}
