//! What was found of one thing, and how it is mended.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Look, Subject};

/// What was found of one thing.
#[derive(Serialize)]
pub(crate) struct Check {
    /// What was looked at.
    pub(crate) name: &'static str,
    pub(crate) state: State,
    pub(crate) message: String,
    /// A command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
    /// What `--fix` does; harms nothing.
    #[serde(skip)]
    mend: Option<Mend>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Good,
    /// It was a problem, and `--fix` mended it.
    Mended,
    /// Something does not work, but need not.
    Warning,
    Problem,
}

/// Does what a command would do; says what went wrong.
type Mend = Box<dyn Fn() -> Result<(), String> + Send>;

impl Check {
    pub(crate) fn good(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Good, message: message.into(), fix: None, mend: None }
    }

    pub(crate) fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::Warning, ..Self::good(name, message) }
    }

    pub(crate) fn problem(name: &'static str, message: impl Into<String>) -> Self {
        Self { state: State::Problem, ..Self::good(name, message) }
    }

    /// With the command that mends it.
    pub(crate) fn fix(self, command: impl Into<String>) -> Self {
        Self { fix: Some(command.into()), ..self }
    }

    /// With what `--fix` does.
    pub(crate) fn mend(self, mend: impl Fn() -> Result<(), String> + Send + 'static) -> Self {
        Self { mend: Some(Box::new(mend)), ..self }
    }

    pub(crate) fn can_be_mended(&self) -> bool {
        self.state == State::Problem && self.mend.is_some()
    }

    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let state = match self.state {
            State::Good => "good",
            State::Mended => "mended",
            State::Warning => "warning",
            State::Problem => "PROBLEM",
        };
        let begin = format!("{state:<8} {:<15} ", self.name);
        let indent = " ".repeat(begin.len());
        let mut lines = self.message.lines();
        let mut told = vec![format!("{begin}{}", lines.next().unwrap_or_default())];
        told.extend(lines.map(|line| format!("{indent}{line}")));
        told.extend(self.fix.as_ref().map(|fix| format!("{indent}$ {fix}")));
        told
    }
}

/// Looks; with `fix` mends what it can, and looks again.
pub(crate) fn look(look: Look, subject: &Subject, fix: bool) -> Vec<Check> {
    let mut found = look(subject);
    if !fix {
        return found;
    }
    // What was mended may show what was hidden behind it: until nothing more can be done.
    let mut done: Vec<(&'static str, Option<String>)> = Vec::new();
    while let Some(at) = found.iter().position(|check| check.can_be_mended() && !done.iter().any(|d| d.0 == check.name))
    {
        let check = &found[at];
        let failure = check.mend.as_ref().and_then(|mend| mend().err());
        done.push((check.name, failure.or_else(|| check.fix.clone())));
        found = look(subject);
    }
    for (name, told) in done {
        let Some(check) = found.iter_mut().find(|check| check.name == name) else {
            // It is gone, and nothing is to be said of it any more.
            let message = told.unwrap_or_default();
            found.push(Check { state: State::Mended, ..Check::good(name, message) });
            continue;
        };
        let told = told.unwrap_or_default();
        match check.state {
            State::Good => {
                check.state = State::Mended;
                check.fix = Some(told);
            }
            State::Mended | State::Warning | State::Problem => {
                check.message = format!("{}\n--fix did not help: {told}", check.message);
            }
        }
    }
    found
}

/// A path for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/+:@".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// Whether files can be made in a folder: by making one.
pub(crate) fn is_writable(folder: &Path) -> Result<(), String> {
    let probe: PathBuf = folder.join(format!(".veltrix-doctor.{}", std::process::id()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe);
    let _ = std::fs::remove_file(&probe);
    made.map(drop).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn subject() -> Subject {
        Subject { manifest: None, folder: ".".into(), admin: String::new(), brokers: Vec::new(), nodes: Vec::new() }
    }

    #[test]
    fn what_is_mended_is_looked_at_again() {
        static MENDED: AtomicBool = AtomicBool::new(false);
        let broken: Look = |_| {
            let mend = || {
                MENDED.store(true, Ordering::Relaxed);
                Ok(())
            };
            match MENDED.load(Ordering::Relaxed) {
                true => vec![Check::good("a", "is there")],
                false => vec![Check::problem("a", "is not there").fix("make a").mend(mend)],
            }
        };
        assert_eq!(look(broken, &subject(), false)[0].state, State::Problem);
        let found = look(broken, &subject(), true);
        assert_eq!(found[0].lines(), ["mended   a               is there", "                         $ make a"]);
    }

    #[test]
    fn what_can_t_be_mended_says_so_once() {
        let broken: Look =
            |_| vec![Check::problem("a", "is not there").fix("make a").mend(|| Err("no room".to_owned()))];
        let found = look(broken, &subject(), true);
        assert_eq!((found.len(), found[0].state), (1, State::Problem));
        assert_eq!(found[0].message, "is not there\n--fix did not help: no room");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("/a/b-c")), "/a/b-c");
        assert_eq!(quoted(Path::new("/it's a")), r"'/it'\''s a'");
    }
}
