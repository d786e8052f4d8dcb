//! Text to JSON. Numbers are kept as they are written, since what they become depends on the type.

use super::Json;

/// Deeper texts are refused: they are read by recursion.
const MAX_DEPTH: usize = 64;

/// # Errors
/// What was found where.
pub(super) fn parse(text: &str) -> Result<Json, String> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let value = parser.value()?;
    parser.blank();
    match parser.at == text.len() {
        true => Ok(value),
        false => parser.unexpected(),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn unexpected<T>(&self) -> Result<T, String> {
        let column = self.text[..self.at].chars().count() + 1;
        Err(match self.rest().chars().next() {
            Some(found) => format!("Unexpected character {found:?} at column {column}"),
            None => "Unexpected end-of-input".to_owned(),
        })
    }

    fn symbol(&mut self, symbol: char) -> bool {
        self.blank();
        let is = self.rest().starts_with(symbol);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        if self.symbol(symbol) { Ok(()) } else { self.unexpected() }
    }

    fn value(&mut self) -> Result<Json, String> {
        self.blank();
        for (word, value) in [("null", Json::Null), ("true", Json::Boolean(true)), ("false", Json::Boolean(false))] {
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if self.rest().strip_prefix(word).is_some_and(ends) {
                self.at += word.len();
                return Ok(value);
            }
        }
        match self.rest().bytes().next() {
            Some(b'"') => self.string().map(Json::String),
            Some(b'[') => self.nested(Self::list),
            Some(b'{') => self.nested(Self::map),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.unexpected(),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        self.at += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        if self.symbol(']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.symbol(',') {
                self.expect(']')?;
                return Ok(Json::List(items));
            }
        }
    }

    fn map(&mut self) -> Result<Json, String> {
        let mut entries = Vec::new();
        if self.symbol('}') {
            return Ok(Json::Map(entries));
        }
        loop {
            self.blank();
            if !self.rest().starts_with('"') {
                return self.unexpected();
            }
            let key = self.string()?;
            self.expect(':')?;
            entries.push((key, self.value()?));
            if !self.symbol(',') {
                self.expect('}')?;
                return Ok(Json::Map(entries));
            }
        }
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let sign = usize::from(rest.first() == Some(&b'-'));
        let whole = digits(sign);
        let mut end = sign + whole;
        let mut valid = whole > 0 && (whole == 1 || rest[sign] != b'0');
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            valid &= fraction > 0;
            end += 1 + fraction;
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            valid &= exponent > 0;
            end += 1 + sign + exponent;
        }
        if !valid {
            return self.unexpected();
        }
        let text = self.rest()[..end].to_owned();
        self.at += end;
        Ok(Json::Number(text))
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let Some(end) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') else {
                self.at = self.text.len();
                return self.unexpected();
            };
            out.push_str(&rest[..end]);
            let found = rest.as_bytes()[end];
            self.at += end;
            match found {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return self.unexpected(),
            }
        }
    }

    /// The character of `\…`.
    fn escape(&mut self) -> Result<char, String> {
        let Some(kind) = self.rest().as_bytes().get(1).copied() else { return self.unexpected() };
        if kind == b'u' {
            return self.unicode();
        }
        let character = match kind {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return self.unexpected(),
        };
        self.at += 2;
        Ok(character)
    }

    /// `\u` and four hex digits, or two of these for a character beyond.
    fn unicode(&mut self) -> Result<char, String> {
        let unit = |rest: &str| {
            let digits = rest.strip_prefix("\\u")?.get(..4)?;
            digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
        };
        let Some(first) = unit(self.rest()) else { return self.unexpected() };
        let second = self.rest().get(6..).and_then(unit);
        let (character, length) = match second {
            Some(second) if (0xd800..0xdc00).contains(&first) => {
                (char::decode_utf16([first, second]).next().and_then(Result::ok), 12)
            }
            _ => (char::from_u32(first.into()), 6),
        };
        // A half of a pair is no character; Java would keep it as `?` on the wire.
        self.at += length;
        Ok(character.unwrap_or('?'))
    }
}
