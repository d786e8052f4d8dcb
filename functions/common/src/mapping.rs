//! [`Mapping`]: `SOURCE -> COLUMN TYPE [MODE]`, a line of the manifest.

use veltrix_sdk::cql::{MaybeUnset, Value};
use veltrix_sdk::{Error, Result};

use crate::kind::Kind;
use crate::settings::{Settings, is_identifier};
use crate::source::{Document, Found, Source};

/// A field and the column that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Where it is.
    pub source: Source,
    /// Where it goes.
    pub column: String,
    /// What it becomes.
    pub kind: Kind,
    /// When it is not there.
    pub missing: Missing,
}

/// What becomes of a field that is not there, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The event goes to the dead letters.
    Refuse,
    /// The column becomes null.
    Null,
    /// The column stays as it is; null becomes null.
    Keep,
}

impl Mapping {
    /// The mappings of a variable, a line each. Mistakes are noted.
    pub fn lines(settings: &mut Settings, name: &'static str) -> Vec<Self> {
        let mut mappings = Vec::new();
        for (number, line) in settings.lines(name) {
            match Self::parse(&line) {
                Ok(mapping) => mappings.push(mapping),
                Err(problem) => settings.problem(format!("`{name}`, line {number}: {problem}")),
            }
        }
        mappings
    }

    fn parse(line: &str) -> Result<Self, String> {
        let shape =
            || format!("{line:?} is no mapping: write SOURCE -> COLUMN TYPE, like /customer/id -> customer uuid");
        let (source, target) = line.rsplit_once("->").ok_or_else(shape)?;
        let (column, rest) = target.trim().split_once(char::is_whitespace).ok_or_else(shape)?;
        if !is_identifier(column) {
            return Err(format!("{column:?} is no column: letters, digits and _, at most 48"));
        }
        let (kind, missing) = match rest.rsplit_once(char::is_whitespace) {
            Some((kind, "required")) => (kind, Missing::Refuse),
            Some((kind, "null")) => (kind, Missing::Null),
            Some((kind, "keep")) => (kind, Missing::Keep),
            _ => (rest, Missing::Refuse),
        };
        let source = Source::parse(source.trim())?;
        Ok(Self { source, column: column.to_owned(), kind: Kind::parse(kind)?, missing })
    }

    /// Notes what it can't be as a part of the primary key.
    pub fn check_as_key(&self, settings: &mut Settings) {
        let Self { column, kind, missing, .. } = self;
        if !kind.is_scalar() {
            settings.problem(format!("`key`: {column} can't be a {kind}"));
        }
        if *missing != Missing::Refuse {
            settings.problem(format!("`key`: {column} has to be there: neither null nor keep"));
        }
    }

    /// The field, as its column takes it.
    ///
    /// # Errors
    /// It is not there and has to be, or of another type: to the dead letters.
    pub fn read(&self, document: &Document<'_>) -> Result<MaybeUnset<Option<Value>>> {
        let refuse = |what: &str| Err(Error::dead_letter(format!("{} is {what}", self.source)));
        match (document.field(&self.source, &self.kind)?, self.missing) {
            (Found::Value(value), _) => Ok(MaybeUnset::Set(Some(value))),
            (Found::Null, Missing::Refuse) => refuse("null"),
            (Found::Missing, Missing::Refuse) => refuse("missing"),
            (Found::Missing, Missing::Keep) => Ok(MaybeUnset::Unset),
            (Found::Null | Found::Missing, _) => Ok(MaybeUnset::Set(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_source_a_column_a_type_and_a_mode() {
        let mapping = Mapping::parse("/a b/c  ->  total  map<text, int>  keep").unwrap();
        assert_eq!((mapping.source.to_string().as_str(), mapping.column.as_str()), ("/a b/c", "total"));
        assert_eq!((mapping.kind.to_string().as_str(), mapping.missing), ("map<text, int>", Missing::Keep));
        assert_eq!(Mapping::parse("key -> id uuid").unwrap().missing, Missing::Refuse);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (line, says) in [
            ("/a = b int", "SOURCE -> COLUMN TYPE"),
            ("/a -> b", "SOURCE -> COLUMN TYPE"),
            ("a -> b int", "no place in an event"),
            ("/a~2 -> b int", "no JSON pointer"),
            ("/a -> b.c int", "no column"),
            ("/a -> b integer", "no type"),
            ("/a -> b int maybe", "no type"),
        ] {
            let problem = Mapping::parse(line).unwrap_err();
            assert!(problem.contains(says), "{line}: {problem}");
        }
    }
}
