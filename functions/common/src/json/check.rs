//! Whether a text is JSON: strict, without recursion.

/// As deep as `serde_json` goes.
const DEEPEST: usize = 128;

/// Where, and what is wrong there.
type Problem = (usize, &'static str);

/// Checks that the text is one JSON value.
pub(super) fn check(text: &[u8]) -> Result<(), Problem> {
    let mut check = Check { text, at: 0 };
    let mut open = Vec::new();
    loop {
        if !check.value(&mut open)? {
            continue;
        }
        // A value has ended: so may what it is in.
        loop {
            check.spaces();
            let at = check.at;
            match (open.last(), check.next()) {
                (None, None) => return Ok(()),
                (None, Some(_)) => return Err((at, "more than one value")),
                (Some(b'{'), Some(b',')) => {
                    check.name()?;
                    break;
                }
                (Some(b'['), Some(b',')) => break,
                (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) => {
                    open.pop();
                }
                (Some(_), None) => return Err((at, "the text ends too early")),
                (Some(b'{'), _) => return Err((at, "expected , or }")),
                (Some(_), _) => return Err((at, "expected , or ]")),
            }
        }
    }
}

struct Check<'a> {
    text: &'a [u8],
    at: usize,
}

impl Check<'_> {
    /// Goes past a scalar, an empty object or array: true. Or into one: false.
    fn value(&mut self, open: &mut Vec<u8>) -> Result<bool, Problem> {
        self.spaces();
        let start = self.at;
        match self.next() {
            Some(b'"') => self.string()?,
            Some(b'-') => self.number()?,
            Some(b'0'..=b'9') => {
                self.at = start;
                self.number()?;
            }
            Some(b't') => self.word(start, b"true")?,
            Some(b'f') => self.word(start, b"false")?,
            Some(b'n') => self.word(start, b"null")?,
            Some(bracket @ (b'{' | b'[')) => {
                if open.len() == DEEPEST {
                    return Err((start, "deeper than 128"));
                }
                self.spaces();
                let close = if bracket == b'{' { b'}' } else { b']' };
                if self.text.get(self.at) == Some(&close) {
                    self.at += 1;
                    return Ok(true);
                }
                open.push(bracket);
                if bracket == b'{' {
                    self.name()?;
                }
                return Ok(false);
            }
            None => return Err((start, "the text ends too early")),
            Some(_) => return Err((start, "expected a value")),
        }
        Ok(true)
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn spaces(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn name(&mut self) -> Result<(), Problem> {
        self.spaces();
        let start = self.at;
        if self.next() != Some(b'"') {
            return Err((start, "expected a name in quotes"));
        }
        self.string()?;
        self.spaces();
        if self.next() == Some(b':') { Ok(()) } else { Err((self.at, "expected :")) }
    }

    fn word(&mut self, start: usize, word: &[u8]) -> Result<(), Problem> {
        self.at = start + word.len();
        if self.text.get(start..self.at) == Some(word) { Ok(()) } else { Err((start, "expected a value")) }
    }

    /// Behind the opening quote.
    fn string(&mut self) -> Result<(), Problem> {
        loop {
            let at = self.at;
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err((at, "a control character in a string")),
                Some(_) => {}
                None => return Err((at, "a string without an end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Problem> {
        let at = self.at;
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => match self.hex()? {
                0xd800..=0xdbff => {
                    let follows = self.next() == Some(b'\\') && self.next() == Some(b'u');
                    if follows && (0xdc00..=0xdfff).contains(&self.hex()?) {
                        Ok(())
                    } else {
                        Err((at, "half a character"))
                    }
                }
                0xdc00..=0xdfff => Err((at, "half a character")),
                _ => Ok(()),
            },
            _ => Err((at, "an unknown escape")),
        }
    }

    fn hex(&mut self) -> Result<u32, Problem> {
        let at = self.at;
        (0..4).try_fold(0, |code, _| {
            let digit = self.next().and_then(|byte| char::from(byte).to_digit(16));
            digit.map(|digit| code << 4 | digit).ok_or((at, "expected four hexadecimal digits"))
        })
    }

    /// Behind the minus.
    fn number(&mut self) -> Result<(), Problem> {
        let start = self.at;
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text[start] == b'0') {
            return Err((start, "not a number"));
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err((start, "not a number"));
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err((start, "not a number"));
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }
}
