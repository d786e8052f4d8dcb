//! Relations of `WHERE` and `IF`.

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Comparison, Condition, InValues, Relation, Subject, Test};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    Where,
    If,
}

impl Parser<'_> {
    /// `WHERE …`, if it is next.
    pub(super) fn filter(&mut self) -> Result<Vec<Relation>> {
        match self.word("WHERE") {
            true => self.relations(Clause::Where),
            false => Ok(Vec::new()),
        }
    }

    /// `WHERE …`, which must be next.
    pub(super) fn required_filter(&mut self) -> Result<Vec<Relation>> {
        self.expect_word("WHERE")?;
        self.relations(Clause::Where)
    }

    /// `IF …`, if it is next.
    pub(super) fn condition(&mut self) -> Result<Option<Condition>> {
        if !self.word("IF") {
            return Ok(None);
        }
        // A column may be called `exists`; then a test follows.
        let tested = match self.ahead(1) {
            Token::Symbol(symbol) => *symbol != ";",
            Token::Word(_) => self.is_word(1, "in") || self.is_word(1, "contains"),
            _ => false,
        };
        if self.is_word(0, "exists") && !tested {
            self.next += 1;
            return Ok(Some(Condition::Exists));
        }
        self.relations(Clause::If).map(Condition::If).map(Some)
    }

    fn relations(&mut self, clause: Clause) -> Result<Vec<Relation>> {
        let mut relations = vec![self.relation(clause)?];
        while self.word("AND") {
            relations.push(self.relation(clause)?);
        }
        if self.is_word(0, "or") {
            return self.error("OR is not part of CQL: relations are joined by AND");
        }
        Ok(relations)
    }

    fn relation(&mut self, clause: Clause) -> Result<Relation> {
        let subject = self.subject(clause)?;
        let test = self.test(&subject, clause)?;
        Ok(Relation { subject, test })
    }

    fn subject(&mut self, clause: Clause) -> Result<Subject> {
        if clause == Clause::Where {
            if self.symbol("(") {
                return self.list_until(")", Self::column).map(Subject::Tuple);
            }
            if self.word("token") {
                self.expect_symbol("(")?;
                return self.list_until(")", Self::column).map(Subject::Token);
            }
        }
        let column = self.column()?;
        if self.symbol("[") {
            let key = self.term()?;
            self.expect_symbol("]")?;
            return Ok(Subject::Element(column, key));
        }
        if clause == Clause::If && self.symbol(".") {
            return Ok(Subject::Field(column, self.name("a field")?));
        }
        Ok(Subject::Column(column))
    }

    fn test(&mut self, subject: &Subject, clause: Clause) -> Result<Test> {
        if let Some(comparison) = self.comparison(clause)? {
            return self.term().map(|value| Test::Compare(comparison, value));
        }
        if !matches!(subject, Subject::Token(_)) && self.word("IN") {
            return self.in_values().map(Test::In);
        }
        if matches!(subject, Subject::Column(_)) && self.word("CONTAINS") {
            return match self.word("KEY") {
                true => self.term().map(Test::ContainsKey),
                false => self.term().map(Test::Contains),
            };
        }
        if self.any && clause == Clause::Where && matches!(subject, Subject::Column(_)) {
            if self.word("LIKE") {
                return self.term().map(Test::Like);
            }
            if self.words(&["IS", "NOT", "NULL"]) {
                return Ok(Test::IsNotNull);
            }
        }
        for refused in ["LIKE", "IS", "BETWEEN", "NOT"] {
            if self.is_word(0, refused) {
                return self.error(format!("{refused} is not supported in a relation"));
            }
        }
        self.expected(match (subject, clause) {
            (Subject::Column(_), Clause::If) => "=, !=, <, <=, >, >=, IN or CONTAINS",
            (Subject::Column(_), Clause::Where) => "=, <, <=, >, >=, IN or CONTAINS",
            _ => "a comparison",
        })
    }

    fn comparison(&mut self, clause: Clause) -> Result<Option<Comparison>> {
        let comparison = match self.peek() {
            Token::Symbol("=") => Comparison::Equal,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Symbol("!=") if clause == Clause::If || self.any => Comparison::NotEqual,
            Token::Symbol("!=") => return self.error("!= is allowed in IF only"),
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(comparison))
    }

    fn in_values(&mut self) -> Result<InValues> {
        if self.is_marker() {
            return self.marker().map(InValues::Marker);
        }
        if !self.symbol("(") {
            return self.expected("`(` or a bind marker");
        }
        if self.symbol(")") {
            return Ok(InValues::List(Vec::new()));
        }
        self.list_until(")", Self::term).map(InValues::List)
    }
}
