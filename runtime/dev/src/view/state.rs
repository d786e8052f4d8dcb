//! What the view shows and what keys do to it. Pure: no terminal, no worker, no clock.

use super::journal::Place;
use super::meter::Row;

/// What is shown beside the journal.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The application, and where its servers are.
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
    /// The row that keys are about.
    chosen: usize,
    /// How far the inputs are, if there are any.
    pub(crate) input: Option<Input>,
    /// The end was asked for.
    pub(crate) ending: bool,
    /// A note fills the screen.
    pub(crate) reading: Option<Reading>,
}

/// Where somebody is who reads notes. Who draws knows how long they are, and puts right what is beyond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Its number; none: the one that is most likely meant.
    pub(crate) note: Option<u64>,
    /// Lines above the screen.
    pub(crate) top: usize,
    /// Lines on the screen.
    pub(crate) page: usize,
}

/// How far the inputs are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) fed: u64,
    /// Hundredths of the whole; none if its size is not known.
    pub(crate) percent: Option<u64>,
    pub(crate) ended: bool,
}

/// A key, as far as the view has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Up,
    Down,
    Pause,
    Resume,
    Replay,
    /// Read notes, and stop it.
    Notes,
    PageUp,
    PageDown,
    Home,
    End,
    Left,
    Right,
    Back,
    Quit,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Pause {
        group: String,
    },
    Resume {
        group: String,
    },
    Replay {
        group: String,
        event: Place,
    },
    /// Drain, then end.
    End,
    /// End now.
    EndAtOnce,
    /// Nothing; say why.
    Say(String),
}

impl State {
    pub(crate) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    pub(crate) fn show(&mut self, rows: Vec<Row>) {
        self.rows = rows;
        self.chosen = self.chosen.min(self.rows.len().saturating_sub(1));
    }

    /// The row that keys are about, and its place.
    pub(crate) fn chosen(&self) -> Option<(usize, &Row)> {
        self.rows.get(self.chosen).map(|row| (self.chosen, row))
    }

    pub(crate) fn press(&mut self, key: Key) -> Option<Action> {
        if let Some(reading) = &mut self.reading
            && key != Key::Interrupt
        {
            if matches!(key, Key::Notes | Key::Back | Key::Quit) {
                self.reading = None;
            } else {
                reading.press(key);
            }
            return None;
        }
        match key {
            Key::Notes => self.reading = Some(Reading { note: None, top: 0, page: 1 }),
            Key::PageUp | Key::PageDown | Key::Home | Key::End | Key::Left | Key::Right | Key::Back => {}
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(self.rows.len().saturating_sub(1)),
            Key::Quit | Key::Interrupt => return self.end(key),
            Key::Pause | Key::Resume | Key::Replay => return self.order(key),
        }
        None
    }

    /// Somebody who interrupts twice is in a hurry; somebody who presses `q` twice only wants to see it end.
    fn end(&mut self, key: Key) -> Option<Action> {
        match (std::mem::replace(&mut self.ending, true), key) {
            (false, _) => Some(Action::End),
            (true, Key::Interrupt) => Some(Action::EndAtOnce),
            (true, _) => None,
        }
    }

    fn order(&self, key: Key) -> Option<Action> {
        let (_, row) = self.chosen()?;
        let group = row.group.clone();
        Some(match key {
            Key::Pause if row.paused => Action::Say(format!("{} is paused already; r resumes it", row.function)),
            Key::Pause => Action::Pause { group },
            Key::Resume if !row.paused && row.lanes_stopped == 0 => {
                Action::Say(format!("{} is not paused", row.function))
            }
            Key::Resume => Action::Resume { group },
            _ => match row.last.clone() {
                Some(event) => Action::Replay { group, event },
                None => Action::Say(format!("{} has done no event yet: nothing to replay", row.function)),
            },
        })
    }
}

