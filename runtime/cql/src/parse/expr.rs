//! Terms and selectors: operators, and what follows a selector. Their operands are in `simple`.

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Expr, Literal, Operator};

/// What may stand in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Values alone: in `WHERE`, `SET`, `VALUES`.
    Term,
    /// As `Term`, but a sum ends before `+ column`: `list = [1] + list`.
    BeforeColumn,
    /// Values and columns: in a select list and `GROUP BY`.
    Selector,
}

impl Parser<'_> {
    pub(super) fn term(&mut self) -> Result<Expr> {
        self.expr(Scope::Term)
    }

    /// `+` and `-`, from left to right.
    pub(super) fn expr(&mut self, scope: Scope) -> Result<Expr> {
        self.nested(|p| p.sum(scope))
    }

    fn sum(&mut self, scope: Scope) -> Result<Expr> {
        let mut left = self.product(scope)?;
        loop {
            if scope == Scope::BeforeColumn && self.is_symbol("+") && self.is_column(1) {
                return Ok(left);
            }
            let op = if self.symbol("+") {
                Operator::Add
            } else if self.symbol("-") {
                Operator::Subtract
            } else {
                return Ok(left);
            };
            self.operator()?;
            let right = self.product(scope)?;
            left = Expr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
    }

    /// `*`, `/` and `%`, from left to right.
    fn product(&mut self, scope: Scope) -> Result<Expr> {
        let mut left = self.operand(scope)?;
        loop {
            let op = if self.symbol("*") {
                Operator::Multiply
            } else if self.symbol("/") {
                Operator::Divide
            } else if self.symbol("%") {
                Operator::Modulo
            } else {
                return Ok(left);
            };
            self.operator()?;
            let right = self.operand(scope)?;
            left = Expr::Binary { op, left: Box::new(left), right: Box::new(right) };
        }
    }

    /// A value, its sign and, in selectors, what is taken out of it.
    fn operand(&mut self, scope: Scope) -> Result<Expr> {
        if self.symbol("-") {
            return self.nested(|p| p.operand(scope)).map(negated);
        }
        let mut value = self.simple(scope)?;
        // Nothing can be taken out of a constant, and `1 .a` would print as a number.
        if scope != Scope::Selector || matches!(value, Expr::Literal(_) | Expr::Marker(_)) {
            return Ok(value);
        }
        loop {
            value = if self.symbol(".") {
                Expr::Field(Box::new(value), self.name("a field")?)
            } else if self.symbol("[") {
                self.subscript(value)?
            } else {
                return Ok(value);
            };
            self.operator()?;
        }
    }

    fn is_column(&self, n: usize) -> bool {
        self.is_name(n) && !matches!(self.ahead(n + 1), Token::Symbol("("))
    }

    /// What follows `[` after a selector.
    fn subscript(&mut self, value: Expr) -> Result<Expr> {
        let value = Box::new(value);
        let bound = |p: &mut Self| p.term().map(|term| Some(Box::new(term)));
        let from = if self.is_symbol("..") { None } else { bound(self)? };
        let expr = match (self.symbol(".."), from) {
            (true, from) => {
                let to = if self.is_symbol("]") { None } else { bound(self)? };
                Expr::Slice(value, from, to)
            }
            (false, Some(key)) => Expr::Element(value, key),
            (false, None) => return self.expected("a key or a range"),
        };
        self.expect_symbol("]")?;
        Ok(expr)
    }
}

/// Numbers take their sign in.
fn negated(value: Expr) -> Expr {
    match value {
        Expr::Literal(Literal::Integer(n)) if !n.starts_with('-') => Literal::Integer(format!("-{n}")).into(),
        Expr::Literal(Literal::Float(n)) if !n.starts_with('-') => Literal::Float(format!("-{n}")).into(),
        Expr::Literal(Literal::Duration(n)) if !n.starts_with('-') => Literal::Duration(format!("-{n}")).into(),
        value => Expr::Negate(Box::new(value)),
    }
}
