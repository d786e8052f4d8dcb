//! Cases in TOML.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Draft, Place, Section, text_of, unknown};
use crate::problem::Problems;

type Value<'t> = Spanned<DeValue<'t>>;

/// Reads a table of cases: `[[case]]`, each with a name.
pub(crate) fn read(file: &Path, prefix: &str, problems: &mut Problems) -> Vec<Draft> {
    let Some(text) = text_of(file, problems) else { return Vec::new() };
    let Some(root) = parse(file, &text, problems) else { return Vec::new() };
    let mut drafts = Vec::new();
    for (key, value) in root.get_ref() {
        let line = line_of(&text, key.span().start);
        let (true, DeValue::Array(cases)) = (key.get_ref() == "case", value.get_ref()) else {
            problems.add(
                file,
                line,
                format!("unknown key `{}`; a table of cases is `[[case]]` after `[[case]]`", key.get_ref()),
            );
            continue;
        };
        for case in cases {
            let line = line_of(&text, case.span().start);
            let DeValue::Table(table) = case.get_ref() else {
                problems.add(file, line, "not a case; write `[[case]]`, and its keys below");
                continue;
            };
            let mut reader = Reader { file, text: &text, problems };
            let Some(mut draft) = reader.case(table, line, true) else { continue };
            draft.name = format!("{prefix}/{}", draft.name);
            drafts.push(draft);
        }
    }
    if drafts.is_empty() && problems.0.iter().all(|problem| problem.file != file) {
        problems.add(file, 0, "no case in it; write `[[case]]`, and its keys below");
    }
    drafts
}

/// Reads a folder's `case.toml`.
pub(super) fn read_case(file: &Path, problems: &mut Problems) -> Option<Draft> {
    let text = text_of(file, problems)?;
    let root = parse(file, &text, problems)?;
    let mut reader = Reader { file, text: &text, problems };
    reader.case(root.get_ref(), 1, false)
}

fn parse<'t>(file: &Path, text: &'t str, problems: &mut Problems) -> Option<Spanned<DeTable<'t>>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(0, |at| line_of(text, at.start));
        problems.add(file, line, format!("not TOML: {}", error.message().replace('\n', ", ")));
    }
    errors.is_empty().then_some(root)
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    problems: &'a mut Problems,
}

impl Reader<'_> {
    fn case(&mut self, table: &DeTable<'_>, line: usize, named: bool) -> Option<Draft> {
        let mut draft = Draft { file: self.file.to_owned(), line, ..Draft::default() };
        let (mut name, mut out) = (None, None);
        for (key, value) in table {
            let at = self.line(key.span());
            match &**key.get_ref() {
                "name" if named => name = self.string(key.get_ref(), value).map(|text| (value.span(), text)),
                "name" => self.problem(at, "`name` is the folder's; leave it out"),
                "about" => _ = self.string("about", value),
                "binding" => draft.binding = self.string("binding", value).map(|text| (at, text)),
                "clock" => draft.clock = self.time(value).map(|text| (at, text)),
                "vars" => draft.vars = self.map("vars", value),
                "secrets" => draft.secrets = self.map("secrets", value),
                "in" => draft.events = self.section("in", value),
                "rows" => draft.rows = self.section("rows", value),
                "cql" => draft.cql = self.section("cql", value),
                "out" => {
                    draft.out = self.section("out", value);
                    out = Some(value.span());
                }
                other => self.problem(at, unknown(other)),
            }
        }
        let at = match (&name, named) {
            (Some((at, _)), _) => self.end_of_line(at.end),
            (None, false) => 0..0,
            (None, true) => {
                self.problem(line, "the case has no `name`");
                return None;
            }
        };
        draft.place = Place::Toml { file: self.file.to_owned(), at: out.unwrap_or(at) };
        draft.name = name.map(|(_, name)| name).unwrap_or_default();
        if named && (draft.name.is_empty() || draft.name.contains(['/', '\n'])) {
            self.problem(line, "a case's `name` is some words without `/`");
        }
        Some(draft)
    }

    fn string(&mut self, key: &str, value: &Value<'_>) -> Option<String> {
        if let DeValue::String(text) = value.get_ref() {
            return Some(text.to_string());
        }
        let line = self.line(value.span());
        self.problem(line, format!("`{key}` must be a string"));
        None
    }

    /// A string, or a time as TOML has them.
    fn time(&mut self, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::Datetime(time) => Some(time.to_string()),
            _ => self.string("clock", value),
        }
    }

    fn map(&mut self, key: &str, value: &Value<'_>) -> BTreeMap<String, String> {
        let DeValue::Table(table) = value.get_ref() else {
            let line = self.line(value.span());
            self.problem(line, format!("`{key}` must be a table of strings, such as {{ name = \"value\" }}"));
            return BTreeMap::new();
        };
        let mut read = |(name, value): (&Spanned<_>, &Value<'_>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Some((name.to_string(), self.string(&format!("{key}.{name}"), value)?))
        };
        table.iter().filter_map(&mut read).collect()
    }

    fn section(&mut self, key: &str, value: &Value<'_>) -> Option<Section> {
        let text = self.string(key, value)?;
        let written = &self.text[value.span()];
        // The line end behind the opening quotes belongs to them.
        let after = ["'''", "\"\"\""].iter().find_map(|quotes| written.strip_prefix(quotes));
        let skipped = after.is_some_and(|after| after.starts_with('\n') || after.starts_with("\r\n"));
        let first = self.line(value.span()) + usize::from(skipped);
        Some(Section::of(self.file, first, &text))
    }

    /// Behind the line that holds this byte.
    fn end_of_line(&self, byte: usize) -> Range<usize> {
        let end = self.text[byte..].find('\n').map_or(self.text.len(), |end| byte + end + 1);
        end..end
    }

    fn line(&self, at: Range<usize>) -> usize {
        line_of(self.text, at.start)
    }

    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.add(self.file, line, message);
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
