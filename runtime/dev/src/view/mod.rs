//! The live view of a terminal: bindings, logs, dead letters, builds; and keys.

mod draw;
mod journal;
mod layer;
mod meter;
mod reader;
mod screen;
mod state;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tracing::Level;
use veltrix_host::Handle;

use self::journal::{Journal, Place};
use self::meter::Meter;
use self::state::{Action, Input, Key, State};
use crate::folder::Addresses;
use crate::report::{Progress, Report};

pub use layer::JournalLayer;
pub use screen::restore;

/// Between looks at the worker, and at the keys.
const TICK: Duration = Duration::from_millis(200);
/// Name of the thread that draws.
const THREAD: &str = "view";

/// The view, until it is dropped: then the terminal is as it was before.
#[derive(Debug)]
pub struct View {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread that draws shares with those that tell.
struct Shared {
    journal: Arc<Journal>,
    worker: Mutex<Option<(Handle, Addresses)>>,
    input: Mutex<Option<Input>>,
    over: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("over", &self.over).finish_non_exhaustive()
    }
}

/// What to do when somebody at the terminal wants the end: the first time drain, the second time end at once.
pub type End = Box<dyn Fn(bool) + Send>;

impl View {
    /// Takes the terminal and draws on it. `end(false)` is called when somebody wants it to end, `end(true)` if at once.
    ///
    /// # Errors
    /// There is no terminal that can be drawn on; it is as it was before.
    pub fn start(end: End) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            journal: Arc::default(),
            worker: Mutex::default(),
            input: Mutex::default(),
            over: AtomicBool::new(false),
        });
        screen::guard_panics(shared.journal.clone());
        let terminal = screen::take()?;
        let drawn = shared.clone();
        let thread =
            std::thread::Builder::new().name(THREAD.into()).spawn(move || Screen::new(drawn, end).run(terminal));
        match thread {
            Ok(thread) => Ok(Self { shared, thread: Some(thread) }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Takes what is logged from now on.
    pub fn layer(&self) -> JournalLayer {
        JournalLayer(self.shared.journal.clone())
    }

    /// Shows what `dev` tells.
    pub fn report(&self) -> Arc<dyn Report> {
        self.shared.clone()
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has told its own panic.
            let _ = thread.join();
        }
        restore();
    }
}

impl Report for Shared {
    fn say(&self, line: &str) {
        self.journal.note(Level::INFO, line);
    }

    fn problem(&self, text: &str) {
        self.journal.note(Level::ERROR, text);
    }

    fn progress(&self, progress: &Progress) {
        let percent = progress.size.filter(|size| *size > 0).map(|size| (progress.read.min(size) * 100) / size);
        let input = Input { fed: progress.fed, percent, ended: progress.ended };
        *self.input.lock().expect("no panic while held") = (progress.fed > 0 || progress.ended).then_some(input);
    }

    fn running(&self, worker: &Handle, addresses: &Addresses) {
        *self.worker.lock().expect("no panic while held") = Some((worker.clone(), addresses.clone()));
    }

    fn ended(&self) {}
}

/// The thread that draws.
struct Screen {
    shared: Arc<Shared>,
    end: End,
    state: State,
    meters: HashMap<String, Meter>,
}

impl Screen {
    fn new(shared: Arc<Shared>, end: End) -> Self {
        let state = State::new("veltrix dev: starting");
        Self { shared, end, state, meters: HashMap::new() }
    }

    fn run<B: Backend>(mut self, mut terminal: Terminal<B>) {
        let mut looked = Instant::now() - TICK;
        while !self.shared.over.load(Ordering::Relaxed) {
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                self.look();
            }
            let ours = screen::draw(|| {
                let pages = self.shared.journal.pages();
                // A terminal that has gone is told by a signal.
                let _ = terminal.draw(|frame| draw::draw(frame, &mut self.state, &pages));
            });
            if !ours {
                return;
            }
            self.wait(TICK.saturating_sub(looked.elapsed()));
        }
    }

    /// Waits for keys, at most so long.
    fn wait(&mut self, limit: Duration) {
        match event::poll(limit) {
            Ok(false) => {}
            Ok(true) => {
                if let Ok(Event::Key(pressed)) = event::read()
                    && let Some(action) = key(pressed).and_then(|key| self.state.press(key))
                {
                    self.act(action);
                }
            }
            // Keys can't be read here; what is shown still can.
            Err(_) => std::thread::sleep(limit),
        }
    }

    fn look(&mut self) {
        self.state.input = self.shared.input.lock().expect("no panic while held").clone();
        let Some((worker, addresses)) = self.shared.worker.lock().expect("no panic while held").clone() else { return };
        let Addresses { kafka, cassandra, admin, .. } = addresses;
        let cassandra = cassandra.map_or_else(String::new, |cassandra| format!("   cassandra {cassandra}"));
        self.state.title = format!("veltrix dev   kafka {kafka}{cassandra}   admin {admin}");
        let now = Instant::now();
        let rows = worker.snapshots().into_iter().map(|snapshot| {
            let meter = self.meters.entry(snapshot.group.clone()).or_default();
            meter.look(now, snapshot)
        });
        self.state.show(rows.collect());
    }

    fn act(&self, action: Action) {
        let worker = self.shared.worker.lock().expect("no panic while held").clone();
        let say = |text: String| self.shared.journal.note(Level::INFO, &text);
        match (action, worker) {
            (Action::End, _) => (self.end)(false),
            (Action::EndAtOnce, _) => {
                restore();
                (self.end)(true);
            }
            (Action::Say(text), _) => say(text),
            (Action::Pause { group }, Some((worker, _))) => {
                worker.pause(&group);
                say(format!("{group} is paused; r resumes it"));
            }
            (Action::Resume { group }, Some((worker, _))) => {
                worker.resume(&group);
                say(format!("{group} goes on"));
            }
            (Action::Replay { group, event }, Some((worker, _))) => self.replay(worker, group, event),
            (Action::Pause { .. } | Action::Resume { .. } | Action::Replay { .. }, None) => {}
        }
    }

    /// Beside the thread that draws, as Kafka may take its time.
    fn replay(&self, worker: Handle, group: String, event: Place) {
        let journal = self.shared.journal.clone();
        let order = move || {
            let Place { topic, partition, offset } = &event;
            let partition = i32::try_from(*partition).unwrap_or(-1);
            match worker.replay(&group, topic, partition, *offset) {
                Ok(()) => journal.note(Level::INFO, &format!("{group} handles {event} again")),
                Err(error) => journal.note(Level::ERROR, &format!("{group} can't handle {event} again: {error}")),
            }
        };
        if let Err(error) = std::thread::Builder::new().name("replay".into()).spawn(order) {
            self.shared.journal.note(Level::ERROR, &format!("no thread for the replay: {error}"));
        }
    }
}

/// What a key means here, if anything.
fn key(pressed: KeyEvent) -> Option<Key> {
    if pressed.kind == KeyEventKind::Release {
        return None;
    }
    match pressed.code {
        KeyCode::Char('c') if pressed.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Interrupt),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Down),
        KeyCode::Char('p') => Some(Key::Pause),
        KeyCode::Char('r') => Some(Key::Resume),
        KeyCode::Char('e') => Some(Key::Replay),
        KeyCode::Char('n') | KeyCode::Enter => Some(Key::Notes),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Key::PageDown),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::Esc => Some(Key::Back),
        KeyCode::Char('q') => Some(Key::Quit),
        _ => None,
    }
}
