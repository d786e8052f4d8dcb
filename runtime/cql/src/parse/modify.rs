//! `INSERT`, `UPDATE` and `DELETE`.

use std::mem::discriminant;

use super::expr::Scope;
use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Assignment, Delete, Expr, Insert, InsertValues, JsonDefault, JsonValue, Target, Update, Using};

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<Insert> {
        self.expect_word("INSERT")?;
        self.expect_word("INTO")?;
        let table = self.table()?;
        let values = if self.word("JSON") {
            self.json_values()?
        } else if self.is_symbol("(") {
            self.column_values()?
        } else {
            return self.expected("`(` or JSON");
        };
        let if_not_exists = self.words(&["IF", "NOT", "EXISTS"]);
        if !if_not_exists && self.is_word(0, "if") {
            return self.error("expected IF NOT EXISTS, the only condition of an INSERT");
        }
        let using = self.using(true)?;
        Ok(Insert { table, values, if_not_exists, using })
    }

    fn column_values(&mut self) -> Result<InsertValues> {
        self.expect_symbol("(")?;
        let columns = self.list_until(")", Self::column)?;
        self.expect_word("VALUES")?;
        let start = self.next;
        self.expect_symbol("(")?;
        let values = self.list_until(")", Self::term)?;
        if columns.len() != values.len() {
            self.next = start;
            let (columns, values) = (columns.len(), values.len());
            let message = format!("expected as many values as columns: {columns} columns, {values} values");
            return self.invalid("Unmatched column names/values", message);
        }
        Ok(InsertValues::Columns(columns.into_iter().zip(values).collect()))
    }

    fn json_values(&mut self) -> Result<InsertValues> {
        let value = match self.peek() {
            Token::String(text) => {
                let value = JsonValue::Text(text.clone());
                self.next += 1;
                value
            }
            _ if self.is_marker() => JsonValue::Marker(self.marker()?),
            _ => return self.expected("a string or a bind marker"),
        };
        let mut default = JsonDefault::Null;
        if self.word("DEFAULT") {
            if self.word("UNSET") {
                default = JsonDefault::Unset;
            } else if !self.word("NULL") {
                return self.expected("NULL or UNSET");
            }
        }
        Ok(InsertValues::Json { value, default })
    }

    /// `USING …`, if it is next.
    pub(super) fn using(&mut self, ttl_allowed: bool) -> Result<Vec<Using>> {
        let mut using = Vec::new();
        if !self.word("USING") {
            return Ok(using);
        }
        loop {
            let option: fn(Expr) -> Using = if self.is_word(0, "timestamp") {
                Using::Timestamp
            } else if ttl_allowed && self.is_word(0, "ttl") {
                Using::Ttl
            } else {
                return self.expected(if ttl_allowed { "TIMESTAMP or TTL" } else { "TIMESTAMP" });
            };
            let start = self.next;
            self.next += 1;
            let option = option(self.count()?);
            let twice = using.iter().position(|given| discriminant(given) == discriminant(&option));
            match twice {
                // For Cassandra the last one counts.
                Some(twice) if self.any => drop(using.remove(twice)),
                Some(_) => {
                    self.next = start;
                    return self.error("this option is given twice");
                }
                None => {}
            }
            using.push(option);
            if !self.word("AND") {
                return Ok(using);
            }
        }
    }

    pub(super) fn update(&mut self) -> Result<Update> {
        self.expect_word("UPDATE")?;
        let table = self.table()?;
        let using = self.using(true)?;
        self.expect_word("SET")?;
        let start = self.next;
        let assignments = self.list(Self::assignment)?;
        if let Some(name) = self.any.then(|| set_twice(&assignments)).flatten() {
            self.next = start;
            return self.error(format!("Multiple incompatible setting of column {name}"));
        }
        let filter = self.required_filter()?;
        let condition = self.condition()?;
        Ok(Update { table, using, assignments, filter, condition })
    }

    fn assignment(&mut self) -> Result<Assignment> {
        let column = self.column()?;
        if self.symbol("[") {
            let key = self.term()?;
            self.expect_symbol("]")?;
            self.expect_symbol("=")?;
            return Ok(Assignment::Element(column, key, self.term()?));
        }
        if self.symbol(".") {
            let field = self.name("a field")?;
            self.expect_symbol("=")?;
            return Ok(Assignment::Field(column, field, self.term()?));
        }
        if self.symbol("+=") {
            return Ok(Assignment::Add(column, self.term()?));
        }
        if self.symbol("-=") {
            return Ok(Assignment::Subtract(column, self.term()?));
        }
        if !self.symbol("=") {
            return self.expected("`=`, `+=`, `-=`, `[` or `.`");
        }
        let start = self.next;
        // `c = c + value`; a name before `(` is a function.
        if self.is_name(0) && !matches!(self.ahead(1), Token::Symbol("(")) {
            let operand = self.column()?;
            if operand != column {
                self.next = start;
                return self.error(format!(
                    "expected a value or `{}` itself: a column can't be set from another column",
                    column.0
                ));
            }
            if self.symbol("+") {
                return Ok(Assignment::Add(column, self.term()?));
            }
            if self.symbol("-") {
                return Ok(Assignment::Subtract(column, self.term()?));
            }
            return self.expected("`+` or `-`");
        }
        let value = self.expr(Scope::BeforeColumn)?;
        if self.symbol("+") {
            let start = self.next;
            if self.column()? != column {
                self.next = start;
                return self.error(format!("expected `{}`, the column that is set", column.0));
            }
            return Ok(Assignment::Prepend(column, value));
        }
        Ok(Assignment::Set(column, value))
    }

    pub(super) fn delete(&mut self) -> Result<Delete> {
        self.expect_word("DELETE")?;
        let targets = match self.is_word(0, "from") {
            true => Vec::new(),
            false => self.list(Self::target)?,
        };
        self.expect_word("FROM")?;
        let table = self.table()?;
        let using = self.using(false)?;
        let filter = self.required_filter()?;
        let condition = self.condition()?;
        Ok(Delete { targets, table, using, filter, condition })
    }

    fn target(&mut self) -> Result<Target> {
        let column = self.column()?;
        if self.symbol("[") {
            let key = self.term()?;
            self.expect_symbol("]")?;
            return Ok(Target::Element(column, key));
        }
        if self.symbol(".") {
            return Ok(Target::Field(column, self.name("a field")?));
        }
        Ok(Target::Column(column))
    }
}

/// The column that is set as a whole and once more, or whose field is set twice.
fn set_twice(assignments: &[Assignment]) -> Option<&str> {
    let conflict = |a: &Assignment, b: &Assignment| {
        column_of(a) == column_of(b)
            && match (a, b) {
                (Assignment::Set(..), _) | (_, Assignment::Set(..)) => true,
                (Assignment::Field(_, a, _), Assignment::Field(_, b, _)) => a == b,
                _ => false,
            }
    };
    let mut rest = assignments;
    while let Some((first, after)) = rest.split_first() {
        if after.iter().any(|other| conflict(first, other)) {
            return Some(column_of(first));
        }
        rest = after;
    }
    None
}

fn column_of(assignment: &Assignment) -> &str {
    match assignment {
        Assignment::Set(column, _)
        | Assignment::Add(column, _)
        | Assignment::Subtract(column, _)
        | Assignment::Prepend(column, _)
        | Assignment::Element(column, ..)
        | Assignment::Field(column, ..) => column.as_str(),
    }
}
