//! What follows `WITH`: names and values, of which each is read as its kind.

use std::collections::BTreeMap;

use veltrix_cql::{Literal, Options, Property};

use crate::api::Error;

/// Options by name; each was given once and is known.
pub(crate) struct Properties<'a>(BTreeMap<&'a str, &'a Property>);

impl<'a> Properties<'a> {
    /// # Errors
    /// `Syntax`, for options given twice or not known.
    pub(crate) fn read(options: &'a Options, known: &[&str]) -> Result<Self, Error> {
        let mut properties = BTreeMap::new();
        for (name, value) in options {
            if properties.insert(name.as_str(), value).is_some() {
                return syntax(format!("Multiple definitions for property '{}'", name.as_str()));
            }
        }
        match properties.keys().find(|name| !known.contains(name)) {
            Some(name) => syntax(format!("Unknown property '{name}'")),
            None => Ok(Self(properties)),
        }
    }

    pub(crate) fn string(&self, name: &str) -> Result<Option<String>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Property::Literal(literal)) => Ok(Some(text(literal))),
            Some(Property::Map(_)) => syntax(format!("Invalid value for property '{name}'. It should be a string")),
        }
    }

    pub(crate) fn map(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        Ok(self.entries(name)?.map(|entries| entries.iter().map(|(key, value)| (text(key), text(value))).collect()))
    }

    pub(crate) fn entries(&self, name: &str) -> Result<Option<&[(Literal, Literal)]>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Property::Map(entries)) => Ok(Some(entries)),
            Some(Property::Literal(_)) => syntax(format!("Invalid value for property '{name}'. It should be a map.")),
        }
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" => Ok(Some(true)),
            "0" | "false" | "no" => Ok(Some(false)),
            _ => syntax(format!(
                "Invalid boolean value {text} for '{name}'. Positive values can be '1', 'true' or 'yes'. \
                 Negative values can be '0', 'false' or 'no'."
            )),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i32>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => syntax(format!("Invalid integer value {text} for '{name}'")),
        }
    }

    pub(crate) fn double(&self, name: &str) -> Result<Option<f64>, Error> {
        let Some(text) = self.string(name)? else { return Ok(None) };
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => syntax(format!("Invalid double value {text} for '{name}'")),
        }
    }
}

/// A constant as text.
fn text(literal: &Literal) -> String {
    match literal {
        Literal::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn syntax<T>(message: String) -> Result<T, Error> {
    Err(Error::Syntax(message))
}
