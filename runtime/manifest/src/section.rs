//! A table of the manifest being read: each key is asked for once, with the kind of value it takes; what was never
//! asked for is unknown. So the reader of a section is the list of its keys.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Report, Span};
use crate::suggest;

/// A value and where it stands.
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// A value that was read, and where it stood.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) at: Span,
    pub(crate) value: T,
}

/// One value, with what messages call it.
pub(crate) struct Field<'t> {
    /// `` `topics` `` or ``an entry of `topics` ``.
    pub(crate) label: String,
    /// What comes before an example of the value: `topics = ` or nothing.
    pub(crate) prefix: String,
    pub(crate) value: &'t Value<'t>,
}

impl Field<'_> {
    /// Reports what the value must be, against what it is.
    pub(crate) fn expected(&self, report: &mut Report<'_>, what: &str, example: &str) {
        let found = match self.value.get_ref() {
            DeValue::String(text) => quoted(text),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        };
        let fix = format!("write for example `{}{example}`", self.prefix);
        report.add(&self.value.span(), format!("{} must be {what}, not {found}", self.label), fix);
    }

    pub(crate) fn problem(&self, report: &mut Report<'_>, what: &str, fix: impl Into<String>) {
        report.add(&self.value.span(), format!("{} {what}", self.label), fix);
    }
}

/// A string as TOML writes it, cut where nobody reads on.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

/// Reads a field: its value, or `None` once the problem is reported.
pub(crate) trait Kind<T>: Fn(&mut Report<'_>, &Field<'_>) -> Option<T> {}
impl<T, F: Fn(&mut Report<'_>, &Field<'_>) -> Option<T>> Kind<T> for F {}

/// A table of which some keys were asked for.
pub(crate) struct Section<'t> {
    /// As messages name it: `[kafka]`, `` `batch` ``.
    name: String,
    /// Where to point when something is missing.
    pub(crate) at: Span,
    /// `None`: the section is absent, all its keys have their defaults.
    table: Option<&'t DeTable<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(crate) fn new(name: impl Into<String>, at: Span, table: Option<&'t DeTable<'t>>) -> Self {
        Self { name: name.into(), at, table, asked: Vec::new() }
    }

    /// The value of a key.
    pub(crate) fn field(&mut self, key: &'static str) -> Option<Field<'t>> {
        self.asked.push(key);
        let value = self.table?.get(key)?;
        Some(Field { label: format!("`{key}`"), prefix: format!("{key} = "), value })
    }

    /// A value that may be left out.
    pub(crate) fn get<T>(&mut self, report: &mut Report<'_>, key: &'static str, kind: impl Kind<T>) -> Option<T> {
        let field = self.field(key)?;
        kind(report, &field)
    }

    /// A value that has no default. `example` is what to write.
    pub(crate) fn need<T>(
        &mut self,
        report: &mut Report<'_>,
        key: &'static str,
        example: &str,
        kind: impl Kind<T>,
    ) -> Option<T> {
        let Some(field) = self.field(key) else {
            let fix = format!("write for example `{key} = {example}`");
            report.add(&self.at, format!("{} has no `{key}`", self.name), fix);
            return None;
        };
        kind(report, &field)
    }

    /// A table within; an absent one reads as empty.
    pub(crate) fn table(&mut self, report: &mut Report<'_>, key: &'static str, example: &str) -> Section<'t> {
        let absent = Section::new(format!("`{key}`"), self.at.clone(), None);
        let Some(field) = self.field(key) else { return absent };
        let Some(table) = field.value.get_ref().as_table() else {
            field.expected(report, "a table", example);
            return absent;
        };
        Section::new(format!("`{key}`"), field.value.span(), Some(table))
    }

    /// With the name that its table has in the file.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Whether the section is in the file.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self, report: &mut Report<'_>) {
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let fix = suggest::hint(name, self.asked.iter().copied(), '`');
            report.add(&key.span(), format!("unknown key {} in {}", quoted(name), self.name), fix);
        }
    }
}
