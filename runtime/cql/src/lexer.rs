//! Text to tokens. Knows literals, quotes and comments; knows no keywords.

use crate::error::ParseError;

/// A token; borrowed where the text needs no unescaping.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'a> {
    /// An unquoted identifier or a keyword, as written.
    Word(&'a str),
    /// A quoted identifier, unescaped.
    Quoted(String),
    /// A string, unescaped.
    String(String),
    Integer(&'a str),
    Float(&'a str),
    /// Hex digits after `0x`.
    Blob(&'a str),
    Uuid(&'a str),
    Duration(&'a str),
    Symbol(&'static str),
    End,
}

/// Longer symbols first, as the first that fits is taken.
const SYMBOLS: &[&str] = &[
    "..", "!=", "<=", ">=", "+=", "-=", "(", ")", "[", "]", "{", "}", ",", ";", ":", "?", ".", "*", "+", "-", "/", "%",
    "=", "<", ">",
];

/// All tokens with the byte position at which each begins; the last one is `End`.
pub(crate) fn tokens(text: &str, limit: usize) -> Result<Vec<(Token<'_>, usize)>, ParseError> {
    if text.len() > limit {
        let message = format!("the statement has {} bytes, at most {limit} are allowed", text.len());
        return Err(ParseError::at(text, 0, message));
    }
    let mut lexer = Lexer { text, position: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let start = lexer.position;
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push((token, start));
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::at(self.text, self.position, message))
    }

    /// White space and comments.
    fn skip_blank(&mut self) -> Result<(), ParseError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            self.position += rest.len() - trimmed.len();
            if trimmed.starts_with("--") || trimmed.starts_with("//") {
                self.position += trimmed.find(['\n', '\r']).unwrap_or(trimmed.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.position += end + 4,
                    None => return self.error("this comment is not closed: expected `*/`"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn token(&mut self) -> Result<Token<'a>, ParseError> {
        let rest = self.rest();
        let Some(first) = rest.bytes().next() else { return Ok(Token::End) };
        match first {
            b'\'' => Ok(Token::String(self.quoted('\'', "string")?)),
            b'"' if rest.starts_with("\"\"") && !rest.starts_with("\"\"\"") => {
                self.error("a quoted name must not be empty")
            }
            b'"' => Ok(Token::Quoted(self.quoted('"', "quoted name")?)),
            b'$' if rest.starts_with("$$") => match rest[2..].find("$$") {
                Some(end) => {
                    self.position += end + 4;
                    Ok(Token::String(rest[2..2 + end].to_owned()))
                }
                None => self.error("this string is not closed: expected `$$`"),
            },
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => self.literal_or_word(first),
            _ => match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
                Some(symbol) => {
                    self.position += symbol.len();
                    Ok(Token::Symbol(symbol))
                }
                None => {
                    let found = rest.chars().next().unwrap_or_default();
                    self.error(format!("unexpected character {found:?}"))
                }
            },
        }
    }

    /// Between two `quote`s; a doubled one inside stands for itself.
    fn quoted(&mut self, quote: char, what: &str) -> Result<String, ParseError> {
        let body = &self.rest()[1..];
        let mut out = String::new();
        let mut from = 0;
        while let Some(end) = body[from..].find(quote).map(|i| i + from) {
            out.push_str(&body[from..end]);
            if !body[end + 1..].starts_with(quote) {
                self.position += end + 2;
                return Ok(out);
            }
            out.push(quote);
            from = end + 2;
        }
        self.error(format!("this {what} is not closed: expected `{quote}`"))
    }

    fn literal_or_word(&mut self, first: u8) -> Result<Token<'a>, ParseError> {
        let rest = self.rest();
        let (token, len): (fn(&'a str) -> Token<'a>, usize) = if let Some(len) = uuid(rest) {
            (Token::Uuid, len)
        } else if let Some(len) = iso_duration(rest) {
            (Token::Duration, len)
        } else if first.is_ascii_alphabetic() {
            (Token::Word, span(rest, |b| b.is_ascii_alphanumeric() || b == b'_'))
        } else if rest.starts_with("0x") || rest.starts_with("0X") {
            (|hex| Token::Blob(&hex[2..]), 2 + span(&rest[2..], |b| b.is_ascii_hexdigit()))
        } else if let Some(len) = unit_duration(rest) {
            (Token::Duration, len)
        } else {
            number(rest)
        };
        if rest[len..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            let end = span(&rest[len..], |b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80);
            return self.error(format!("`{}` is neither a name nor a literal", &rest[..len + end]));
        }
        self.position += len;
        Ok(token(&rest[..len]))
    }
}

fn span(text: &str, keep: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|b| !keep(b)).unwrap_or(text.len())
}

fn digits(text: &str) -> usize {
    span(text, |b| b.is_ascii_digit())
}

fn number<'a>(text: &str) -> (fn(&'a str) -> Token<'a>, usize) {
    let mut len = digits(text);
    let mut token: fn(&'a str) -> Token<'a> = Token::Integer;
    // `..` is a range's, as in `list[0..1]`.
    if text[len..].starts_with('.') && !text[len..].starts_with("..") {
        len += 1 + digits(&text[len + 1..]);
        token = Token::Float;
    }
    if text[len..].starts_with(['e', 'E']) {
        let sign = usize::from(text[len + 1..].starts_with(['+', '-']));
        let exponent = digits(&text[len + 1 + sign..]);
        if exponent > 0 {
            len += 1 + sign + exponent;
            token = Token::Float;
        }
    }
    (token, len)
}

fn uuid(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..36)?;
    let fits = bytes.iter().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => *b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    fits.then_some(36)
}

/// `1h30m`: digits and a unit, repeated.
fn unit_duration(text: &str) -> Option<usize> {
    // Longer units first, as the first that fits is taken.
    const UNITS: &[&str] = &["mo", "ms", "us", "\u{b5}s", "ns", "y", "w", "d", "h", "m", "s"];
    let mut len = 0;
    loop {
        let count = digits(&text[len..]);
        if count == 0 {
            return (len > 0).then_some(len);
        }
        let rest = &text[len + count..];
        let unit =
            UNITS.iter().find(|unit| rest.get(..unit.len()).is_some_and(|start| start.eq_ignore_ascii_case(unit)))?;
        len += count + unit.len();
    }
}

/// `P1Y2M3DT4H5M6S`, `P4W` or `P0001-02-03T04:05:06`.
fn iso_duration(text: &str) -> Option<usize> {
    if !text.starts_with(['p', 'P']) {
        return None;
    }
    alternative_duration(text).or_else(|| {
        let part = |mut at: usize, units: &[char]| {
            for unit in units {
                let count = digits(&text[at..]);
                if count > 0 && text[at + count..].starts_with([*unit, unit.to_ascii_uppercase()]) {
                    at += count + 1;
                }
            }
            at
        };
        let weeks = part(1, &['w']);
        if weeks > 1 {
            return Some(weeks);
        }
        let date = part(1, &['y', 'm', 'd']);
        let time = match text[date..].starts_with(['t', 'T']) {
            true => part(date + 1, &['h', 'm', 's']),
            false => date,
        };
        let end = if time > date + 1 { time } else { date };
        // A longer word, such as `p1day`, is no duration.
        let word = text[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        (end > 1 && !word).then_some(end)
    })
}

fn alternative_duration(text: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"P0000-00-00T00:00:00";
    let bytes = text.as_bytes().get(..SHAPE.len())?;
    let fits = bytes.iter().zip(SHAPE).all(|(b, shape)| match shape {
        b'0' => b.is_ascii_digit(),
        _ => b.eq_ignore_ascii_case(shape),
    });
    fits.then_some(SHAPE.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_BYTES;

    fn tokens(text: &str) -> Result<Vec<(Token<'_>, usize)>, ParseError> {
        super::tokens(text, MAX_BYTES)
    }

    fn one(text: &str) -> Token<'_> {
        let tokens = tokens(text).unwrap();
        assert_eq!(tokens.len(), 2, "{text} is one token: {tokens:?}");
        tokens[0].0.clone()
    }

    #[test]
    fn tells_literals_apart() {
        let id = "deadbeef-0000-1000-8000-00805F9B34FB";
        assert_eq!(one(id), Token::Uuid(id));
        assert_eq!(one("deadbeef"), Token::Word("deadbeef"));
        assert_eq!(one("0xCAfe"), Token::Blob("CAfe"));
        assert_eq!(one("12"), Token::Integer("12"));
        for float in ["1.", "1.5", "1e9", "1.5E-3"] {
            assert_eq!(one(float), Token::Float(float));
        }
        for duration in ["1h30m", "2mo10d", "5\u{b5}s", "1Y", "P1Y2M", "PT5S", "p4w", "P0001-02-03T04:05:06"] {
            assert_eq!(one(duration), Token::Duration(duration));
        }
        for word in ["p", "pt", "p1day", "P1_", "a_1"] {
            assert_eq!(one(word), Token::Word(word));
        }
    }

    #[test]
    fn unescapes_quotes_and_skips_comments() {
        assert_eq!(one("'it''s'"), Token::String("it's".into()));
        assert_eq!(one("$$it's$$"), Token::String("it's".into()));
        assert_eq!(one("/* a */ \"a\"\"B\" -- b"), Token::Quoted("a\"B".into()));
    }

    #[test]
    fn names_the_place_of_what_it_refuses() {
        for (text, line, column) in
            [("a\n  'x", 2, 3), ("\"\"", 1, 1), ("/*", 1, 1), ("é", 1, 1), ("'é' 1x", 1, 5), ("$a", 1, 1)]
        {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        }
    }
}