impl Reading {
    fn press(&mut self, key: Key) {
        match key {
            Key::Up => self.top = self.top.saturating_sub(1),
            Key::Down => self.top = self.top.saturating_add(1),
            Key::PageUp => self.top = self.top.saturating_sub(self.page),
            Key::PageDown => self.top = self.top.saturating_add(self.page),
            Key::Home => self.top = 0,
            Key::End => self.top = usize::MAX,
            Key::Left => self.turn(|note| note.saturating_sub(1)),
            Key::Right => self.turn(|note| note.saturating_add(1)),
            Key::Pause | Key::Resume | Key::Replay | Key::Notes | Key::Back | Key::Quit | Key::Interrupt => {}
        }
    }

    fn turn(&mut self, to: impl Fn(u64) -> u64) {
        (self.note, self.top) = (self.note.map(to), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let row = |function: &str| Row { function: function.into(), group: format!("g.{function}"), ..Row::default() };
        let mut state = State::default();
        state.show(vec![row("a"), row("b")]);
        state
    }

    #[test]
    fn keys_are_about_the_chosen_binding() {
        let mut state = state();
        assert_eq!(state.press(Key::Pause), Some(Action::Pause { group: "g.a".into() }));
        for _ in 0..3 {
            assert_eq!(state.press(Key::Down), None);
        }
        assert_eq!(state.press(Key::Pause), Some(Action::Pause { group: "g.b".into() }));
        state.rows[1].paused = true;
        assert_eq!(state.press(Key::Resume), Some(Action::Resume { group: "g.b".into() }));
        assert_eq!(state.press(Key::Pause), Some(Action::Say("b is paused already; r resumes it".into())));
        state.show(vec![Row { function: "c".into(), ..Row::default() }]);
        assert_eq!(state.chosen().map(|(at, row)| (at, row.function.as_str())), Some((0, "c")));
        assert_eq!(state.press(Key::Resume), Some(Action::Say("c is not paused".into())));
        state.rows[0].lanes_stopped = 1;
        assert!(matches!(state.press(Key::Resume), Some(Action::Resume { .. })), "a stopped lane goes on, too");
    }

    #[test]
    fn the_last_event_is_replayed_if_there_is_one() {
        let mut state = state();
        let told = "a has done no event yet: nothing to replay";
        assert_eq!(state.press(Key::Replay), Some(Action::Say(told.into())));
        let event = Place { topic: "t".into(), partition: 1, offset: 9 };
        state.rows[0].last = Some(event.clone());
        assert_eq!(state.press(Key::Replay), Some(Action::Replay { group: "g.a".into(), event }));
    }

    #[test]
    fn only_a_second_interrupt_ends_at_once() {
        let mut state = state();
        assert_eq!(state.press(Key::Quit), Some(Action::End));
        assert_eq!(state.press(Key::Quit), None);
        assert_eq!(state.press(Key::Interrupt), Some(Action::EndAtOnce));
    }

    #[test]
    fn keys_of_who_reads_are_about_what_is_read() {
        let mut state = state();
        state.press(Key::Notes);
        let reading = state.reading.as_mut().unwrap();
        (reading.note, reading.page) = (Some(7), 10);
        let mut at = |keys: &[Key]| {
            keys.iter().for_each(|key| assert_eq!(state.press(*key), None));
            state.reading.as_ref().map(|reading| (reading.note, reading.top))
        };
        assert_eq!(at(&[Key::PageDown, Key::Down, Key::Down, Key::Up]), Some((Some(7), 11)));
        assert_eq!(at(&[Key::PageUp, Key::PageUp, Key::Pause]), Some((Some(7), 0)));
        assert_eq!(at(&[Key::End]), Some((Some(7), usize::MAX)));
        assert_eq!(at(&[Key::Left, Key::Left, Key::Right]), Some((Some(6), 0)));
        assert_eq!(at(&[Key::Quit]), None, "back to the bindings, not to the end");
        assert_eq!(state.press(Key::Notes), None);
        assert_eq!(state.press(Key::Interrupt), Some(Action::End));
    }

    #[test]
    fn without_bindings_keys_do_nothing() {
        let mut state = State::default();
        for key in [Key::Up, Key::Down, Key::Pause, Key::Resume, Key::Replay] {
            assert_eq!(state.press(key), None);
        }
    }
}
