//! [`Settings`]: the manifest's `vars` of a function, and all that is wrong with them.

use std::time::Duration;

use veltrix_sdk::Context;

/// Reads variables and notes what is wrong with them, so that all of it can be told at once.
#[derive(Debug)]
pub struct Settings {
    context: &'static Context,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Settings {
    pub(crate) fn of(context: &'static Context) -> Self {
        Self { context, known: Vec::new(), problems: Vec::new() }
    }

    /// A variable that may be left out.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.context.var(name)
    }

    /// A variable that has to be there. `example` is what to write.
    pub fn required(&mut self, name: &'static str, example: &str) -> Option<String> {
        let value = self.optional(name).filter(|value| !value.trim().is_empty());
        if value.is_none() {
            self.problem(format!("`{name}` is missing: write for example {example}"));
        }
        value
    }

    /// The lines of a variable that say something, with their numbers; `#` begins a comment line.
    pub fn lines(&mut self, name: &'static str) -> Vec<(usize, String)> {
        let text = self.optional(name).unwrap_or_default();
        let lines = text.lines().map(str::trim).zip(1..);
        let says = |line: &str| !line.is_empty() && !line.starts_with('#');
        lines.filter(|(line, _)| says(line)).map(|(line, number)| (number, line.to_owned())).collect()
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, name: &'static str, default: i64, least: i64, most: i64) -> i64 {
        let Some(text) = self.optional(name) else { return default };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.problem(format!("`{name}` must be a whole number from {least} to {most}, not {text:?}"));
                default
            }
        }
    }

    /// A whole number and one unit of `s`, `m`, `h`, `d`, at least a second and at most `most`.
    pub fn duration(&mut self, name: &'static str, most: Duration) -> Option<Duration> {
        let text = self.optional(name)?;
        let parsed = duration(&text).filter(|duration| !duration.is_zero() && *duration <= most);
        if parsed.is_none() {
            let days = most.as_secs() / 86_400;
            self.problem(format!(
                "`{name}` must be a duration from 1s to {days}d, like \"90d\" or \"1h\", not {text:?}"
            ));
        }
        parsed
    }

    /// A table or column: letters, digits and `_`, as Cassandra stores it.
    pub fn identifier(&mut self, name: &'static str, example: &str) -> Option<String> {
        let value = self.required(name, example)?;
        if is_identifier(&value) {
            return Some(value);
        }
        self.problem(format!("`{name}` must be a name of letters, digits and _, at most 48, not {value:?}"));
        None
    }

    /// The same, with a default.
    pub fn named(&mut self, name: &'static str, default: &str) -> String {
        let value = self.optional(name).unwrap_or_else(|| default.to_owned());
        if !is_identifier(&value) {
            self.problem(format!("`{name}` must be a name of letters, digits and _, at most 48, not {value:?}"));
        }
        value
    }

    /// A topic that the function may emit to.
    pub fn topic(&mut self, name: &str, topic: &str) {
        let granted = self.context.topics();
        if granted.is_some_and(|granted| !granted.iter().any(|known| known == topic)) {
            self.problem(format!("`{name}`: the topic {topic:?} is not among the function's `emits`: add it there"));
        }
    }

    /// Notes what is wrong.
    pub fn problem(&mut self, what: String) {
        self.problems.push(what);
    }

    /// The value, if nothing is wrong.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, String> {
        for name in self.context.variables().unwrap_or_default() {
            if !self.known.contains(&name.as_str()) {
                let known = self.known.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
                self.problems.push(format!("`{name}` is no variable of this function, these are: {known}"));
            }
        }
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(format!("the function's `vars` in the manifest: {}", self.problems.join("; "))),
        }
    }
}

/// Whether it is a name of a table or column that needs no more than quotes.
pub(crate) fn is_identifier(name: &str) -> bool {
    (1..=48).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn duration(text: &str) -> Option<Duration> {
    let seconds = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!([seconds("90s"), seconds("2h"), seconds("1d")], [Some(90), Some(7_200), Some(86_400)]);
        for wrong in ["", "h", "1", "1w", "-1h", "+1h", "1.5h", "1 h", "99999999999999999999d", "1µ"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn identifiers_can_hold_no_quotes() {
        assert!(is_identifier("events_2") && is_identifier("Mixed"));
        assert!(
            !is_identifier("") && !is_identifier("a\"b") && !is_identifier("ks.t") && !is_identifier(&"a".repeat(49))
        );
    }
}
