//! What expressions are made of: literals, markers, columns, collections, calls, casts.

use super::expr::Scope;
use super::{Parser, Result};
use crate::functions::is_native;
use crate::lexer::Token;
use crate::tree::{Expr, Literal, Marker, Type};

impl Parser<'_> {
    pub(super) fn simple(&mut self, scope: Scope) -> Result<Expr> {
        // Inside of brackets nothing is followed by the column that is set.
        let scope = if scope == Scope::BeforeColumn { Scope::Term } else { scope };
        match self.peek() {
            Token::Symbol("?" | ":") => self.marker().map(Expr::Marker),
            Token::Symbol("(") => self.nested(|p| p.parenthesis(scope)),
            Token::Symbol("[") => self.brackets(scope),
            Token::Symbol("{") => self.braces(scope),
            Token::Word(word) if is_constant(word) => self.literal().map(Expr::Literal),
            Token::Word(_) | Token::Quoted(_) => self.call_or_column(scope),
            Token::Symbol(_) | Token::End => self.expected("a value"),
            _ => self.literal().map(Expr::Literal),
        }
    }

    pub(super) fn marker(&mut self) -> Result<Marker> {
        if self.symbol("?") {
            return Ok(Marker::Positional);
        }
        self.expect_symbol(":")?;
        self.name("the name of a bind marker").map(Marker::Named)
    }

    pub(super) fn is_marker(&self) -> bool {
        matches!(self.peek(), Token::Symbol("?" | ":"))
    }

    pub(super) fn literal(&mut self) -> Result<Literal> {
        let literal = match self.peek() {
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "null" => Literal::Null,
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "nan" => Literal::Float("NaN".to_owned()),
                "infinity" => Literal::Float("Infinity".to_owned()),
                _ => return self.expected("a value"),
            },
            Token::Integer(text) => Literal::Integer((*text).to_owned()),
            Token::Float(text) if self.any && text.parse().is_ok_and(f64::is_infinite) => {
                return self.error("a number beyond those of a double");
            }
            Token::Float(text) => Literal::Float(text.to_ascii_lowercase()),
            Token::Blob(hex) => Literal::Blob(hex.to_ascii_lowercase()),
            Token::Uuid(text) => Literal::Uuid(text.to_ascii_lowercase()),
            Token::Duration(text) => Literal::Duration(match text.starts_with(['p', 'P']) {
                true => text.to_ascii_uppercase(),
                false => text.to_ascii_lowercase(),
            }),
            Token::String(text) => Literal::String(text.clone()),
            Token::Quoted(_) | Token::Symbol(_) | Token::End => return self.expected("a value"),
        };
        self.next += 1;
        Ok(literal)
    }

    /// `(type) value` or a tuple.
    fn parenthesis(&mut self, scope: Scope) -> Result<Expr> {
        if let Some(of) = self.hint() {
            return Ok(Expr::Hint { of, value: Box::new(self.simple(scope)?) });
        }
        self.expect_symbol("(")?;
        self.list_until(")", |p| p.expr(scope)).map(Expr::Tuple)
    }

    /// Takes `(type)` if a value follows it.
    fn hint(&mut self) -> Option<Type> {
        let start = self.next;
        self.next += 1;
        let hint = self.type_name().ok().filter(|_| self.symbol(")") && self.begins_simple());
        if hint.is_none() {
            self.next = start;
        }
        hint
    }

    /// Whether an operand without sign may begin here.
    fn begins_simple(&self) -> bool {
        match self.peek() {
            // In `{(a): 1}` the colon is the map's.
            Token::Symbol(":") => self.is_name(1),
            Token::Symbol(symbol) => ["?", "(", "[", "{"].contains(symbol),
            Token::Word(word) => is_constant(word) || self.is_name(0) || self.is_word(0, "token"),
            Token::End => false,
            _ => true,
        }
    }

    /// A list or a vector.
    fn brackets(&mut self, scope: Scope) -> Result<Expr> {
        self.expect_symbol("[")?;
        match self.symbol("]") {
            true => Ok(Expr::List(Vec::new())),
            false => self.list_until("]", |p| p.expr(scope)).map(Expr::List),
        }
    }

    /// A set, a map or a user-defined type.
    fn braces(&mut self, scope: Scope) -> Result<Expr> {
        self.expect_symbol("{")?;
        if self.symbol("}") {
            return Ok(Expr::Set(Vec::new()));
        }
        if self.is_name(0) && matches!(self.ahead(1), Token::Symbol(":")) {
            return self
                .list_until("}", |p| {
                    let field = p.name("a field")?;
                    p.expect_symbol(":")?;
                    Ok((field, p.expr(scope)?))
                })
                .map(Expr::Udt);
        }
        let first = self.expr(scope)?;
        if !self.symbol(":") {
            let mut items = vec![first];
            while self.symbol(",") {
                items.push(self.expr(scope)?);
            }
            self.expect_symbol("}")?;
            return Ok(Expr::Set(items));
        }
        let mut entries = vec![(first, self.expr(scope)?)];
        while self.symbol(",") {
            let key = self.expr(scope)?;
            self.expect_symbol(":")?;
            entries.push((key, self.expr(scope)?));
        }
        self.expect_symbol("}")?;
        Ok(Expr::Map(entries))
    }

    fn call_or_column(&mut self, scope: Scope) -> Result<Expr> {
        let qualified = self.any && matches!(self.ahead(1), Token::Symbol(".")) && self.is_name(2);
        if !matches!(self.ahead(if qualified { 3 } else { 1 }), Token::Symbol("(")) {
            return match scope {
                Scope::Selector => self.column().map(Expr::Column),
                Scope::Term | Scope::BeforeColumn => self.expected("a value"),
            };
        }
        if self.is_word(0, "cast") {
            return self.cast(scope);
        }
        let start = self.next;
        // `token` is reserved, but a function.
        let function = match self.word("token") {
            true => "token".to_owned(),
            false => self.function()?,
        };
        if !self.any && !is_native(&function) {
            self.next = start;
            return self.error(format!("`{function}` is not a native function: only those may be called"));
        }
        self.expect_symbol("(")?;
        if function == "count" && self.symbol("*") {
            self.expect_symbol(")")?;
            return Ok(Expr::CountAll);
        }
        let args = match self.symbol(")") {
            true => Vec::new(),
            false => self.list_until(")", |p| p.expr(scope))?,
        };
        if self.any && ["writetime", "maxwritetime", "ttl"].contains(&function.as_str()) && !is_part(&args) {
            self.next = start;
            return self.error(format!("expected {function}(column)"));
        }
        Ok(Expr::Call { function, args })
    }

    /// The name of a function; those of `system` are the ones without keyspace.
    fn function(&mut self) -> Result<String> {
        let first = self.name("a function")?.0;
        if !self.symbol(".") {
            return Ok(first);
        }
        let name = self.name("a function")?.0;
        Ok(if first == "system" { name } else { format!("{first}.{name}") })
    }

    fn cast(&mut self, scope: Scope) -> Result<Expr> {
        self.next += 2;
        let value = Box::new(self.expr(scope)?);
        self.expect_word("AS")?;
        let start = self.next;
        let to = self.simple_type()?;
        if self.any && !matches!(to, Type::Native(_)) {
            self.next = start;
            return self.expected("a native type");
        }
        self.expect_symbol(")")?;
        Ok(Expr::Cast { value, to })
    }
}

/// One column, or a field, element or slice of one.
fn is_part(args: &[Expr]) -> bool {
    match args {
        [Expr::Column(_)] => true,
        [Expr::Field(value, _) | Expr::Element(value, _) | Expr::Slice(value, ..)] => {
            is_part(std::slice::from_ref(value))
        }
        _ => false,
    }
}

fn is_constant(word: &str) -> bool {
    ["null", "true", "false", "nan", "infinity"].iter().any(|constant| word.eq_ignore_ascii_case(constant))
}

impl From<Literal> for Expr {
    fn from(literal: Literal) -> Self {
        Self::Literal(literal)
    }
}
