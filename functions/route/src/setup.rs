//! [`Setup`]: the settings, read once per instance.

use function_common::{Pointer, Settings};

use crate::rule::{Rule, is_topic};

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) rules: Vec<Rule>,
    /// To the topics of all rules that match, not of the first alone.
    pub(crate) all: bool,
    pub(crate) default: Target,
    /// The array whose elements are events of their own.
    pub(crate) split: Option<Pointer>,
    /// Most elements of it.
    pub(crate) most: usize,
    /// Where the key is, instead of the event's.
    pub(crate) key: Option<Pointer>,
}

/// Where what no rule matches goes.
#[derive(Debug, PartialEq)]
pub(crate) enum Target {
    Topic(String),
    DeadLetter,
    Skip,
}

impl Setup {
    pub(crate) fn read(settings: &mut Settings) -> Option<Self> {
        let mut rules = Vec::new();
        for (number, line) in settings.lines("rules") {
            match Rule::parse(&line) {
                Ok(rule) => rules.push(rule),
                Err(problem) => settings.problem(format!("`rules`, line {number}: {problem}")),
            }
        }
        let all = choice(settings, "match", &["first", "all"]) == 1;
        let default = default(settings);
        let split = pointer(settings, "split");
        let most = settings.whole("most", 10_000, 1, 100_000) as usize;
        let key = pointer(settings, "key");
        if rules.is_empty() && !matches!(default, Target::Topic(_)) {
            settings.problem("there is neither a rule nor a default topic: write `rules`, a rule a line".to_owned());
        }
        for topic in rules.iter().map(|rule| &rule.topic) {
            settings.topic("rules", topic);
        }
        if let Target::Topic(topic) = &default {
            settings.topic("default", topic);
        }
        Some(Self { rules, all, default, split, most, key })
    }
}

fn choice(settings: &mut Settings, name: &'static str, choices: &[&str]) -> usize {
    let Some(text) = settings.optional(name) else { return 0 };
    choices.iter().position(|choice| *choice == text).unwrap_or_else(|| {
        settings.problem(format!("`{name}` is one of {}, not {text:?}", choices.join(", ")));
        0
    })
}

fn default(settings: &mut Settings) -> Target {
    let Some(text) = settings.optional("default") else { return Target::DeadLetter };
    match (text.trim(), text.trim().strip_prefix("->").map(str::trim)) {
        ("dead-letter", _) => Target::DeadLetter,
        ("skip", _) => Target::Skip,
        (_, Some(topic)) if is_topic(topic) => Target::Topic(topic.to_owned()),
        _ => {
            settings.problem(format!("`default` is \"dead-letter\", \"skip\" or \"-> TOPIC\", not {text:?}"));
            Target::DeadLetter
        }
    }
}

fn pointer(settings: &mut Settings, name: &'static str) -> Option<Pointer> {
    let text = settings.optional(name)?;
    match Pointer::parse(if text == "value" { "" } else { &text }) {
        Ok(pointer) => Some(pointer),
        Err(problem) => {
            settings.problem(format!("`{name}`: {problem}"));
            None
        }
    }
}
