//! [`Json`]: a JSON value as it came. Checked once; nothing is copied, numbers keep their digits, and no depth can exhaust the
//! stack.

mod check;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::pointer::Pointer;

/// A value in a text that was checked, without the spaces around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Checks a text: strict JSON (RFC 8259) in UTF-8, at most 128 deep.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| format!("value is not UTF-8: {error}"))?;
        check::check(text.as_bytes()).map_err(|(at, what)| format!("value is not JSON: {what} at byte {at}"))?;
        Ok(Self(text.trim_matches(is_space)))
    }

    /// The value as it is written.
    pub fn raw(&self) -> &'a str {
        self.0
    }

    /// The value there. Of members with the same name the last counts.
    pub fn get(&self, pointer: &Pointer) -> Option<Json<'a>> {
        pointer.tokens().iter().try_fold(*self, |value, token| match value.0.as_bytes()[0] {
            b'{' => value.members().filter(|(name, _)| is_named(name, &token.name)).last().map(|(_, value)| value),
            b'[' => value.elements().nth(token.index?),
            _ => None,
        })
    }

    /// Names and values of an object, in order; of what is no object, none.
    pub fn members(&self) -> Members<'a> {
        Members(Inner::of(self.0, b'{'))
    }

    /// The elements of an array, in order; of what is no array, none.
    pub fn elements(&self) -> Elements<'a> {
        Elements(Inner::of(self.0, b'['))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.0 == "null"
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    /// `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A number, as it is written.
    pub fn as_number(&self) -> Option<&'a str> {
        matches!(self.0.as_bytes()[0], b'-' | b'0'..=b'9').then_some(self.0)
    }

    /// A string.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?;
        Some(unescape(&inner[..inner.len() - 1]))
    }

    /// What it is, for people: never what is in it.
    pub fn describe(&self) -> &'static str {
        match self.0.as_bytes()[0] {
            b'{' => "an object",
            b'[' => "an array",
            b'"' => "a string",
            b'n' => "null",
            b't' | b'f' => "a boolean",
            _ => "a number",
        }
    }
}

/// See [`Json::members`].
#[derive(Debug, Clone)]
pub struct Members<'a>(Inner<'a>);

impl<'a> Iterator for Members<'a> {
    /// The name as it is written between its quotes, and the value.
    type Item = (Name<'a>, Json<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.value()?;
        self.0.pass();
        let value = self.0.value()?;
        self.0.pass();
        Some((Name(&name[1..name.len() - 1]), Json(value)))
    }
}

/// The name of a member.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The name, its escapes resolved.
    pub fn text(&self) -> Cow<'a, str> {
        unescape(self.0)
    }
}

/// See [`Json::elements`].
#[derive(Debug, Clone)]
pub struct Elements<'a>(Inner<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Json<'a>;

    fn next(&mut self) -> Option<Json<'a>> {
        let value = self.0.value()?;
        self.0.pass();
        Some(Json(value))
    }
}

/// The inside of an object or an array, and how far it was read.
#[derive(Debug, Clone)]
struct Inner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Inner<'a> {
    fn of(text: &'a str, open: u8) -> Self {
        match text.as_bytes().first() {
            Some(first) if *first == open => Self { text: &text[1..text.len() - 1], at: 0 },
            _ => Self { text: "", at: 0 },
        }
    }

    /// The next name or value, as it is written.
    fn value(&mut self) -> Option<&'a str> {
        self.spaces();
        let start = self.at;
        self.at = end_of(self.text.as_bytes(), start)?;
        Some(&self.text[start..self.at])
    }

    /// Goes past a comma or a colon.
    fn pass(&mut self) {
        self.spaces();
        self.at += 1;
    }

    fn spaces(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| is_space(char::from(**byte))).count();
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Where the value that begins at `start` of a checked text ends; none at the end.
fn end_of(text: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0;
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = end_of_string(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            // A number or a word: to what can't be part of one.
            _ if depth == 0 => {
                let rest =
                    text[at..].iter().take_while(|byte| !matches!(byte, b',' | b':' | b' ' | b'\t' | b'\n' | b'\r'));
                return Some(at + rest.count());
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn is_named(name: &Name<'_>, wanted: &str) -> bool {
    if name.0.contains('\\') { name.text() == wanted } else { name.0 == wanted }
}

/// Resolves the escapes of a checked string.
fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let escaped = after.as_bytes()[0];
        let mut used = 1;
        text.push(match escaped {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = hex(&after[1..5]);
                used = 5;
                let code = match high {
                    // Its other half follows: that was checked.
                    0xd800..=0xdbff => {
                        used = 11;
                        0x10000 + ((high - 0xd800) << 10) + (hex(&after[7..11]) - 0xdc00)
                    }
                    code => code,
                };
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        });
        rest = &after[used..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn hex(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).unwrap_or_default()
}
