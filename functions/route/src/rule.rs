//! [`Rule`]: `POINTER OPERATOR VALUE -> TOPIC`.

use std::cmp::Ordering;

use function_common::{Json, Pointer, compare_numbers};

/// A condition on the content, and where to go if it is met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pointer: Pointer,
    test: Test,
    pub(crate) topic: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Exists,
    Missing,
    /// Equal to one of these scalars.
    Is(Vec<Scalar>),
    /// There, and equal to none of them.
    IsNot(Vec<Scalar>),
    Prefix(String),
    /// A number for which the comparison gives one of these.
    Compares(String, &'static [Ordering]),
}

#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Text(String),
    /// As it is written; equal numbers may be written otherwise.
    Number(String),
    /// `true`, `false`, `null`.
    Word(String),
}

impl Rule {
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        const SHAPE: &str = "write POINTER OPERATOR VALUE -> TOPIC, like /type = \"order\" -> orders";
        let (condition, topic) =
            line.rsplit_once("->").ok_or_else(|| format!("{line:?} has no `-> TOPIC`: {SHAPE}"))?;
        let (condition, topic) = (condition.trim(), topic.trim());
        if !is_topic(topic) {
            return Err(format!("{topic:?} is no topic: letters, digits, `.`, `_` and `-`, at most 249"));
        }
        let (pointer, rest) =
            condition.split_once(char::is_whitespace).ok_or_else(|| format!("{line:?} has no operator: {SHAPE}"))?;
        let pointer = if pointer == "value" { "" } else { pointer };
        let (operator, value) = rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
        let test = Test::parse(operator, value.trim())?;
        Ok(Self { pointer: Pointer::parse(pointer)?, test, topic: topic.to_owned() })
    }

    pub(crate) fn matches(&self, json: Json<'_>) -> bool {
        let found = json.get(&self.pointer);
        match (&self.test, found) {
            (Test::Missing, found) => found.is_none(),
            (_, None) => false,
            (Test::Exists, Some(_)) => true,
            (Test::Is(scalars), Some(found)) => scalars.iter().any(|scalar| scalar.is(found)),
            (Test::IsNot(scalars), Some(found)) => !scalars.iter().any(|scalar| scalar.is(found)),
            (Test::Prefix(prefix), Some(found)) => found.as_str().is_some_and(|text| text.starts_with(prefix)),
            (Test::Compares(number, wanted), Some(found)) => found
                .as_number()
                .and_then(|found| compare_numbers(found, number))
                .is_some_and(|ordering| wanted.contains(&ordering)),
        }
    }
}

impl Test {
    fn parse(operator: &str, value: &str) -> Result<Self, String> {
        let json = || {
            Json::parse(value.as_bytes())
                .map_err(|error| format!("{operator} takes a JSON value, not {value:?}: {error}"))
        };
        let number = |wanted| {
            let number = json()?.as_number().map(str::to_owned);
            let number = number.filter(|number| compare_numbers(number, "0").is_some());
            number
                .map(|number| Self::Compares(number, wanted))
                .ok_or_else(|| format!("{operator} takes a number, not {value}"))
        };
        match operator {
            "exists" | "missing" if !value.is_empty() => Err(format!("{operator} takes no value, not {value:?}")),
            "exists" => Ok(Self::Exists),
            "missing" => Ok(Self::Missing),
            "=" => Ok(Self::Is(vec![Scalar::of(json()?)?])),
            "!=" => Ok(Self::IsNot(vec![Scalar::of(json()?)?])),
            "in" => {
                let list = json()?;
                if list.elements().next().is_none() {
                    return Err(format!("in takes a list of JSON values, like [\"a\", \"b\"], not {value}"));
                }
                Ok(Self::Is(list.elements().map(Scalar::of).collect::<Result<_, _>>()?))
            }
            "prefix" => {
                let prefix = json()?.as_str().map(|text| text.into_owned());
                prefix.map(Self::Prefix).ok_or_else(|| format!("prefix takes a string in quotes, not {value}"))
            }
            "<" => number(&[Ordering::Less]),
            "<=" => number(&[Ordering::Less, Ordering::Equal]),
            ">" => number(&[Ordering::Greater]),
            ">=" => number(&[Ordering::Greater, Ordering::Equal]),
            other => {
                Err(format!("{other:?} is no operator, these are: =, !=, <, <=, >, >=, in, prefix, exists, missing"))
            }
        }
    }
}

impl Scalar {
    fn of(json: Json<'_>) -> Result<Self, String> {
        if json.is_array() || json.is_object() {
            return Err(format!(
                "{} is compared with nothing: write a string, a number, true, false or null",
                json.describe()
            ));
        }
        Ok(match (json.as_str(), json.as_number()) {
            (Some(text), _) => Self::Text(text.into_owned()),
            (None, Some(number)) => Self::Number(number.to_owned()),
            (None, None) => Self::Word(json.raw().to_owned()),
        })
    }

    fn is(&self, json: Json<'_>) -> bool {
        match self {
            Self::Text(text) => json.as_str().is_some_and(|found| found == *text),
            Self::Number(number) => json
                .as_number()
                .is_some_and(|found| found == number || compare_numbers(found, number) == Some(Ordering::Equal)),
            Self::Word(word) => json.raw() == word,
        }
    }
}

/// Whether Kafka takes it for a topic's name.
pub(crate) fn is_topic(name: &str) -> bool {
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    legal && (1..=249).contains(&name.len()) && name != "." && name != ".."
}
