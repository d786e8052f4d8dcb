//! [`Pointer`]: JSON pointers (RFC 6901).

use std::fmt;

/// Where in a JSON text a value is: `/customer/id`, `/lines/0`; empty: all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    tokens: Vec<Token>,
}

/// A step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The name of a member.
    pub(crate) name: String,
    /// The element of an array, if it can be one.
    pub(crate) index: Option<usize>,
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        if !text.is_empty() {
            let steps =
                text.strip_prefix('/').ok_or_else(|| format!("{text:?} is no JSON pointer: it begins with /"))?;
            for step in steps.split('/') {
                let unescaped = unescape(step)
                    .ok_or_else(|| format!("{text:?} is no JSON pointer: ~ is written ~0, and / within a name ~1"))?;
                tokens.push(Token { index: index(&unescaped), name: unescaped });
            }
        }
        Ok(Self { text: text.to_owned(), tokens })
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn unescape(step: &str) -> Option<String> {
    let mut name = String::with_capacity(step.len());
    let mut chars = step.chars();
    while let Some(c) = chars.next() {
        name.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(name)
}

/// Digits without a leading zero.
fn index(name: &str) -> Option<usize> {
    let digits = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if digits { name.parse().ok() } else { None }
}
