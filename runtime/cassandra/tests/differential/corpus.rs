//! Reads the files of the corpus; `corpus/README.md` documents their form.

use std::path::Path;
use std::time::Duration;

use crate::support::compare::Rigour;
use crate::support::request::{Kind, Request, Statement};

/// A file.
#[derive(Debug)]
pub(crate) struct File {
    /// Without its ending.
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

/// A request and how its answers are compared.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) action: Action,
    pub(crate) rules: Rules,
}

/// What a case does.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Send(Request),
    /// Lets time pass, for what expires.
    Wait(Duration),
    /// From here on this query follows each modification; none if it is empty.
    Watch(String),
}

/// How a request is sent and its answers are compared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The real one is to refuse it.
    pub(crate) refused: bool,
    /// By frames of our own instead of the driver.
    pub(crate) raw: bool,
    /// Names of the bound values.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) rigour: Rigour,
    /// The words of an error must agree too.
    pub(crate) words: bool,
    /// The embedded one refuses it in words that contain these, whatever the real one does.
    pub(crate) excluded: Option<String>,
    /// The embedded one takes it, whatever the real one does.
    pub(crate) accepted: bool,
}

/// All files of a directory.
pub(crate) fn read(directory: &Path) -> Vec<File> {
    let entries = std::fs::read_dir(directory).expect("the corpus is there");
    let paths = entries.map(|entry| entry.expect("the corpus is readable").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|ending| ending == "cql"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        File { cases: parse(&name, &text), name }
    };
    paths.map(read).collect()
}

/// The cases of a file with this text.
pub(crate) fn parse(name: &str, text: &str) -> Vec<Case> {
    let mut reader = Reader { file: name.to_owned(), ..Reader::default() };
    text.lines().enumerate().for_each(|(at, line)| reader.line(at + 1, line));
    reader.finish()
}

/// State between lines.
#[derive(Default)]
struct Reader {
    file: String,
    cases: Vec<Case>,
    /// Lines of a statement that has not ended, and where it begins.
    begun: Option<(usize, String)>,
    /// What directives said of the next statement.
    rules: Rules,
    request: Request,
    bound: Vec<Vec<String>>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let line = line.trim();
        if let Some(directive) = line.strip_prefix("--@") {
            let (word, rest) = directive.trim().split_once(' ').unwrap_or((directive.trim(), ""));
            self.directive(number, word, rest.trim());
        } else if !line.is_empty() && !line.starts_with("--") {
            let (_, text) = self.begun.get_or_insert_with(|| (number, String::new()));
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line);
            if let Some(text) = text.strip_suffix(';').map(str::to_owned) {
                let (begin, _) = self.begun.take().expect("it has begun");
                self.statement(begin, &text);
            }
        }
    }

    fn directive(&mut self, number: usize, word: &str, rest: &str) {
        let place = format!("{}:{number}", self.file);
        assert!(self.begun.is_none(), "{place}: the statement above does not end with a semicolon");
        let integer = || rest.parse::<i64>().unwrap_or_else(|_| panic!("{place}: `{rest}` is no number"));
        match word {
            "bind" => self.bound.push(split(rest)),
            "names" => self.rules.names = Some(split(rest)),
            "page" => self.request.page = Some(i32::try_from(integer()).expect("a page size")),
            "timestamp" => self.request.timestamp = Some(integer()),
            "consistency" => self.request.consistency = Some(u16::try_from(integer()).expect("a level")),
            "serial" => self.request.serial = Some(u16::try_from(integer()).expect("a level")),
            "raw" => self.rules.raw = true,
            "near" => self.rules.rigour = Rigour::Near,
            "shape" => self.rules.rigour = Rigour::Shape,
            "words" => self.rules.words = true,
            "accepted" | "excluded" if self.file != "excluded" => {
                panic!("{place}: `{word}` stands in excluded.cql alone")
            }
            "accepted" => self.rules.accepted = true,
            "excluded" => self.rules.excluded = Some(rest.to_owned()),
            "wait" => {
                let time = Duration::from_millis(integer().unsigned_abs());
                self.cases.push(Case { line: number, action: Action::Wait(time), rules: Rules::default() });
            }
            "watch" => {
                let action = Action::Watch(rest.to_owned());
                self.cases.push(Case { line: number, action, rules: Rules::default() });
            }
            "batch" => {
                self.request.batch = Some(match rest {
                    "logged" => Kind::Logged,
                    "unlogged" => Kind::Unlogged,
                    "counter" => Kind::Counter,
                    other => panic!("{place}: `{other}` is no kind of batch"),
                });
            }
            "apply" => self.push(number),
            "apply!" => {
                self.rules.refused = true;
                self.push(number);
            }
            other => panic!("{place}: `{other}` is no directive"),
        }
    }

    fn statement(&mut self, number: usize, text: &str) {
        let (refused, text) = match text.strip_prefix('!') {
            Some(text) => (true, text.trim_start()),
            None => (false, text),
        };
        self.rules.refused |= refused;
        let bound = std::mem::take(&mut self.bound);
        let statement = |values| Statement { text: text.to_owned(), values };
        if self.request.batch.is_some() {
            assert!(bound.len() <= 1, "{}:{number}: one line of values for a statement of a batch", self.file);
            self.request.statements.push(statement(bound.into_iter().next()));
            return;
        }
        let (rules, request) = (self.rules.clone(), self.request.clone());
        let variants: Vec<_> = if bound.is_empty() { vec![None] } else { bound.into_iter().map(Some).collect() };
        for values in variants {
            (self.rules, self.request) = (rules.clone(), request.clone());
            self.request.statements.push(statement(values));
            self.push(number);
        }
    }

    fn push(&mut self, line: usize) {
        let action = Action::Send(std::mem::take(&mut self.request));
        self.cases.push(Case { line, action, rules: std::mem::take(&mut self.rules) });
    }

    fn finish(self) -> Vec<Case> {
        assert!(self.begun.is_none(), "{}: the last statement does not end with a semicolon", self.file);
        assert!(self.request.statements.is_empty(), "{}: the last batch is not applied", self.file);
        self.cases
    }
}

/// Values between bars.
fn split(text: &str) -> Vec<String> {
    match text {
        "" => Vec::new(),
        text => text.split('|').map(|value| value.trim().to_owned()).collect(),
    }
}
