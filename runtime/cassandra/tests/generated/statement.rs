//! Statements under construction: text with markers, and literals for these.

use rand::Rng;
use rand::rngs::SmallRng;

use crate::support::request::{Kind, Request, Statement};

/// Text with a `?` for each of the values. In values, `$0` and `$1` stand for the keys of the sequence's partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) values: Vec<String>,
}

impl Draft {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A marker and its value.
    pub(crate) fn bind(&mut self, value: impl Into<String>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// Parts with something between them.
    pub(crate) fn join(&mut self, parts: Vec<Draft>, between: &str) -> &mut Self {
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                self.text.push_str(between);
            }
            self.text.push_str(&part.text);
            self.values.extend(part.values);
        }
        self
    }
}

/// A statement or a batch, and how it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) batch: Option<Kind>,
    pub(crate) page: Option<i32>,
    /// Prepare and bind, instead of writing values into the text.
    pub(crate) bound: bool,
}

impl Step {
    pub(crate) fn one(draft: Draft) -> Self {
        Self { drafts: vec![draft], batch: None, page: None, bound: false }
    }

    /// What is sent if the partitions have these keys.
    pub(crate) fn request(&self, keys: &[String; 2]) -> Request {
        let own = |value: &String| value.replace("$0", &keys[0]).replace("$1", &keys[1]);
        let values = |draft: &Draft| draft.values.iter().map(own).collect::<Vec<_>>();
        if self.bound {
            let statements = self.drafts.iter();
            let statements =
                statements.map(|draft| Statement { text: draft.text.clone(), values: Some(values(draft)) });
            return Request {
                statements: statements.collect(),
                batch: self.batch,
                page: self.page,
                ..Request::default()
            };
        }
        let texts: Vec<String> = self.drafts.iter().map(|draft| write_in(&draft.text, &values(draft))).collect();
        let text = match self.batch {
            None => texts.concat(),
            Some(kind) => {
                let kind = match kind {
                    Kind::Logged => "",
                    Kind::Unlogged => "UNLOGGED ",
                    Kind::Counter => "COUNTER ",
                };
                format!("BEGIN {kind}BATCH {}; APPLY BATCH", texts.join("; "))
            }
        };
        Request { page: self.page, ..Request::text(text) }
    }
}

fn write_in(text: &str, values: &[String]) -> String {
    let mut written = String::new();
    for (at, part) in text.split('?').enumerate() {
        if at > 0 {
            written.push_str(&values[at - 1]);
        }
        written.push_str(part);
    }
    written
}

/// True in one of so many cases.
pub(crate) fn one_in(random: &mut SmallRng, cases: u32) -> bool {
    random.random_range(0..cases) == 0
}

/// One of these.
pub(crate) fn pick<T: Copy>(random: &mut SmallRng, from: &[T]) -> T {
    from[random.random_range(0..from.len())]
}
