//! The last lines of functions, of the worker and of builds, and the last dead letters: a bounded memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::Level;

/// How much of each kind is kept.
const KEPT: usize = 200;
/// Longer lines are cut: a screen shows no more.
const LONGEST: usize = 2_000;
/// Lines of a note that are kept, from its beginning: that is where compilers begin with what is wrong.
const MOST_LINES: usize = 500;

/// Where an event was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i64,
    pub(crate) offset: i64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}", self.topic, self.partition, self.offset)
    }
}

/// A line that a function logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) at: Clock,
    pub(crate) level: Level,
    pub(crate) function: String,
    /// None: it was logged for no event in particular.
    pub(crate) place: Option<Place>,
    pub(crate) text: String,
}

/// An event that became a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) at: Clock,
    pub(crate) function: String,
    pub(crate) place: Place,
    pub(crate) attempts: u64,
    pub(crate) reason: String,
    pub(crate) error: String,
}

/// What `dev` or its worker says, whole: a compiler's error has many lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) at: Clock,
    pub(crate) level: Level,
    /// At least one.
    pub(crate) lines: Vec<String>,
}

/// All of it, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) logs: VecDeque<Log>,
    pub(crate) dead: VecDeque<DeadLetter>,
    pub(crate) notes: VecDeque<Note>,
    /// Notes that are kept no longer: the number of the oldest that is.
    pub(crate) forgotten: u64,
}

/// Written by any thread, read by the one that draws.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Pages>);

impl Journal {
    pub(crate) fn log(&self, log: Log) {
        push(&mut self.pages().logs, Log { text: cut(&log.text), ..log });
    }

    pub(crate) fn dead(&self, dead: DeadLetter) {
        push(&mut self.pages().dead, DeadLetter { error: cut(&dead.error), ..dead });
    }

    pub(crate) fn note(&self, level: Level, text: &str) {
        let mut lines: Vec<String> = text.lines().take(MOST_LINES).map(cut).collect();
        match text.lines().skip(MOST_LINES).count() {
            0 => {}
            more => lines.push(format!("… {more} more lines")),
        }
        if lines.is_empty() {
            return;
        }
        let mut pages = self.pages();
        pages.forgotten += u64::from(pages.notes.len() == KEPT);
        push(&mut pages.notes, Note { at: Clock::now(), level, lines });
    }

    pub(crate) fn pages(&self) -> MutexGuard<'_, Pages> {
        // Nothing here is half done when a thread panics.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T) {
    if kept.len() == KEPT {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// What a terminal can show of it: on one line, without what would move its cursor or change its colours.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock(Duration);

impl Clock {
    pub(crate) fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    #[cfg(test)]
    pub(crate) fn of(hours: u64, minutes: u64, seconds: u64) -> Self {
        Self(Duration::from_secs((hours * 60 + minutes) * 60 + seconds))
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs() % 86_400;
        write!(f, "{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_is_kept_and_nothing_that_moves_a_cursor() {
        let journal = Journal::default();
        for n in 0..KEPT + 5 {
            journal.note(Level::INFO, &format!("line {n}"));
        }
        journal.note(Level::ERROR, "red \u{1b}[31m\ttab\nnext");
        journal.note(Level::INFO, "");
        let pages = journal.pages();
        assert_eq!((pages.notes.len(), pages.forgotten), (KEPT, 6));
        assert_eq!(pages.notes[0].lines, ["line 6"]);
        assert_eq!(pages.notes.back().unwrap().lines, ["red  [31m tab", "next"], "whole, in the order of reading");
        drop(pages);
        journal.note(Level::INFO, &"é".repeat(LONGEST * 2));
        assert_eq!(journal.pages().notes.back().unwrap().lines[0].chars().count(), LONGEST);
        journal.note(Level::INFO, &"line\n".repeat(MOST_LINES + 3));
        let pages = journal.pages();
        let long = &pages.notes.back().unwrap().lines;
        assert_eq!((long.len(), long.last().unwrap().as_str()), (MOST_LINES + 1, "… 3 more lines"));
    }

    #[test]
    fn clocks_show_the_time_of_day() {
        assert_eq!(Clock(Duration::from_secs(86_400 * 20_000 + 3_661)).to_string(), "01:01:01");
    }
}
