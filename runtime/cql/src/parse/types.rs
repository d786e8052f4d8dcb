//! Types in casts and hints.

use super::{Parser, Result};
use crate::lexer::Token;
use crate::tree::{Command, Native, Type};

impl Parser<'_> {
    pub(super) fn type_name(&mut self) -> Result<Type> {
        let parameterized = matches!(self.ahead(1), Token::Symbol("<"));
        if self.any
            && let Token::String(class) = self.peek()
        {
            let class = class.clone();
            self.next += 1;
            return Ok(Type::Custom(class));
        }
        let Token::Word(word) = *self.peek() else {
            return self.user_type();
        };
        if !parameterized {
            return self.simple_type();
        }
        let word = word.to_ascii_lowercase();
        if !["list", "set", "map", "tuple", "vector", "frozen"].contains(&word.as_str()) {
            return self.expected("a type");
        }
        self.next += 2;
        self.nested(|p| {
            let ty = match word.as_str() {
                "list" => Type::List(p.boxed_type()?),
                "set" => Type::Set(p.boxed_type()?),
                "frozen" => Type::Frozen(p.boxed_type()?),
                "map" => {
                    let key = p.boxed_type()?;
                    p.expect_symbol(",")?;
                    Type::Map(key, p.boxed_type()?)
                }
                "vector" => {
                    let element = p.boxed_type()?;
                    p.expect_symbol(",")?;
                    Type::Vector(element, p.dimension()?)
                }
                _ => Type::Tuple(p.list(Self::type_name)?),
            };
            p.expect_symbol(">")?;
            Ok(ty)
        })
    }

    /// A type without parameters: a native or a user-defined one.
    pub(super) fn simple_type(&mut self) -> Result<Type> {
        if let Token::Word(word) = self.peek()
            && let Some(native) = Native::from_name(&word.to_ascii_lowercase())
        {
            self.next += 1;
            return Ok(Type::Native(native));
        }
        self.user_type()
    }

    fn user_type(&mut self) -> Result<Type> {
        let name = self.name("a type")?;
        if !self.any || !self.symbol(".") {
            return Ok(Type::Udt(name));
        }
        Ok(Type::UdtOf(name, self.name("a type")?))
    }

    fn boxed_type(&mut self) -> Result<Box<Type>> {
        self.type_name().map(Box::new)
    }

    fn dimension(&mut self) -> Result<u16> {
        let dimension = match self.peek() {
            Token::Integer(digits) => digits.parse().ok().filter(|n| *n > 0),
            _ => None,
        };
        let Some(dimension) = dimension else {
            if matches!(self.peek(), Token::Integer("0")) && self.any {
                return self.verdict(Command::Invalid("vectors may only have positive dimensions; given 0".to_owned()));
            }
            return self.expected("the number of dimensions, 1 to 65535");
        };
        self.next += 1;
        Ok(dimension)
    }
}
