//! Runs one file against both servers, in step.

use std::time::Duration;

use crate::corpus::{Action, Case, File, Rules};
use crate::raw::Raw;
use crate::report::{Difference, Report};
use crate::support::answer::Answer;
use crate::support::compare::{BROKEN, Verdict, compare};
use crate::support::driver::Driver;
use crate::support::request::{Request, Statement};
use crate::support::servers;

/// How often a query is tried again, a tenth of a second apart, that fails because a new index is not built yet.
const UNBUILT: u32 = 100;
const READ_FAILURE: i32 = 0x1300;

/// Runs all cases of a file in keyspaces of its own.
pub(crate) fn run(file: &File) -> Report {
    let [ours, theirs] = servers::keyspaces();
    let mut real = Side::open(servers::real(), ours);
    let mut embedded = Side::open(servers::embedded(), theirs);
    let mut report = Report::new(&file.name);
    let mut watched = String::new();
    for case in &file.cases {
        match &case.action {
            Action::Wait(time) => std::thread::sleep(*time),
            Action::Watch(query) => watched.clone_from(query),
            Action::Send(request) => {
                report.statements += 1;
                let answers = [&mut real, &mut embedded].map(|side| side.send(request, &case.rules));
                judge(&mut report, case, request.statements.last().map_or("", |last| &last.text), answers);
                follow(&mut report, case, request, &watched, [&mut real, &mut embedded]);
            }
        }
    }
    real.close();
    embedded.close();
    report
}

/// What each case asks beside its own request.
fn follow(report: &mut Report, case: &Case, request: &Request, watched: &str, mut sides: [&mut Side; 2]) {
    let text = request.statements.last().map_or("", |last| &last.text);
    let is = |word: &str| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let plain = Case { line: case.line, action: case.action.clone(), rules: Rules::default() };
    if case.rules.excluded.is_some() || case.rules.accepted {
        return;
    }
    if is("SELECT") && !case.rules.refused {
        let answers = sides.each_mut().map(|side| side.prepare(text));
        judge(report, &plain, &format!("(prepare) {text}"), answers);
    } else if !watched.is_empty() && ["INSERT", "UPDATE", "DELETE", "BEGIN", "TRUNCATE"].into_iter().any(is) {
        let query = Request::text(watched);
        let answers = sides.each_mut().map(|side| side.send(&query, &plain.rules));
        judge(report, &plain, &format!("{text}\n(then) {watched}"), answers);
    }
}

fn judge(report: &mut Report, case: &Case, text: &str, [real, embedded]: [Answer; 2]) {
    let rules = &case.rules;
    let refused = matches!(real, Answer::Error(_));
    let why = if let Some(words) = &rules.excluded {
        match &embedded {
            Answer::Error(refusal) if refusal.code == 0x2200 && refusal.message.contains(words.as_str()) => return,
            _ => "not refused in the words that the file wants",
        }
    } else if rules.accepted {
        match &embedded {
            Answer::Error(_) => "not taken",
            _ => return,
        }
    } else if matches!(&real, Answer::Error(refusal) if BROKEN.contains(&refusal.code)) {
        "the real one breaks at this: nothing to agree with"
    } else if refused != rules.refused {
        "the real one does not do what the file says of it"
    } else {
        match compare(&real, &embedded, rules.rigour) {
            Verdict::Equal => return,
            Verdict::Words if rules.words => "words of error",
            Verdict::Words => {
                report.words.push(Difference { line: case.line, why: "words", text: text.to_owned(), real, embedded });
                return;
            }
            Verdict::Differ(why) => why,
        }
    };
    report.differences.push(Difference { line: case.line, why, text: text.to_owned(), real, embedded });
}

/// One server, with the keyspaces of this file there.
struct Side {
    address: &'static str,
    keyspace: String,
    driver: Driver,
    raw: Option<Raw>,
}

impl Side {
    fn open(address: &'static str, keyspace: String) -> Self {
        let driver = Driver::connect(address);
        let answer = driver.run(&Request::text(servers::create(&keyspace)));
        assert!(!matches!(answer, Answer::Error(_)), "creating a keyspace at {address}: {answer:?}");
        driver.use_keyspace(&keyspace);
        Self { address, keyspace, driver, raw: None }
    }

    fn send(&mut self, request: &Request, rules: &Rules) -> Answer {
        let own = |text: &String| text.replace("$ks", &self.keyspace);
        let statements = request.statements.iter();
        let statements = statements.map(|Statement { text, values }| Statement {
            text: own(text),
            values: values.as_ref().map(|values| values.iter().map(own).collect()),
        });
        let request = Request { statements: statements.collect(), ..request.clone() };
        let mut answer = self.once(&request, rules);
        for _ in 0..UNBUILT {
            match &answer {
                Answer::Error(refusal) if refusal.code == READ_FAILURE && !rules.refused => {}
                _ => break,
            }
            std::thread::sleep(Duration::from_millis(100));
            answer = self.once(&request, rules);
        }
        answer.without(&self.keyspace)
    }

    fn once(&mut self, request: &Request, rules: &Rules) -> Answer {
        if !rules.raw {
            return self.driver.run(request);
        }
        let open = || Raw::connect(self.address, &self.keyspace);
        self.raw.get_or_insert_with(open).run(request, rules.names.as_deref())
    }

    fn prepare(&mut self, text: &str) -> Answer {
        self.driver.prepare(&text.replace("$ks", &self.keyspace)).without(&self.keyspace)
    }

    /// Files call further keyspaces of theirs `$ks2` and `$ks3`.
    fn close(self) {
        for suffix in ["", "2", "3"] {
            self.driver.run(&Request::text(format!("DROP KEYSPACE IF EXISTS {}{suffix}", self.keyspace)));
        }
    }
}
